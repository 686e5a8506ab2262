package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/demo"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// build returns the path of a syncline program of this tree.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "syncline")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/syncline").CombinedOutput(); err != nil {
		t.Fatalf("building syncline: %v\n%s", err, output)
	}
	return program
}

func TestDemoHoldsAndLeavesNothingBehind(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SYNCLINE_TEST_KUBECONFIG", "")
	program := build(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var progress bytes.Buffer
	result, err := demo.Run(t.Context(), demo.Options{Syncline: program, Once: true, Progress: &progress})
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.Bytes())
	}
	if !result.OK || !result.PruneOK || !result.GuardOK || result.Error != "" {
		t.Errorf("the result does not say that all held: %+v", result)
	}
	if result.Apps < 10 || result.Synced != result.Apps || result.Healthy != result.Apps {
		t.Errorf("%d Applications, %d synced, %d healthy; want 10 or more, all of them", result.Apps, result.Synced, result.Healthy)
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

// In a cluster that was given, the demo removes what it installed; one that has Applications it does not touch.
func TestDemoInGivenCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SYNCLINE_TEST_KUBECONFIG", "")
	program := build(t)
	cluster, err := testenv.StartCluster(t.Context(), testenv.ClusterOptions{Name: "given"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	t.Setenv("KUBECONFIG", cluster.Kubeconfig)
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	api, err := kube.Connect(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	before := clusterScoped(t, api)
	var progress bytes.Buffer
	options := demo.Options{Syncline: program, Once: true, Progress: &progress}
	if _, err := demo.Run(t.Context(), options); err != nil {
		t.Fatalf("%v\n%s", err, progress.Bytes())
	}
	if diff := cmp.Diff(before, clusterScoped(t, api)); diff != "" {
		t.Errorf("the demo left the cluster changed (-before +after):\n%s", diff)
	}

	installApplication(t, api)
	if _, err := demo.Run(t.Context(), options); err == nil || !strings.Contains(err.Error(), "argocd/somebodys") {
		t.Errorf("the demo uses a cluster that has Applications: %v", err)
	}
}

// clusterScoped names the cluster-scoped objects that the demo makes some of.
func clusterScoped(t *testing.T, api *kube.Client) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	for _, resource := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "namespaces"},
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
	} {
		objects, err := api.ListObjects(t.Context(), resource, kube.WatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range objects {
			names[resource.Resource] = append(names[resource.Resource], object.GetName())
		}
	}
	return names
}

// installApplication makes the cluster one in which Applications are used already.
func installApplication(t *testing.T, api *kube.Client) {
	t.Helper()
	definition, err := os.ReadFile("../../deploy/crds/argoproj.io_applications.yaml")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(text string) error {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(text), &content); err != nil {
			t.Fatal(err)
		}
		object, err := syncline.NewObject(content, "test")
		if err != nil {
			t.Fatal(err)
		}
		_, err = api.Write(t.Context(), syncline.Write{Action: syncline.Create, Ref: object.Ref(), Object: object})
		return err
	}
	if err := errors.Join(apply(string(definition)), apply("{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}")); err != nil {
		t.Fatal(err)
	}
	// That the definition is established does not mean yet that its kind is served, and nothing tells when it is.
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		api.Outdated()
		err := apply(`{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: somebodys, namespace: argocd}, spec: {
			project: default, source: {repoURL: "https://git.example.com/a.git", path: a}, destination: {name: in-cluster}}}`)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the Application could not be created: %v", err)
		}
	}
}

// A server that ends by itself ends the demo, which says so and shows the end of its log.
func TestDemoReportsTheEndOfTheServer(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SYNCLINE_TEST_KUBECONFIG", "")
	program := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho the disk is on fire\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	result, err := demo.Run(t.Context(), demo.Options{Syncline: program, Once: true, Progress: &bytes.Buffer{}})
	if err == nil || result.OK {
		t.Fatalf("the demo holds without a server: %+v", result)
	}
	for _, want := range []string{"syncline server ended by itself (exit status 3)", "the disk is on fire"} {
		if !bytes.Contains([]byte(result.Error), []byte(want)) {
			t.Errorf("the error %q does not say %q", result.Error, want)
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

// An interrupt while everything starts stops all of it.
func TestInterruptedDemoLeavesNothingBehind(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SYNCLINE_TEST_KUBECONFIG", "")
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	progress := writer(func(text []byte) {
		if bytes.Contains(text, []byte("a Kubernetes API server is at")) {
			interrupt()
		}
	})
	if _, err := demo.Run(ctx, demo.Options{Syncline: "never started", Progress: progress}); err == nil {
		t.Error("an interrupted demo says that everything held")
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

type writer func([]byte)

// Write passes the text on.
func (w writer) Write(text []byte) (int, error) {
	w(text)
	return len(text), nil
}

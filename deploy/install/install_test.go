// Package install_test holds the install manifests against a real API server.
package install_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

var cluster *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.ClusterOptions{}, func(c *testenv.Cluster) { cluster = c }))
}

// The API server takes every object, the Deployment rolls out under the namespace's pod security, and its service
// account may do what an agent has to do.
func TestInstall(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	admin := connect(t, config)
	for _, object := range manifests(t) {
		if _, err := admin.Write(t.Context(), syncline.Write{Action: syncline.Create, Ref: object.Ref(), Object: object}); err != nil {
			t.Error(err)
		}
	}
	awaitAvailable(t, admin, "syncline")

	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:argocd:syncline"}
	agent := connect(t, config)
	for _, manifest := range []string{
		"{apiVersion: v1, kind: Namespace, metadata: {name: install-test}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: anything, namespace: install-test}}",
		// Nobody may give away a right that he does not have.
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: install-test},
			rules: [{apiGroups: [example.com], resources: [widgets], verbs: [get]}]}`,
	} {
		object := parse(t, manifest)
		if _, err := agent.Write(t.Context(), syncline.Write{Action: syncline.Create, Ref: object.Ref(), Object: object}); err != nil {
			t.Errorf("the agent may not create %s: %v", object.Ref(), err)
		}
	}
}

func connect(t *testing.T, config *rest.Config) *kube.Client {
	t.Helper()
	c, err := kube.Connect(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// manifests builds deploy/kustomization.yaml as kubectl apply -k does.
func manifests(t *testing.T) []syncline.Object {
	t.Helper()
	folder, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var objects []syncline.Object
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, parse(t, string(text)))
	}
	return objects
}

func parse(t *testing.T, text string) syncline.Object {
	t.Helper()
	var content map[string]any
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	object, err := syncline.NewObject(content, "deploy")
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func awaitAvailable(t *testing.T, c *kube.Client, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	available := false
	c.WatchObjects(ctx, schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
		kube.WatchOptions{Namespace: "argocd"}, kube.Handler{Set: func(u *unstructured.Unstructured) {
			replicas, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas")
			if u.GetName() == name && replicas == 1 {
				available = true
				cancel()
			}
		}})
	if !available {
		t.Errorf("Deployment %s is not available", types.NamespacedName{Namespace: "argocd", Name: name})
	}
}

// Package crds_test holds the resource definitions against a real API server.
package crds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

const (
	namespace = "crds-test"
	// clientApplyLimit is the size of annotations up to which kubectl apply works
	// without --server-side.
	clientApplyLimit = 256 << 10
)

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

var cluster *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, testenv.ClusterOptions{}, func(c *testenv.Cluster) { cluster = c }))
}

// load reads the manifests of a folder of testdata, by file and number.
func load(t *testing.T, folder string) map[string]*unstructured.Unstructured {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if folder != "." {
		paths, err = filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	}
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests in %s: %v", folder, err)
	}
	manifests := map[string]*unstructured.Unstructured{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for i := 0; ; i++ {
			u := &unstructured.Unstructured{}
			err := decoder.Decode(u)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			manifests[fmt.Sprintf("%s#%d", filepath.Base(path), i)] = u
		}
	}
	return manifests
}

// install applies the definitions and returns when they are served.
func install(t *testing.T) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, u := range load(t, ".") {
		if _, err := client.Resource(definitions).Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "test", Force: true}); err != nil {
			t.Fatal(err)
		}
		awaitEstablished(ctx, t, client, u.GetName())
	}
	home := &unstructured.Unstructured{}
	home.SetAPIVersion("v1")
	home.SetKind("Namespace")
	home.SetName(namespace)
	if _, err := client.Resource(namespaces).Apply(ctx, namespace, home, metav1.ApplyOptions{FieldManager: "test"}); err != nil {
		t.Fatal(err)
	}
	return client
}

func awaitEstablished(ctx context.Context, t *testing.T, client dynamic.Interface, name string) {
	t.Helper()
	watch, err := client.Resource(definitions).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		u, _ := event.Object.(*unstructured.Unstructured)
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, c := range conditions {
			condition, _ := c.(map[string]any)
			if condition["type"] == "NonStructuralSchema" {
				t.Fatalf("%s: %v", name, condition["message"])
			}
			if condition["type"] == "Established" && condition["status"] == "True" {
				return
			}
		}
	}
	t.Fatalf("%s was not established in time", name)
}

func resources(client dynamic.Interface, u *unstructured.Unstructured) dynamic.ResourceInterface {
	resource := schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: strings.ToLower(u.GetKind()) + "s"}
	return client.Resource(resource).Namespace(namespace)
}

// remove deletes an object, whatever finalizers it has.
func remove(t *testing.T, from dynamic.ResourceInterface, name string) {
	t.Helper()
	ctx := context.Background() // the test's has ended
	if _, err := from.Patch(ctx, name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Error(err)
	}
	if err := from.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// Every manifest is accepted under strict validation, which kubectl asks for,
// and nothing of it is lost.
func TestManifestsAreAcceptedWhole(t *testing.T) {
	client := install(t)
	for _, folder := range []string{"argocd", "manifests"} {
		for name, u := range load(t, folder) {
			t.Run(folder+"/"+name, func(t *testing.T) {
				u.SetNamespace(namespace)
				// A status is written with a patch, as a subresource where there is one.
				created, err := resources(client, u).Create(t.Context(), u, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { remove(t, resources(client, u), u.GetName()) })
				for _, field := range []string{"spec", "operation", "status"} {
					if field == "status" && u.GetKind() == "ApplicationSet" {
						continue
					}
					if diff := cmp.Diff(u.Object[field], created.Object[field]); diff != "" {
						t.Errorf("%s (-manifest +server):\n%s", field, diff)
					}
				}
			})
		}
	}
}

// Syncline writes fields of the status that Argo CD has not, and a later Argo CD
// may too.
func TestStatusKeepsUnknownFields(t *testing.T) {
	client := install(t)
	u := newApplication(t, "status-keeps", `{}`)
	if _, err := resources(client, u).Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, resources(client, u), u.GetName()) })
	patched, err := resources(client, u).Patch(t.Context(), u.GetName(), types.MergePatchType,
		[]byte(`{"status":{"syncline":{"waiting":[{"kind":"Pod","why":"it starts"}]},"later":{"a":[1]}}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"syncline": map[string]any{"waiting": []any{map[string]any{"kind": "Pod", "why": "it starts"}}},
		"later":    map[string]any{"a": []any{int64(1)}},
	}
	if diff := cmp.Diff(want, patched.Object["status"]); diff != "" {
		t.Errorf("status (-patch +server):\n%s", diff)
	}
}

// A report that is about an older version of the resource takes nothing away.
func TestPatchOfAnOldVersionIsAConflict(t *testing.T) {
	client := install(t)
	u := newApplication(t, "old-version", `{}`)
	created, err := resources(client, u).Create(t.Context(), u, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, resources(client, u), u.GetName()) })
	touch := []byte(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard"}}}`)
	if _, err := resources(client, u).Patch(t.Context(), u.GetName(), types.MergePatchType, touch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	answer := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q,"annotations":{"argocd.argoproj.io/refresh":null}}}`, created.GetResourceVersion())
	_, err = resources(client, u).Patch(t.Context(), u.GetName(), types.MergePatchType, answer, metav1.PatchOptions{})
	if !apierrors.IsConflict(err) {
		t.Errorf("error is %v, want a conflict", err)
	}
}

// What is no Application is refused at once, with the field's name.
func TestMistakesAreRefused(t *testing.T) {
	client := install(t)
	for name, test := range map[string]struct{ spec, want string }{
		"typo":     {`{"syncPolicy":{"automated":{"selfheal":true}}}`, `unknown field "spec.syncPolicy.automated.selfheal"`},
		"number":   {`{"source":{"repoURL":"a","targetRevision":1.5}}`, `spec.source.targetRevision`},
		"flag":     {`{"syncPolicy":{"automated":{"prune":"yes"}}}`, `spec.syncPolicy.automated.prune`},
		"replicas": {`{"source":{"repoURL":"a","kustomize":{"replicas":[{"name":"a","count":true}]}}}`, `spec.source.kustomize.replicas[0].count`},
	} {
		t.Run(name, func(t *testing.T) {
			u := newApplication(t, "mistake-"+name, test.spec)
			_, err := resources(client, u).Create(t.Context(), u, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}

// newApplication returns an Application with something more in its spec.
func newApplication(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	text := fmt.Sprintf(`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":%q},"spec":%s}`, name, spec)
	if err := u.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]any{"project": "default", "destination": map[string]any{"name": "in-cluster"}} {
		if err := unstructured.SetNestedField(u.Object, value, "spec", field); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func TestDefinitionsFitKubectlApply(t *testing.T) {
	for name, u := range load(t, ".") {
		text, err := u.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > clientApplyLimit {
			t.Errorf("%s has %d bytes; kubectl apply without --server-side takes up to %d", name, len(text), clientApplyLimit)
		}
	}
}

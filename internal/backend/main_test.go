package backend_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/backend"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/front/cli"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

var cluster *testenv.Cluster

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "render-worker" {
		if err := serveReaching(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(testenv.Main(m, testenv.ClusterOptions{}, func(c *testenv.Cluster) { cluster = c }))
}

// connect prepares the tests' cluster, or the one of a kubeconfig and a context.
func connect(connection access.Connection) (*kube.Client, error) {
	config, err := kube.ReadConfig(connection.Kubeconfig, connection.Context)
	if err != nil {
		return nil, err
	}
	return kube.Connect(config, kube.Options{UserAgent: "test"})
}

func connectBackend(_ context.Context, connection access.Connection) (access.Backend, error) {
	cluster, err := connect(connection)
	if err != nil {
		return nil, err
	}
	return backend.New(cluster, connection.ControlPlane), nil
}

// command runs the command line against the tests' cluster.
func commandLine(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	args = append([]string{"--kubeconfig", cluster.Kubeconfig}, args...)
	code = cli.Main(t.Context(), args, cli.Deps{Connect: connectBackend}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return out.String(), err.String(), code
}

// controlPlane makes the cluster know Applications, and a namespace for those
// of one test.
func controlPlane(t *testing.T) (namespace string) {
	t.Helper()
	api, err := connect(access.Connection{Kubeconfig: cluster.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no resource definitions: %v", err)
	}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		definition := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &definition.Object); err != nil {
			t.Fatal(err)
		}
		if err := api.CreateMissing(t.Context(), definitions, definition); err != nil {
			t.Fatal(err)
		}
		awaitEstablished(t, api, definitions, definition.GetName())
	}
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	namespace = fmt.Sprintf("test-%d", time.Now().UnixNano())
	home := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace},
	}}
	if err := api.CreateMissing(t.Context(), namespaces, home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := api.Delete(ctx, namespaces, types.NamespacedName{Name: namespace}, ""); err != nil {
			t.Error(err)
		}
	})
	return namespace
}

func awaitEstablished(t *testing.T, api *kube.Client, definitions schema.GroupVersionResource, name string) {
	t.Helper()
	ctx, found := context.WithCancel(t.Context())
	defer found()
	api.WatchObjects(ctx, definitions, kube.WatchOptions{}, kube.Handler{Set: func(u *unstructured.Unstructured) {
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, c := range conditions {
			condition, _ := c.(map[string]any)
			if u.GetName() == name && condition["type"] == "Established" && condition["status"] == "True" {
				found()
			}
		}
	}})
	if err := t.Context().Err(); err != nil {
		t.Fatalf("%s was not established: %v", name, err)
	}
}

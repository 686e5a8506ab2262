package devcluster_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	toolswatch "k8s.io/client-go/tools/watch"

	"github.com/syncline-io/syncline/devcluster"
	"github.com/syncline-io/syncline/devcluster/internal/component"
)

// patience is how long a test waits for what takes a second or two; much longer only on a busy machine.
const patience = 2 * time.Minute

// The clusters of these tests run this test binary as their parts.
func TestMain(m *testing.M) {
	if args := os.Args[1:]; component.Requested(args) {
		os.Exit(component.Run(args))
	}
	os.Exit(m.Run())
}

func start(t *testing.T, options devcluster.Options) *devcluster.Cluster {
	t.Helper()
	cluster, err := devcluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// user speaks to a cluster as its administrator, in one namespace.
type user struct {
	t         *testing.T
	client    dynamic.Interface
	namespace string
}

func newUser(t *testing.T, cluster *devcluster.Cluster) *user {
	t.Helper()
	u := &user{t: t, client: newClient(t, cluster), namespace: strings.ToLower(t.Name())}
	u.has("{apiVersion: v1, kind: Namespace, metadata: {name: " + u.namespace + "}}")
	return u
}

// discoversAll fails the test when the list of API resources is not complete.
func discoversAll(t *testing.T, cluster *devcluster.Cluster) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(cluster.KubeconfigBytes())
	if err != nil {
		t.Fatal(err)
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, resources, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Error(err)
	}
	for _, list := range resources {
		if list.GroupVersion == "metrics.k8s.io/v1beta1" && len(list.APIResources) == 2 {
			return
		}
	}
	t.Error("the metrics are not among the API resources")
}

func newClient(t *testing.T, cluster *devcluster.Cluster) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(cluster.KubeconfigBytes())
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (u *user) resource(object *unstructured.Unstructured) dynamic.ResourceInterface {
	gvk := object.GroupVersionKind()
	plural := strings.ToLower(gvk.Kind) + "s"
	if gvk.Kind == "Ingress" || gvk.Kind == "StorageClass" {
		plural = strings.ToLower(gvk.Kind) + "es"
	}
	resource := u.client.Resource(schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: plural})
	switch gvk.Kind {
	case "Namespace", "Node", "PersistentVolume", "StorageClass":
		return resource
	}
	return resource.Namespace(u.namespace)
}

func (u *user) create(source string) (*unstructured.Unstructured, error) {
	u.t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(source), &object.Object); err != nil {
		u.t.Fatal(err)
	}
	return u.resource(object).Create(u.t.Context(), object, metav1.CreateOptions{})
}

// has creates the object and fails the test if that does not work.
func (u *user) has(source string) *unstructured.Unstructured {
	u.t.Helper()
	object, err := u.create(source)
	if err != nil {
		u.t.Fatal(err)
	}
	return object
}

// sees watches the object until it is as wanted, or until it is gone when nothing is wanted.
func (u *user) sees(object *unstructured.Unstructured, what string, wanted func(*unstructured.Unstructured) bool) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	only := fields.OneTermEqualSelector("metadata.name", object.GetName()).String()
	resource := u.resource(object)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = only
			return resource.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = only
			return resource.Watch(ctx, options)
		},
	}
	gone := func(store cache.Store) (bool, error) { return wanted == nil && len(store.List()) == 0, nil }
	_, err := toolswatch.UntilWithSync(ctx, source, &unstructured.Unstructured{}, gone, func(event watch.Event) (bool, error) {
		if wanted == nil {
			return event.Type == watch.Deleted, nil
		}
		object = event.Object.(*unstructured.Unstructured)
		return wanted(object), nil
	})
	if err != nil {
		status, _, _ := unstructured.NestedMap(object.Object, "status")
		u.t.Fatalf("%s/%s is not %s: %v; its status is %v", object.GetKind(), object.GetName(), what, err, status)
	}
}

// hasCondition is a wish for sees.
func hasCondition(kind, status string) func(*unstructured.Unstructured) bool {
	return func(object *unstructured.Unstructured) bool {
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		for _, condition := range conditions {
			fields := condition.(map[string]any)
			if fields["type"] == kind && fields["status"] == status {
				return true
			}
		}
		return false
	}
}

// hasField is a wish for sees.
func hasField(value any, path ...string) func(*unstructured.Unstructured) bool {
	return func(object *unstructured.Unstructured) bool {
		got, found, _ := unstructured.NestedFieldNoCopy(object.Object, path...)
		return found && got == value
	}
}

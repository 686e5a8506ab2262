package live_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// established makes the kinds of testdata/definitions.yaml known.
func established(t *testing.T, w *watcher) {
	t.Helper()
	for _, definition := range kubetest.ParseFile(t, filepath.Join("testdata", "definitions.yaml")) {
		created := write(t, w.cluster, syncline.Write{Action: syncline.Create, Object: definition})
		t.Cleanup(func() { remove(t, w.cluster, created) })
	}
	w.need(t, garden, pond)
}

var (
	garden = schema.GroupVersionKind{Group: "test.syncline.io", Version: "v1", Kind: "Garden"}
	pond   = schema.GroupVersionKind{Group: "test.syncline.io", Version: "v1", Kind: "Pond"}
)

// applied applies the objects of a file, in a namespace where they have one, and
// returns the desired ones.
func applied(t *testing.T, w *watcher, file string) []syncline.Object {
	t.Helper()
	namespace := namespace(t)
	var desired []syncline.Object
	for _, object := range kubetest.ParseFile(t, filepath.Join("testdata", file)) {
		scope, err := w.cluster.Scope(context.Background(), object.GroupVersionKind())
		if err != nil {
			t.Fatal(err)
		}
		if scope == syncline.Namespaced {
			object = object.WithNamespace(namespace)
		} else {
			object = object.WithName(object.Ref().Name + "-" + namespace) // one of another run may still be going
		}
		object = object.Desired()
		w.need(t, object.GroupVersionKind())
		created := write(t, w.cluster, syncline.Write{Action: syncline.Create, Object: object})
		if scope == syncline.ClusterScoped {
			t.Cleanup(func() { remove(t, w.cluster, created) })
		}
		desired = append(desired, object)
	}
	return desired
}

func TestOwned(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	established(t, w)
	t.Run("it is the desired digest", func(t *testing.T) {
		for _, object := range applied(t, w, "canonical.yaml") {
			if seen := eventually(t, w, object.Ref()); seen.Applied != object.Digest() {
				t.Errorf("%s: the digest of what we own is not that of what is desired; live is\n%s", object.Ref(), show(t, cluster, object))
			}
		}
	})
	t.Run("it differs where the server rewrites", func(t *testing.T) {
		for _, object := range applied(t, w, "rewritten.yaml") {
			if seen := eventually(t, w, object.Ref()); seen.Applied == object.Digest() {
				t.Errorf("%s is stored as it was written: move it to canonical.yaml", object.Ref())
			}
		}
	})
}

// show returns the live object, for a person to see what differs.
func show(t *testing.T, cluster *kube.Client, object syncline.Object) []byte {
	t.Helper()
	now, err := cluster.Get(context.Background(), object.Ref(), object.GroupVersionKind().Version)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(now, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// eventually returns what is remembered of an object once it is seen.
func eventually(t *testing.T, w *watcher, ref syncline.Ref) syncline.Live {
	t.Helper()
	if seen, ok := w.Get(ref); ok {
		return seen
	}
	w.change(t, about(ref))
	seen, _ := w.Get(ref)
	return seen
}

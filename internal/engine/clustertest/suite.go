// Package clustertest holds a cluster to the contract of the engine: what may be
// concluded from each answer, what a write leaves and what it refuses. A cluster in
// memory and a real API server both pass it, so that a test of the engine on the
// one says something about the other. It knows neither of them.
package clustertest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
)

// World is a cluster to be tested, and how it is reached beside Syncline.
type World struct {
	Cluster engine.Cluster
	Writer  apply.Writer
	Others  Others
	// Dialect is that of the Apps whose objects are in the tests.
	Dialect *syncline.Dialect
	// Steers is an annotation that means something in it, and Keeps one with the value
	// by which an object says that it is not to be pruned.
	Steers string
	Keeps  [2]string
	// Deny makes the cluster deny what has the label "denied" in a namespace.
	Deny func(t testing.TB, namespace string)
}

// Others are the other clients of the cluster, such as a person's kubectl.
type Others interface {
	// Namespace makes a namespace that goes with the test.
	Namespace(t testing.TB) string
	// Create creates an object under the name of a field manager.
	Create(t testing.TB, object syncline.Object, manager string) *unstructured.Unstructured
	// Patch merges a change, in JSON, into an object under another name than ours.
	Patch(t testing.TB, ref syncline.Ref, change string, subresources ...string)
	// Delete deletes an object.
	Delete(t testing.TB, ref syncline.Ref)
	// Get returns an object as it is, or nil when there is none.
	Get(t testing.TB, ref syncline.Ref) *unstructured.Unstructured
}

// Run holds a cluster to every fact. Each has a namespace of its own in the world.
func Run(t *testing.T, w World) {
	for _, f := range facts() {
		t.Run(f.name, func(t *testing.T) {
			b := &bench{T: t, World: w, namespace: w.Others.Namespace(t)}
			b.watched(configMaps, namespaces)
			f.holds(b)
		})
	}
}

// fact is one thing that is true of every cluster.
type fact struct {
	name  string
	holds func(*bench)
}

func facts() []fact {
	var all []fact
	for _, some := range [][]fact{
		creating(), updating(), sharing(), replacing(), recreating(), removing(), unholding(),
		rehearsing(), asking(), remembering(), owning(),
	} {
		all = append(all, some...)
	}
	return all
}

var (
	configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	namespaces = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
)

const (
	// otherUID is that of no object.
	otherUID types.UID = "11111111-2222-3333-4444-555555555555"
	// hold is a finalizer that nobody removes but the test.
	hold = "example.com/hold"
	// patience is how long what happens by itself may take.
	patience = 30 * time.Second
)

// bench is where one fact is shown.
type bench struct {
	*testing.T
	World
	namespace string
}

// parse reads an object of the test's namespace, from YAML with the given values.
func (b *bench) parse(text string, values ...any) syncline.Object {
	b.Helper()
	u := &unstructured.Unstructured{}
	raw, err := yaml.YAMLToJSON(fmt.Appendf(nil, text, values...))
	if err == nil {
		err = u.UnmarshalJSON(raw)
	}
	if err != nil {
		b.Fatalf("%v in %s", err, text)
	}
	if u.GetKind() != "Namespace" {
		u.SetNamespace(b.namespace)
	}
	object, err := syncline.NewObject(u.Object, "test")
	if err != nil {
		b.Fatal(err)
	}
	return object
}

// config is a ConfigMap with data, such as "color: blue".
func (b *bench) config(name, data string) syncline.Object {
	b.Helper()
	return b.parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}, data: {%s}}", name, data)
}

// tracked is an object that says that an instance of this test made it.
func (b *bench) tracked(object syncline.Object) syncline.Object {
	return b.Dialect.Ownership.Stamp(object, syncline.App{
		Instance: b.instance(), Destination: syncline.Destination{Namespace: b.namespace},
	})
}

// instance is an App that has nothing but in this test.
func (b *bench) instance() string { return "app-" + b.namespace }

// try performs a write. Ref and Version default to those of its object, and what a
// deletion expects of the annotations to that there are none.
func (b *bench) try(w syncline.Write) (syncline.Object, error) {
	if !w.Object.IsZero() {
		w.Ref, w.Version = w.Object.Ref(), w.Object.GroupVersionKind().Version
	}
	if w.Version == "" {
		w.Version = "v1"
	}
	if w.Action == syncline.Prune && w.Steering == "" {
		w.Steering = syncline.Live{}.Steering()
	}
	return b.Writer.Write(b.Context(), w)
}

// write performs a write that succeeds.
func (b *bench) write(w syncline.Write) syncline.Object {
	b.Helper()
	after, err := b.try(w)
	if err != nil {
		b.Fatalf("%s: %v", w.Action, err)
	}
	return after
}

// create creates an object, and returns its UID.
func (b *bench) create(object syncline.Object) types.UID {
	b.Helper()
	return b.write(syncline.Write{Action: syncline.Create, Object: object}).Reveal().GetUID()
}

// refused performs a write that has to fail with an error of a kind.
func (b *bench) refused(w syncline.Write, kind syncline.Kind) {
	b.Helper()
	_, err := b.try(w)
	b.is(err, kind, string(w.Action))
}

// is fails the test unless the error is of the kind; "" is none.
func (b *bench) is(err error, kind syncline.Kind, doing string) {
	b.Helper()
	if syncline.KindOf(err) != kind {
		b.Errorf("%s: the error is %v (%s), want one of kind %q", doing, err, syncline.KindOf(err), kind)
	}
}

// data returns the data of a ConfigMap as it is; nil when there is none.
func (b *bench) data(ref syncline.Ref) map[string]any {
	b.Helper()
	live := b.Others.Get(b, ref)
	if live == nil {
		return nil
	}
	data, _ := live.Object["data"].(map[string]any)
	return data
}

// has fails the test unless a ConfigMap has these data.
func (b *bench) has(ref syncline.Ref, want map[string]any) {
	b.Helper()
	if got := b.data(ref); !reflect.DeepEqual(got, want) {
		b.Errorf("%s has the data %v, want %v", ref, got, want)
	}
}

// live returns what is remembered of an object, which has to be there.
func (b *bench) live(ref syncline.Ref) syncline.Live {
	b.Helper()
	live, known := b.Cluster.Get(ref)
	if !known {
		b.Fatalf("%s is not known", ref)
	}
	return live
}

// read returns an object as it is, which has to be there.
func (b *bench) read(ref syncline.Ref) syncline.Object {
	b.Helper()
	object, err := b.Cluster.Read(b.Context(), ref, "v1")
	if err != nil {
		b.Fatal(err)
	}
	return object
}

// watched waits until the objects of the kinds are known.
func (b *bench) watched(kinds ...schema.GroupVersionKind) {
	b.Helper()
	b.eventually("the kinds are known", func() bool {
		pending, err := b.Cluster.Watch(kinds)
		if err != nil {
			b.Fatal(err)
		}
		return len(pending) == 0
	})
}

// eventually waits until something holds that nobody has to do anything for.
func (b *bench) eventually(what string, holds func() bool) {
	b.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			b.Fatalf("not in time: %s", what)
		}
	}
}

// held makes others hold an object when it is deleted, until the test ends.
func (b *bench) held(ref syncline.Ref) {
	b.Helper()
	b.Others.Patch(b, ref, `{"metadata": {"finalizers": ["`+hold+`"]}}`)
	b.Cleanup(func() {
		if b.Others.Get(b, ref) != nil {
			b.Others.Patch(b, ref, `{"metadata": {"finalizers": null}}`)
		}
	})
}

package clustertest

import (
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// rehearsing are the facts about what is asked and writes nothing.
func rehearsing() []fact {
	return []fact{
		{"a dry-run tells what an apply makes, with what the API server fills in, and changes nothing", dryRuns},
		{"a dry-run of a change tells what is left", func(b *bench) {
			object := b.config("a", "color: blue, size: big")
			b.create(object)
			b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}}`)
			after, err := b.Cluster.DryRun(b.Context(), b.config("a", "color: red"), nil)
			if err != nil {
				b.Fatal(err)
			}
			data, _ := after.Field("data")
			if want := map[string]any{"color": "red", "shape": "round"}; !reflect.DeepEqual(data, want) {
				b.Errorf("it makes %v, want %v", data, want)
			}
			b.has(object.Ref(), map[string]any{"color": "blue", "size": "big", "shape": "round"})
		}},
		{"a dry-run where nothing can be made is NotFound", func(b *bench) {
			for _, object := range []syncline.Object{
				b.config("a", "").WithNamespace(b.namespace + "-missing"),
				b.parse("{apiVersion: example.com/v1, kind: Nothing, metadata: {name: a}}"),
				b.parse("{apiVersion: apps/v1beta7, kind: Deployment, metadata: {name: a}}"),
			} {
				_, err := b.Cluster.DryRun(b.Context(), object, nil)
				b.is(err, syncline.NotFound, object.String())
			}
		}},
		{"a Rehearse is about the object alone, and changes nothing", func(b *bench) {
			old := b.parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {color: blue}, immutable: true}")
			b.create(old)
			err := b.Cluster.Rehearse(b.Context(), b.config("a", "color: red"), b.read(old.Ref()), nil)
			b.is(err, "", "a rehearsal of what would be accepted")
			b.has(old.Ref(), map[string]any{"color": "blue"})
			nothing := b.parse("{apiVersion: example.com/v1, kind: Nothing, metadata: {name: a}}")
			b.is(b.Cluster.Rehearse(b.Context(), nothing, nothing, nil), syncline.NotFound, "a rehearsal of an unknown kind")
			elsewhere := b.config("a", "").WithNamespace(b.namespace + "-missing")
			b.is(b.Cluster.Rehearse(b.Context(), elsewhere, elsewhere, nil), syncline.NotFound, "a rehearsal in no namespace")
		}},
	}
}

// asking are the facts about what is read.
func asking() []fact {
	return []fact{
		{"a Read is of what is there now, and says whose the fields are", func(b *bench) {
			object := b.config("a", "color: blue")
			_, err := b.Cluster.Read(b.Context(), object.Ref(), "v1")
			b.is(err, syncline.NotFound, "a read of nothing")
			b.create(object)
			b.Others.Patch(b, object.Ref(), `{"data": {"shape": "round"}}`)
			live := b.read(object.Ref())
			if shape, _ := live.Field("data", "shape"); shape != "round" || len(live.Reveal().GetManagedFields()) != 2 {
				b.Errorf("its shape is %v, and its managers are %v", shape, live.Reveal().GetManagedFields())
			}
			_, err = b.Cluster.Read(b.Context(), object.Ref(), "v7")
			b.is(err, syncline.NotFound, "a read in an unknown version")
			_, err = b.Cluster.Read(b.Context(), syncline.Ref{Group: "example.com", Kind: "Nothing", Namespace: b.namespace, Name: "a"}, "")
			b.is(err, syncline.NotFound, "a read of an unknown kind")
		}},
		{"a Scope is of a kind in a version", func(b *bench) {
			for kind, want := range map[schema.GroupVersionKind]syncline.Scope{
				configMaps: syncline.Namespaced, namespaces: syncline.ClusterScoped,
				{Group: "apps", Version: "v1", Kind: "Deployment"}: syncline.Namespaced,
			} {
				if scope, err := b.Cluster.Scope(b.Context(), kind); scope != want || err != nil {
					b.Errorf("the scope of %s is %q, %v", kind, scope, err)
				}
			}
			for _, kind := range []schema.GroupVersionKind{
				{Group: "example.com", Version: "v1", Kind: "Nothing"}, {Group: "apps", Version: "v1beta7", Kind: "Deployment"},
				{Version: "v1", Kind: "Deployment"},
			} {
				_, err := b.Cluster.Scope(b.Context(), kind)
				b.is(err, syncline.NotFound, "the scope of "+kind.String())
			}
		}},
		{"what is known of the cluster can be told", func(b *bench) {
			if _, err := b.Cluster.Capabilities(b.Context()); err != nil {
				b.Error(err)
			}
			if err := b.Cluster.Unanswered(b.Context(), configMaps); err != nil {
				b.Errorf("the kind does not answer: %v", err)
			}
		}},
	}
}

func dryRuns(b *bench) {
	object := b.parse(service, "{name: http, port: 80}")
	told, err := b.Cluster.DryRun(b.Context(), object, nil)
	if err != nil {
		b.Fatal(err)
	}
	if b.Others.Get(b, object.Ref()) != nil {
		b.Fatal("it was made")
	}
	if affinity, _ := told.Field("spec", "sessionAffinity"); affinity != "None" {
		b.Errorf("nothing is filled in: the affinity is %v", affinity)
	}
	made := b.write(syncline.Write{Action: syncline.Create, Object: object})
	if was, is := lasting(told), lasting(made); !reflect.DeepEqual(was, is) {
		b.Errorf("it tells\n%v, and made is\n%v", was, is)
	}
}

// lasting is an object without what is another in each that is made.
func lasting(object syncline.Object) map[string]any {
	content := object.Reveal().Object
	metadata := maps.Clone(content["metadata"].(map[string]any))
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields"} {
		delete(metadata, field)
	}
	content["metadata"] = metadata
	if spec, ok := content["spec"].(map[string]any); ok { // addresses are drawn when they are taken
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
	}
	return content
}

package merge_test

import (
	"fmt"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/edge/kube/merge"
)

// object makes an object of a kind of spec and managedFields, as YAML.
func object(t *testing.T, kind, spec, ours, others string) *unstructured.Unstructured {
	t.Helper()
	text := fmt.Sprintf(`{%s, metadata: {name: a, uid: u, managedFields: [
		{manager: us, operation: Apply, apiVersion: example.com/v1, fieldsV1: {"f:spec": %s}},
		{manager: them, operation: Update, apiVersion: example.com/v1, fieldsV1: {"f:spec": %s}}]}, spec: %s}`, kind, ours, others, spec)
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &content); err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}

const custom = "apiVersion: example.com/v1, kind: Thing"

// A custom kind has no Go type: what managedFields say of its lists is all that is
// known.
func TestMerge(t *testing.T) {
	const keyed = `{"f:list": {'k:{"id":1}': {}, 'k:{"id":2}': {}}}`
	for name, test := range map[string]struct{ live, ours, others, desired, want string }{
		"what is declared no more goes":           {"{a: 1, b: 1}", `{"f:a": {}, "f:b": {}}`, "{}", "{a: 2}", "{a: 2}"},
		"what others own stays":                   {"{a: 1, b: 1}", `{"f:a": {}}`, `{"f:b": {}}`, "{a: 2}", "{a: 2, b: 1}"},
		"what both own stays":                     {"{a: 1, b: 1}", `{"f:b": {}}`, `{"f:b": {}}`, "{a: 2}", "{a: 2, b: 1}"},
		"what nobody owns stays":                  {"{a: 1, b: 1}", `{"f:a": {}}`, "{}", "{a: 2}", "{a: 2, b: 1}"},
		"what nobody owns goes with what is ours": {"{a: {b: 1, c: 1}}", `{"f:a": {"f:b": {}}}`, "{}", "{}", "{}"},
		"what others own below stays":             {"{a: {b: 1, c: 1, d: 1}}", `{"f:a": {"f:b": {}}}`, `{"f:a": {"f:c": {}}}`, "{}", "{a: {c: 1, d: 1}}"},
		"a map that is owned as one":              {"{a: {b: 1, c: 1}}", `{"f:a": {}}`, "{}", "{a: {b: 2}}", "{a: {b: 2}}"},
		"null declares that it goes":              {"{a: 1, b: 1}", "{}", `{"f:a": {}}`, "{a: null, b: 1}", "{b: 1}"},
		"items by their key": {"{list: [{id: 2, v: x, w: x}, {id: 1, v: x}]}", `{"f:list": {'k:{"id":1}': {"f:v": {}}}}`,
			`{"f:list": {'k:{"id":2}': {"f:v": {}, "f:w": {}}}}`, "{list: [{id: 1, v: y}, {id: 3, v: z}]}",
			"{list: [{id: 2, v: x, w: x}, {id: 1, v: y}, {id: 3, v: z}]}"},
		"an item that is declared no more": {"{list: [{id: 1}, {id: 2}]}", keyed, "{}", "{list: [{id: 2}]}", "{list: [{id: 2}]}"},
		"an item of both that is declared no more": {"{list: [{id: 1, v: x, w: x}, {id: 2}]}",
			`{"f:list": {'k:{"id":1}': {".": {}, "f:id": {}, "f:v": {}}}}`, `{"f:list": {'k:{"id":1}': {".": {}, "f:id": {}, "f:w": {}}}}`,
			"{list: [{id: 2}]}", "{list: [{id: 1, w: x}, {id: 2}]}"},
		"the declared order":                {"{list: [{id: 1}, {id: 2}]}", keyed, "{}", "{list: [{id: 2}, {id: 1}]}", "{list: [{id: 2}, {id: 1}]}"},
		"an item twice":                     {"{list: [{id: 1, v: a}]}", keyed, "{}", "{list: [{id: 1, v: a}, {id: 1, v: b}]}", "{list: [{id: 1, v: a}, {id: 1, v: b}]}"},
		"an item once that was there twice": {"{list: [{id: 1, v: a}, {id: 1, v: b}]}", keyed, "{}", "{list: [{id: 1, v: b}]}", "{list: [{id: 1, v: b}]}"},
		"a set":                             {"{list: [b, a, c]}", `{"f:list": {'v:"a"': {}}}`, `{"f:list": {'v:"b"': {}, 'v:"c"': {}}}`, "{list: [d]}", "{list: [b, c, d]}"},
		"a list that is owned as one":       {"{list: [{id: 1}, {id: 2}]}", `{"f:list": {}}`, "{}", "{list: [{id: 3}]}", "{list: [{id: 3}]}"},
		"a list of which nothing is known":  {"{list: [{id: 1}, {id: 2}]}", `{"f:a": {}}`, "{}", "{list: [{id: 3}]}", "{list: [{id: 3}]}"},
		"what looks like a union stays":     {"{value: 1, valueFrom: {a: 1}}", `{"f:value": {}}`, `{"f:valueFrom": {"f:a": {}}}`, "{value: 2}", "{value: 2, valueFrom: {a: 1}}"},
		"another type":                      {"{a: {b: 1}}", `{"f:a": {"f:b": {}}}`, "{}", "{a: [1]}", "{a: [1]}"},
	} {
		t.Run(name, func(t *testing.T) {
			m := merge.New(object(t, custom, test.desired, "{}", "{}"), object(t, custom, test.live, test.ours, test.others), sets.New("us"))
			expectSpec(t, m, test.want)
		})
	}
}

func expectSpec(t *testing.T, m *merge.Merge, want string) {
	t.Helper()
	got, wanted := m.Content(), object(t, custom, want, "{}", "{}").Object["spec"]
	if !reflect.DeepEqual(got["spec"], wanted) {
		t.Errorf("got %v, want %v", got["spec"], wanted)
	}
	metadata, _ := got["metadata"].(map[string]any)
	if metadata["uid"] != "u" || metadata["managedFields"] == nil {
		t.Errorf("the metadata is %v", metadata)
	}
}

// What gives way is what is refused, is not declared, and nobody owns, and an item
// that is a declared one under another key.
func TestYield(t *testing.T) {
	const known = `{"f:list": {'k:{"id":1}': {"f:v": {}}, 'k:{"id":2}': {}}, "f:a": {"f:b": {}}}`
	for name, test := range map[string]struct {
		live, others, desired string
		cause                 metav1.StatusCause
		want                  string
	}{
		"a default":                 {"{a: {b: 1, c: 1}}", "{}", "{a: {b: 2}}", forbids("spec.a.c"), "{a: {b: 2}}"},
		"what is below it":          {"{a: {b: 1, c: {d: 1}}}", "{}", "{a: {b: 2}}", forbids("spec.a.c.d"), "{a: {b: 2}}"},
		"not what others own":       {"{a: {b: 1, c: 1}}", `{"f:a": {"f:c": {}}}`, "{a: {b: 2}}", forbids("spec.a.c"), ""},
		"not what they own in it":   {"{a: {b: 1, c: {d: 1}}}", `{"f:a": {"f:c": {"f:d": {}}}}`, "{a: {b: 2}}", forbids("spec.a.c"), ""},
		"not what is declared":      {"{a: {b: 1}}", "{}", "{a: {b: 2}}", forbids("spec.a.b"), ""},
		"not what is beside it":     {"{a: {b: 1, c: 1}}", "{}", "{a: {b: 2}}", forbids("spec.a.b"), ""},
		"not the metadata":          {"{a: {b: 1}}", "{}", "{a: {b: 2}}", forbids("metadata.uid"), ""},
		"not all":                   {"{a: {b: 1}}", "{}", "{a: {b: 2}}", forbids("spec"), ""},
		"nothing that there is not": {"{a: {b: 1}}", "{}", "{a: {b: 2}}", forbids("spec.a.x[99].y"), ""},
		"an item of the same name": {"{list: [{id: 2, name: x}]}", `{"f:list": {'k:{"id":2}': {}}}`, "{list: [{id: 1, name: x}]}",
			duplicate("spec.list[1].name"), "{list: [{id: 1, name: x}]}"},
		"an item without a name as well": {"{list: [{id: 2, nodePort: 7}]}", `{"f:list": {'k:{"id":2}': {}}}`, "{list: [{id: 1}]}",
			metav1.StatusCause{Type: metav1.CauseTypeFieldValueRequired, Field: "spec.list[0].name"}, "{list: [{id: 1, nodePort: 7}]}"},
		"an item of the same name, of a list that is refused": {"{list: [{id: 2, name: x}, {id: 3}]}",
			`{"f:list": {'k:{"id":2}': {}, 'k:{"id":3}': {}}}`, "{list: [{id: 1, name: x}, {id: 4}]}",
			forbids("spec.list"), "{list: [{id: 3}, {id: 1, name: x}, {id: 4}]}"},
		"not an item of another name": {"{list: [{id: 2, name: y}]}", `{"f:list": {'k:{"id":2}': {}}}`, "{list: [{id: 1, name: x}]}",
			duplicate("spec.list[1].name"), ""},
		"not an item that is invalid alike": {"{list: [{id: 2, name: x}]}", `{"f:list": {'k:{"id":2}': {}}}`, "{list: [{id: 1, name: x}]}",
			metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.list[1].name"}, ""},
		"a default in an item":     {"{list: [{id: 1, v: x, w: x}]}", "{}", "{list: [{id: 1, v: y}]}", forbids("spec.list[0].w"), "{list: [{id: 1, v: y}]}"},
		"not in an item of others": {"{list: [{id: 2, w: x}]}", `{"f:list": {'k:{"id":2}': {}}}`, "{list: [{id: 1}]}", forbids("spec.list[0].w"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := merge.New(object(t, custom, test.desired, "{}", "{}"), object(t, custom, test.live, known, test.others), sets.New("us"))
			before := m.Content()
			yielded := m.Yield([]metav1.StatusCause{test.cause})
			switch {
			case yielded != (test.want != ""):
				t.Errorf("it yielded: %t", yielded)
			case yielded:
				expectSpec(t, m, test.want)
			case !reflect.DeepEqual(before, m.Content()):
				t.Errorf("there is %v, and was %v", m.Content(), before)
			}
		})
	}
}

func forbids(field string) metav1.StatusCause {
	return metav1.StatusCause{Type: "FieldValueForbidden", Field: field}
}

func duplicate(field string) metav1.StatusCause {
	return metav1.StatusCause{Type: metav1.CauseTypeFieldValueDuplicate, Field: field}
}

// Whatever is declared, is live, and is said of who owns it.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]}}`),
		[]byte(`{"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 81}]}, "metadata": {"managedFields": [
			{"manager": "us", "apiVersion": "v1", "fieldsV1": {"f:spec": {"f:ports": {"k:{\"port\":81,\"protocol\":\"TCP\"}": {".": {}}}}}}]}}`), "spec.ports[0].name")
	f.Add([]byte(`{"metadata": null, "spec": [null]}`), []byte(`{"metadata": {"managedFields": [1, {"manager": "us", "fieldsV1": {"f:": {"v:": 1, "k:{": null}}}]}}`), "a[b].c[-1]")
	f.Fuzz(func(t *testing.T, desired, live []byte, field string) {
		var wanted, is map[string]any
		if len(desired)+len(live)+len(field) > 1<<15 || kjson.UnmarshalCaseSensitivePreserveInts(desired, &wanted) != nil ||
			kjson.UnmarshalCaseSensitivePreserveInts(live, &is) != nil || wanted == nil || is == nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			m := merge.New(&unstructured.Unstructured{Object: wanted}, &unstructured.Unstructured{Object: is}, sets.New("us"))
			for m.Yield([]metav1.StatusCause{duplicate(field), forbids(field)}) {
				_ = m.Content()
			}
			_ = merge.Declared(is, wanted)
		})
	})
}

func TestWithout(t *testing.T) {
	for name, test := range map[string]struct{ owned, taken, want string }{
		"nothing":                      {`{"f:a": {}}`, `{}`, `{"f:a": {}}`},
		"all":                          {`{"f:a": {}, "f:b": {".": {}, "f:c": {}}}`, `{"f:a": {}, "f:b": {".": {}, "f:c": {}}}`, `{}`},
		"a part":                       {`{"f:a": {"f:b": {}, "f:c": {}}}`, `{"f:a": {"f:b": {}}}`, `{"f:a": {"f:c": {}}}`},
		"what is in a map, not itself": {`{"f:a": {".": {}, "f:b": {}}}`, `{"f:a": {"f:b": {}}}`, `{"f:a": {".": {}}}`},
		"a map itself, not what is in": {`{"f:a": {".": {}, "f:b": {}}}`, `{"f:a": {".": {}}}`, `{"f:a": {"f:b": {}}}`},
		"what is in a whole":           {`{"f:a": {}}`, `{"f:a": {"f:b": {}}}`, `{"f:a": {}}`},
		"an item":                      {`{"f:a": {"k:{\"n\":1}": {".": {}, "f:n": {}}, "v:2": {}}}`, `{"f:a": {"k:{\"n\":1}": {".": {}, "f:n": {}}}}`, `{"f:a": {"v:2": {}}}`},
		"what there is not":            {`{"f:a": {}}`, `{"f:b": {}}`, `{"f:a": {}}`},
	} {
		t.Run(name, func(t *testing.T) {
			parsed := func(text string) map[string]any {
				content := map[string]any{}
				if err := yaml.Unmarshal([]byte(text), &content); err != nil {
					t.Fatal(err)
				}
				return content
			}
			owned := parsed(test.owned)
			if got := merge.Without(owned, parsed(test.taken)); !reflect.DeepEqual(got, parsed(test.want)) {
				t.Errorf("got %v, want %s", got, test.want)
			}
			if !reflect.DeepEqual(owned, parsed(test.owned)) {
				t.Errorf("what is owned was changed to %v", owned)
			}
		})
	}
}

package compare

import (
	"strings"
	"testing"

	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline/internal/base/bound"
)

// objects returns the maps that texts are, or false.
func objects(texts ...[]byte) (found []map[string]any, ok bool) {
	for _, text := range texts {
		var content map[string]any
		if len(text) > 1<<15 || kjson.UnmarshalCaseSensitivePreserveInts(text, &content) != nil || content == nil {
			return nil, false
		}
		found = append(found, content)
	}
	return found, true
}

// Whatever a JSON pointer names, of whatever object.
func FuzzJSONPointer(f *testing.F) {
	f.Add([]byte(`{"spec": {"a": [{"b": 1}, [2]]}}`), "/spec/a/0/b")
	f.Add([]byte(`{"": {"~": 1}, "a": null}`), "/~0/~1//-1/99999999999999999999")
	f.Fuzz(func(t *testing.T, object []byte, pointer string) {
		content, ok := objects(object)
		if !ok || len(pointer) > 1<<15 {
			return
		}
		bound.Limits{}.Run(t, func() {
			removePointer(content[0], strings.Split(strings.TrimPrefix(pointer, "/"), "/"))
		})
	})
}

// Whatever is declared and whatever is live: how they differ is found.
func FuzzDifferences(f *testing.F) {
	f.Add([]byte(`{"spec": {"list": [{"name": "a"}, {"name": "a"}, 1]}}`), []byte(`{"spec": {"list": [{"name": "b"}]}, "metadata": {"managedFields": 1}}`))
	f.Add([]byte(`{"metadata": {"labels": {}, "annotations": null}}`), []byte(`{"data": {"": 1e300}}`))
	f.Fuzz(func(t *testing.T, live, desired []byte) {
		sides, ok := objects(live, desired)
		if !ok {
			return
		}
		bound.Limits{}.Run(t, func() {
			_, _ = differences(t.Context(), sides[0], sides[1], rules{}, len(live)%2 == 0)
		})
	})
}

// Whatever managedFields say that somebody owns.
func FuzzOwnedFields(f *testing.F) {
	f.Add([]byte(`{"spec": {"a": [{"name": "x"}]}}`), []byte(`{"f:spec": {"f:a": {"k:{\"name\":\"x\"}": {".": {}}}}}`))
	f.Add([]byte(`{"a": ["x"]}`), []byte(`{"f:a": {"v:\"x\"": {}, "i:0": {}, "k:{": {}, "f:": null}}`))
	f.Fuzz(func(t *testing.T, object, fields []byte) {
		found, ok := objects(object, fields)
		if !ok {
			return
		}
		bound.Limits{}.Run(t, func() { withoutFields(found[0], found[1]) })
	})
}

// Whatever annotations say of hooks, waves and options.

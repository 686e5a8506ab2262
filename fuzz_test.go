package syncline_test

import (
	"encoding/json"
	"testing"

	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// Whatever a manifest holds: it is an object, or an error; and all that is asked of
// an object has an answer.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": null}}}`,
		`{"apiVersion": "/", "kind": "List", "items": [{}], "metadata": {"generateName": "a-", "annotations": {"argocd.argoproj.io/sync-wave": "-9223372036854775809"}}}`,
		`{"kind": {}, "metadata": [], "apiVersion": 1}`, `{"metadata": {"annotations": {"a": 1}}}`,
		`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "!"}, "stringData": {"a": 1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var content map[string]any
		if len(text) > 1<<16 || kjson.UnmarshalCaseSensitivePreserveInts(text, &content) != nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			object, err := syncline.NewObject(content, "file")
			if err != nil {
				return
			}
			object.Annotation(convention.Hook)
			object.GenerateName()
			object = object.WithAnnotation("a", "b").WithFinalizer("c").WithName("d")
			syncline.DigestOfObjects([]syncline.Object{object})
			if _, err := json.Marshal(object.Ref()); err != nil {
				t.Error(err)
			}
		})
	})
}

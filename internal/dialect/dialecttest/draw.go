package dialecttest

import (
	"fmt"
	"maps"
	"strings"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
)

// drawApp draws an App by its name.
func drawApp(t *rapid.T, s Subject) syncline.App {
	name := rapid.StringMatching(`[a-z]([-a-z0-9]{0,12}[a-z0-9])?`)
	return s.App("control", name.Draw(t, "app"))
}

// kinds are those of the objects that are drawn; a definition of kinds is everybody's,
// and a dialect may leave it unmarked.
var kinds = []struct {
	version, kind string
	namespaced    bool
}{
	{"v1", "ConfigMap", true}, {"v1", "Service", true}, {"apps/v1", "Deployment", true}, {"batch/v1", "Job", true},
	{"rbac.authorization.k8s.io/v1", "ClusterRole", false}, {"v1", "Namespace", false}, {"example.com/v1", "Widget", true},
}

// drawObject draws an object that says something of itself already.
func drawObject(t *rapid.T, label string) syncline.Object {
	of := rapid.SampledFrom(kinds).Draw(t, label+": kind")
	metadata := map[string]any{"name": rapid.StringMatching(`[a-z][-a-z0-9.]{0,20}[a-z0-9]`).Draw(t, label+": name")}
	if of.kind == "ClusterRole" {
		metadata["name"] = "system:" + metadata["name"].(string)
	}
	if of.namespaced {
		metadata["namespace"] = rapid.SampledFrom([]string{"shop", "bank"}).Draw(t, label+": namespace")
	}
	for _, field := range []string{"annotations", "labels"} {
		if texts := drawTexts(t, label+": "+field); len(texts) > 0 {
			metadata[field] = texts
		}
	}
	content := map[string]any{"apiVersion": of.version, "kind": of.kind, "metadata": metadata, "spec": map[string]any{"a": int64(1)}}
	object, err := syncline.NewObject(content, label)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func drawTexts(t *rapid.T, label string) map[string]any {
	texts := map[string]any{}
	for key, value := range rapid.MapOfN(rapid.StringMatching(`example\.com/[a-z]{1,6}`), rapid.StringMatching(`[a-z]{0,6}`), 0, 3).Draw(t, label) {
		texts[key] = value
	}
	return texts
}

// drawMarks draws annotations and labels, of which many mean something.
func drawMarks(t *rapid.T, s Subject) syncline.Marks {
	key := rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{1,8}/[a-z-]{1,8})?`)
	if len(s.Marks) > 0 {
		key = rapid.OneOf(rapid.SampledFrom(s.Marks), rapid.SampledFrom(s.Marks), key)
	}
	value := rapid.String()
	if len(s.Values) > 0 {
		some := rapid.SliceOfN(rapid.SampledFrom(s.Values), 1, 4)
		value = rapid.OneOf(
			rapid.SampledFrom(s.Values), value,
			rapid.Map(some, func(texts []string) string { return strings.Join(texts, ",") }),
			rapid.Map(some, func(texts []string) string { return strings.Repeat(strings.Join(texts, ", "), 500) }),
		)
	}
	marks := syncline.Marks(rapid.MapOfN(key, value, 0, 5).Draw(t, "annotations"))
	if marks == nil {
		marks = syncline.Marks{}
	}
	for label, text := range rapid.MapOfN(key, value, 0, 2).Draw(t, "labels") {
		marks[syncline.LabelKey(label)] = text
	}
	return marks
}

// textsOf returns the annotations or the labels of an object.
func textsOf(object syncline.Object, field string) map[string]any {
	metadata, _ := object.Redacted()["metadata"].(map[string]any)
	texts, _ := metadata[field].(map[string]any)
	return texts
}

// with returns the object with annotations and labels beside its own.
func with(object syncline.Object, annotations, labels map[string]any) syncline.Object {
	for key, value := range annotations {
		object = object.WithAnnotation(key, fmt.Sprint(value))
	}
	for key, value := range labels {
		object = object.WithLabel(key, fmt.Sprint(value))
	}
	return object
}

// bare returns the object without annotations and labels.
func bare(t *rapid.T, object syncline.Object) syncline.Object {
	content := object.Redacted()
	metadata := maps.Clone(content["metadata"].(map[string]any))
	delete(metadata, "annotations")
	delete(metadata, "labels")
	content["metadata"] = metadata
	plain, err := syncline.NewObject(content, object.Origin())
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

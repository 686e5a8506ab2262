package enginetest

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// Tester is a test, of whichever kind.
type Tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

// Objects parses YAML of any number of documents.
func Objects(t Tester, text string) []syncline.Object {
	t.Helper()
	var objects []syncline.Object
	for document := range strings.SplitSeq(text, "\n---\n") {
		content := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &content); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		object, err := syncline.NewObject(whole(content).(map[string]any), "test")
		if err != nil {
			t.Fatalf("%v", err)
		}
		objects = append(objects, object)
	}
	return objects
}

// whole makes integers of numbers that are whole, as the API server does.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = whole(v[key])
		}
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

// object is one live object.
type object struct {
	// content is all of it, as a reader gets it.
	content map[string]any
	// applied is what was applied last; nil when nothing was.
	applied map[string]any
	// clientSide says that somebody applied it client-side before.
	clientSide bool
	health     syncline.Health
	// slow keeps the object when it is deleted, until the test lets it go.
	slow bool
}

func (o *object) meta() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.content}
}

// reveal returns a copy as the API server would answer with.
func (o *object) reveal() syncline.Object {
	object, err := syncline.NewObject(runtime.DeepCopyJSON(o.content), "the cluster")
	if err != nil {
		panic(err) // it came from an Object
	}
	return object
}

// lastApplied is what kubectl wrote down of its last client-side apply.
func (o *object) lastApplied() map[string]any {
	applied := map[string]any{}
	text := o.meta().GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]
	if yaml.Unmarshal([]byte(text), &applied) != nil {
		return nil
	}
	return applied
}

// live is what a cache remembers of the object.
func (o *object) live() syncline.Live {
	u := o.meta()
	gvk := u.GroupVersionKind()
	live := syncline.Live{
		Ref:     o.reveal().Ref(),
		Version: gvk.Version, UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(),
		Tracking:   u.GetAnnotations()[syncline.AnnotationTracking],
		Controlled: len(u.GetOwnerReferences()) > 0,
		Migrate:    o.clientSide, Health: o.health,
		Terminating: u.GetDeletionTimestamp() != nil,
		Marks:       map[string]string{},
	}
	for key, value := range u.GetAnnotations() {
		if key != syncline.AnnotationTracking && !strings.HasPrefix(key, "kubectl.") {
			live.Marks[key] = value
		}
	}
	if o.applied != nil {
		owned, _ := extract(o.content, o.applied).(map[string]any)
		part, err := syncline.NewObject(owned, "")
		if err != nil {
			panic(err) // it has the identity of what was applied
		}
		live.Owned = part.Digest()
	}
	if live.Terminating {
		live.Finalizers = u.GetFinalizers()
	}
	return live
}

// extract returns the part of live that fields has.
func extract(live, fields any) any {
	wanted, ok := fields.(map[string]any)
	content, isMap := live.(map[string]any)
	if !ok || !isMap || len(wanted) == 0 {
		return live
	}
	part := map[string]any{}
	for key, below := range wanted {
		if value, exists := content[key]; exists {
			part[key] = extract(value, below)
		}
	}
	return part
}

// merge applies fresh over live: what old had and fresh does not have goes.
// Lists are replaced, but for those of named elements.
func merge(live, old, fresh any) any {
	switch fresh := fresh.(type) {
	case map[string]any:
		return mergeMaps(asMap(live), asMap(old), fresh)
	case []any:
		if merged, ok := mergeNamed(live, old, fresh); ok {
			return merged
		}
	}
	return fresh
}

func mergeMaps(live, old, fresh map[string]any) map[string]any {
	merged := map[string]any{}
	for key, value := range live {
		_, was := old[key]
		_, is := fresh[key]
		if is || !was {
			merged[key] = value
		}
	}
	for key, value := range fresh {
		merged[key] = merge(live[key], old[key], value)
	}
	return merged
}

func mergeNamed(live, old any, fresh []any) ([]any, bool) {
	names := func(list any) map[string]any {
		named := map[string]any{}
		elements, _ := list.([]any)
		for _, element := range elements {
			if name, ok := asMap(element)["name"].(string); ok {
				named[name] = element
			}
		}
		return named
	}
	liveNames, oldNames, freshNames := names(live), names(old), names(fresh)
	if len(freshNames) != len(fresh) || len(fresh) == 0 {
		return nil, false
	}
	var merged []any
	for _, element := range fresh {
		name, _ := asMap(element)["name"].(string)
		merged = append(merged, merge(liveNames[name], oldNames[name], element))
	}
	elements, _ := live.([]any)
	for _, element := range elements {
		name, _ := asMap(element)["name"].(string)
		if freshNames[name] == nil && oldNames[name] == nil {
			merged = append(merged, element)
		}
	}
	return merged, true
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func without(list []string, gone string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == gone })
}

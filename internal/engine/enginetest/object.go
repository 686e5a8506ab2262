package enginetest

import (
	"context"
	"fmt"
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
	// beside is what was applied last under other managers than ours.
	beside map[string]map[string]any
	// clientSide says that somebody applied it client-side before.
	clientSide bool
	health     syncline.Health
	// forged says that somebody else wrote the tracking annotation.
	forged bool
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

// managed is what reveal returns, with the fields that were applied, and by whom.
func (o *object) managed() syncline.Object {
	var entries []any
	switch {
	case o.clientSide:
		entries = append(entries, o.entry(syncline.KubectlManager, "Update", o.lastApplied()))
	case o.applied != nil:
		entries = append(entries, o.entry(syncline.FieldManager, "Apply", o.applied))
	}
	for manager, applied := range o.beside {
		entries = append(entries, o.entry(manager, "Apply", applied))
	}
	if entries == nil {
		return o.reveal()
	}
	content := runtime.DeepCopyJSON(o.content)
	asMap(content["metadata"])["managedFields"] = entries
	object, err := syncline.NewObject(content, "the cluster")
	if err != nil {
		panic(err) // it came from an Object
	}
	return object
}

// entry is one of managedFields.
func (o *object) entry(manager, operation string, applied map[string]any) map[string]any {
	fields := fieldsOf(applied).(map[string]any)
	metadata, _ := fields["f:metadata"].(map[string]any)
	for _, name := range []string{"f:apiVersion", "f:kind"} {
		delete(fields, name)
	}
	delete(metadata, "f:name")
	delete(metadata, "f:namespace")
	return map[string]any{"manager": manager, "operation": operation, "apiVersion": o.content["apiVersion"], "fieldsV1": fields}
}

// appliedBy is what was applied last under the name of a manager.
func (o *object) appliedBy(manager string) map[string]any {
	if manager != syncline.FieldManager {
		return o.beside[manager]
	}
	return o.applied
}

// fieldsOf returns what a value names, in the form of managedFields.
func fieldsOf(value any) any {
	fields := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			fields["f:"+key] = fieldsOf(below)
		}
	case []any:
		for _, item := range v {
			name, ok := asMap(item)["name"].(string)
			if !ok {
				return map[string]any{}
			}
			fields[fmt.Sprintf(`k:{"name":%q}`, name)] = fieldsOf(item)
		}
	}
	return fields
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
		Made:       u.GetAnnotations()[syncline.AnnotationTracking] != "" && !o.forged,
		Controlled: len(u.GetOwnerReferences()) > 0,
		Migrate:    o.clientSide, Health: o.health,
		Terminating: u.GetDeletionTimestamp() != nil,
		Marks:       map[string]string{},
	}
	for key, value := range u.GetAnnotations() {
		if syncline.Steers(key) {
			live.Marks[key] = value
		}
	}
	if o.applied != nil {
		live.Applied = o.digestOf(o.applied)
	}
	for manager, applied := range o.beside {
		if live.Beside == nil {
			live.Beside = map[string]syncline.Digest{}
		}
		live.Beside[manager] = o.digestOf(applied)
	}
	if live.Terminating {
		live.Finalizers = u.GetFinalizers()
	}
	return live
}

// digestOf is that of what was applied, as it is now.
func (o *object) digestOf(applied map[string]any) syncline.Digest {
	owned, _ := extract(o.content, applied).(map[string]any)
	part, err := syncline.NewObject(owned, "")
	if err != nil {
		panic(err) // it has the identity of what was applied
	}
	return part.Digest()
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
		if was && !is {
			value = subtract(value, old[key])
		}
		if value != nil {
			merged[key] = value
		}
	}
	for key, value := range fresh {
		merged[key] = merge(live[key], old[key], value)
	}
	return merged
}

// subtract returns what others have of a live value of which old goes, or nil.
func subtract(live, old any) any {
	rest := map[string]any{}
	for key, value := range asMap(live) {
		was, had := asMap(old)[key]
		if had {
			value = subtract(value, was)
		}
		if value != nil && old != nil {
			rest[key] = value
		}
	}
	if _, isList := live.([]any); isList {
		merged, _ := mergeNamed(live, old, nil)
		if len(merged) > 0 && len(namesOf(merged)) == len(merged) {
			return merged
		}
	}
	if len(rest) > 0 {
		return rest
	}
	return nil
}

func namesOf(list any) map[string]any {
	named := map[string]any{}
	elements, _ := list.([]any)
	for _, element := range elements {
		if name, ok := asMap(element)["name"].(string); ok {
			named[name] = element
		}
	}
	return named
}

func mergeNamed(live, old any, fresh []any) ([]any, bool) {
	liveNames, oldNames, freshNames := namesOf(live), namesOf(old), namesOf(fresh)
	if len(freshNames) != len(fresh) || fresh != nil && len(fresh) == 0 {
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

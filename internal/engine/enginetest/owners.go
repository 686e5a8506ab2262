package enginetest

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/syncline-io/syncline"
)

// writer is who wrote fields, and how.
type writer struct{ manager, operation string }

// The operations by which fields are written.
const (
	applying = "Apply"
	updating = "Update"
)

// owners says which fields each writer owns, as the part of the content that has
// them. Its values mean nothing, and neither the identity nor the status is in it.
// The items of a list are owned one by one where all of them have names.
type owners map[writer]map[string]any

// apply makes the object one that a manager applied: what it applied before and
// does not any more goes, unless others own it too, and what others own and it
// changes is theirs no longer.
func (o *object) apply(manager string, desired map[string]any) {
	by := writer{manager, applying}
	leaving := minus(o.owners[by], desired)
	for other, owned := range o.owners {
		if other != by {
			leaving = minus(leaving, owned)
		}
	}
	before := o.content
	o.content = runtime.DeepCopyJSON(asMap(merge(before, leaving, desired)))
	o.take(asMap(differing(before, o.content)))
	o.own(by, ownable(desired))
}

// update makes a change that a manager writes: what it changes is its own.
func (o *object) update(manager string, change func(*unstructured.Unstructured)) {
	before := runtime.DeepCopyJSON(o.content)
	u := o.meta()
	change(u)
	o.content = u.Object
	changed := asMap(differing(before, o.content))
	o.take(changed)
	by := writer{manager, updating}
	if changed = ownable(changed); changed != nil {
		o.own(by, asMap(merge(o.owners[by], nil, changed)))
	}
	for by, owned := range o.owners { // of what is gone nobody owns anything
		o.own(by, asMap(extract(o.content, owned)))
	}
}

// migrate makes the fields of client-side apply those that a manager of one of the
// dialects applied.
func (o *object) migrate(manager string, dialects syncline.Dialects) {
	by := writer{manager, applying}
	for other, owned := range o.owners {
		if other.operation == updating && takenOver(dialects, other.manager) {
			delete(o.owners, other)
			o.own(by, asMap(merge(o.owners[by], nil, owned)))
		}
	}
}

// takenOver reports whether what a manager wrote by updates is taken over by Apps of
// one of the dialects.
func takenOver(dialects syncline.Dialects, manager string) bool {
	return slices.ContainsFunc(dialects, func(d *syncline.Dialect) bool { return d.TakesOver(manager) })
}

// adopt makes declared fields those of a manager alone, as far as they are held by
// who wrote the mark of what it adopts.
func (o *object) adopt(manager string, desired map[string]any, dialects syncline.Dialects) {
	for other, owned := range o.owners {
		if yields(other, owned, manager, dialects) {
			o.own(other, asMap(minus(owned, desired)))
		}
	}
}

// yields reports whether a writer holds fields for a manager that adopts them.
func yields(of writer, owned map[string]any, manager string, dialects syncline.Dialects) bool {
	for _, dialect := range dialects {
		if dialect.Manager == manager {
			return of.manager != manager && hasMark(owned, dialect)
		}
	}
	return slices.ContainsFunc(dialects, func(dialect *syncline.Dialect) bool {
		return of == writer{dialect.Manager, applying} && !hasMark(owned, dialect)
	})
}

// own makes a writer the owner of the fields, and of no others.
func (o *object) own(by writer, fields map[string]any) {
	if len(fields) == 0 {
		delete(o.owners, by)
		return
	}
	o.owners[by] = runtime.DeepCopyJSON(fields)
}

// take makes fields those of nobody.
func (o *object) take(fields map[string]any) {
	if len(fields) == 0 {
		return
	}
	for by, owned := range o.owners {
		o.own(by, asMap(minus(owned, fields)))
	}
}

// ownable returns the part of a content that writers own.
func ownable(content map[string]any) map[string]any {
	content = maps.Clone(content)
	metadata := maps.Clone(asMap(content["metadata"]))
	for _, field := range []string{
		"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "generation", "managedFields",
	} {
		delete(metadata, field)
	}
	for _, field := range []string{"apiVersion", "kind", "metadata", "status"} {
		delete(content, field)
	}
	if len(metadata) > 0 {
		content["metadata"] = metadata
	}
	if len(content) == 0 {
		return nil
	}
	return content
}

// hasMark reports whether fields have the mark by which a dialect says whose an object
// is.
func hasMark(owned map[string]any, dialect *syncline.Dialect) bool {
	var at any = owned
	for _, name := range dialect.Ownership.Proof() {
		below, exists := asMap(at)[strings.TrimPrefix(name, "f:")]
		if !exists {
			return false
		}
		at = below
	}
	return true
}

// managed is what reveal returns, with whose the fields are.
func (o *object) managed() syncline.Object {
	var entries []any
	for by, owned := range o.owners {
		entries = append(entries, map[string]any{
			"manager": by.manager, "operation": by.operation, "apiVersion": o.content["apiVersion"], "fieldsV1": fieldsOf(owned),
		})
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

// merge lays fresh over live, without what leaves. Lists are replaced, but for
// those of named items.
func merge(live, leaving, fresh any) any {
	switch fresh := fresh.(type) {
	case map[string]any:
		return mergeMaps(asMap(live), asMap(leaving), fresh)
	case []any:
		if merged, ok := mergeNamed(live, leaving, fresh); ok {
			return merged
		}
	}
	return fresh
}

func mergeMaps(live, leaving, fresh map[string]any) map[string]any {
	merged := map[string]any{}
	for key, value := range live {
		if _, is := fresh[key]; is {
			continue
		}
		if value = minus(value, leaving[key]); value != nil {
			merged[key] = value
		}
	}
	for key, value := range fresh {
		merged[key] = merge(live[key], leaving[key], value)
	}
	return merged
}

func mergeNamed(live, leaving any, fresh []any) ([]any, bool) {
	liveNames, freshNames := namesOf(live), namesOf(fresh)
	if len(freshNames) != len(fresh) || len(fresh) == 0 {
		return nil, false
	}
	goneNames := namesOf(leaving)
	var merged []any
	for _, item := range fresh {
		name := nameOf(item)
		merged = append(merged, merge(liveNames[name], goneNames[name], item))
	}
	items, _ := live.([]any)
	for _, item := range items {
		left := asMap(minus(item, goneNames[nameOf(item)]))
		if freshNames[nameOf(item)] == nil && len(left) > 0 {
			merged = append(merged, named(left, item))
		}
	}
	return merged, true
}

// minus returns a content without the fields of another; nil when nothing is left.
func minus(content, gone any) any {
	if gone == nil {
		return content
	}
	switch content := content.(type) {
	case map[string]any:
		return minusFields(content, asMap(gone))
	case []any:
		return minusItems(content, namesOf(gone))
	}
	return nil
}

func minusFields(content, gone map[string]any) any {
	rest := map[string]any{}
	for key, value := range content {
		if left := minus(value, gone[key]); left != nil {
			rest[key] = left
		}
	}
	if len(gone) == 0 || len(rest) == 0 { // what is owned as one goes as one
		return nil
	}
	return rest
}

func minusItems(content []any, gone map[string]any) any {
	if len(namesOf(content)) != len(content) || len(gone) == 0 {
		return nil
	}
	var rest []any
	for _, item := range content {
		if left := asMap(minus(item, gone[nameOf(item)])); len(left) > 0 {
			rest = append(rest, named(left, item))
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// named returns a part of an item with the item's name.
func named(part map[string]any, item any) map[string]any {
	part = maps.Clone(part)
	part["name"] = nameOf(item)
	return part
}

// differing returns the part of after that is not so before; nil when all of it is.
func differing(before, after any) any {
	switch now := after.(type) {
	case map[string]any:
		was, part := asMap(before), map[string]any{}
		for key, value := range now {
			if differs := differing(was[key], value); differs != nil {
				part[key] = differs
			}
		}
		if len(part) == 0 && before != nil {
			return nil
		}
		return part
	case []any:
		if was := namesOf(before); len(was) > 0 && len(namesOf(now)) == len(now) {
			return differingItems(was, now)
		}
	}
	if reflect.DeepEqual(before, after) {
		return nil
	}
	return after
}

func differingItems(before map[string]any, after []any) any {
	var part []any
	for _, item := range after {
		if differs := asMap(differing(before[nameOf(item)], item)); len(differs) > 0 {
			part = append(part, named(differs, item))
		}
	}
	if part == nil {
		return nil
	}
	return part
}

// extract returns the part of live that fields names.
func extract(live, fields any) any {
	switch wanted := fields.(type) {
	case map[string]any:
		content, isMap := live.(map[string]any)
		if !isMap || len(wanted) == 0 {
			return live
		}
		part := map[string]any{}
		for key, below := range wanted {
			if value, exists := content[key]; exists {
				part[key] = extract(value, below)
			}
		}
		return part
	case []any:
		names := namesOf(wanted)
		items, isList := live.([]any)
		if !isList || len(names) == 0 || len(namesOf(items)) != len(items) {
			return live
		}
		part := []any{}
		for _, item := range items {
			if below, owned := names[nameOf(item)]; owned {
				part = append(part, extract(item, below))
			}
		}
		return part
	}
	return live
}

// fieldsOf returns what a value names, in the form of managedFields.
func fieldsOf(value any) map[string]any {
	fields := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			fields["f:"+key] = fieldsOf(below)
		}
	case []any:
		for _, item := range v {
			name := nameOf(item)
			if name == "" {
				return map[string]any{}
			}
			fields[keyOf(name)] = fieldsOf(item)
		}
	}
	return fields
}

// namesOf returns the items of a list that have names, by these.
func namesOf(list any) map[string]any {
	named := map[string]any{}
	items, _ := list.([]any)
	for _, item := range items {
		if name := nameOf(item); name != "" {
			named[name] = item
		}
	}
	return named
}

func nameOf(item any) string {
	name, _ := asMap(item)["name"].(string)
	return name
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func without(list []string, gone string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == gone })
}

// madeBy is the manager under which an object is made that a test puts: that of whom
// it says to be.
func (c *Cluster) madeBy(u *unstructured.Unstructured) string {
	ref := syncline.Ref{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	if _, owner := c.dialects.Owner(ref, syncline.Content(u.Object)); owner != nil && len(owner.Former) > 0 {
		return owner.Former[0]
	}
	return somebody
}

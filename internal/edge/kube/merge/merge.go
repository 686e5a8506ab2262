// Package merge computes the three-way merge of an object: what is live, without
// what was applied before and is no longer desired, with what is desired. It is
// what client-side apply would make of the object, but for what that loses: items
// of lists are told apart by the keys of the API server, and what others own
// stays. It asks and writes nothing.
package merge

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// Merge is the three-way merge of one object.
type Merge struct {
	desired, content map[string]any
	root             place
}

// New merges the desired object with the live one, in the same version, whose
// managedFields say what the managers that are ours applied before. Both are
// handed over.
func New(desired, live *unstructured.Unstructured, ours sets.Set[string]) *Merge {
	m := &Merge{desired: desired.Object}
	if typed, err := scheme.Scheme.New(live.GroupVersionKind()); err == nil {
		if meta, err := strategicpatch.NewPatchMetaFromStruct(typed); err == nil {
			m.root.kind = meta
		}
	}
	// Custom kinds have their fields in all versions, but for those that convert: what we
	// applied goes by its name, as with client-side apply.
	m.root.fields = fieldsOf(live, ours, m.root.kind == nil)
	delete(m.desired, "status")
	m.content = m.root.mergeMap(m.desired, live.Object)
	return m
}

// Content returns the merged object, with the UID, the resource version and the
// managedFields of the live one. It is a copy.
func (m *Merge) Content() map[string]any {
	u := &unstructured.Unstructured{Object: m.content}
	return u.DeepCopy().Object
}

// place is where a value stands in an object, and what is known of it there.
type place struct {
	fields fields
	// kind is the Go type of the value, or of the items of a list, as far as the
	// kind is one of Kubernetes' own; nil otherwise.
	kind strategicpatch.LookupPatchMeta
	// key is the name of the field by which a list is merged by client-side apply.
	key string
	// union says that a map, or each item of a list, is one, so that what is not
	// declared gives way when another member of it is.
	union bool
}

// field returns the place of the value of a field.
func (p place) field(name string, value any) place {
	below := place{fields: p.fields.field(name)}
	if p.kind == nil {
		return below
	}
	lookup := p.kind.LookupPatchMetadataForStruct
	if _, isList := value.([]any); isList {
		lookup = p.kind.LookupPatchMetadataForSlice
	}
	kind, meta, err := lookup(name)
	if err != nil { // there is no such field, or p is a map of texts
		return below
	}
	below.kind, below.key = kind, meta.GetPatchMergeKey()
	below.union = slices.Contains(meta.GetPatchStrategies(), "retainKeys")
	return below
}

// item returns the place of an item of a list.
func (p place) item(in *list, item any) place {
	return place{fields: in.fieldsOf(item), kind: p.kind, union: p.union}
}

// merge returns what a value becomes that is desired.
func (p place) merge(desired, live any) any {
	switch wanted := desired.(type) {
	case map[string]any:
		if is, ok := live.(map[string]any); ok && !p.fields.atomic() {
			return p.mergeMap(wanted, is)
		}
	case []any:
		is, _ := live.([]any)
		return p.mergeList(wanted, is)
	}
	return desired
}

func (p place) mergeMap(desired, live map[string]any) map[string]any {
	merged := make(map[string]any, len(desired)+len(live))
	another := p.union && !holds(live, desired)
	for name, value := range live {
		if _, declared := desired[name]; declared || another || p.kind != nil && rivals(name, desired) {
			continue
		}
		if rest := p.field(name, value).rest(value); rest != nil {
			merged[name] = rest
		}
	}
	for name, value := range desired {
		if value != nil {
			merged[name] = p.field(name, value).merge(value, live[name])
		}
	}
	return merged
}

// holds reports whether a live value is as desired, with whatever else it has.
func holds(live, desired any) bool {
	wanted, ok1 := desired.(map[string]any)
	is, ok2 := live.(map[string]any)
	if !ok1 || !ok2 {
		return textOf(live) == textOf(desired)
	}
	for name, value := range wanted {
		if !holds(is[name], value) {
			return false
		}
	}
	return true
}

// unions are the fields of Kubernetes' own kinds of which an object has one, and
// of which client-side apply does not know it.
var unions = [][]string{
	{"value", "valueFrom"},
	{"configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef"},
	{"exec", "httpGet", "tcpSocket", "grpc", "sleep"},
	{"minAvailable", "maxUnavailable"},
}

// rivals reports whether a field and one that is desired are members of a union.
func rivals(name string, desired map[string]any) bool {
	for _, union := range unions {
		if slices.Contains(union, name) {
			return slices.ContainsFunc(union, func(other string) bool { return desired[other] != nil })
		}
	}
	return false
}

// rest returns what stays of a value that is not desired, nil when that is
// nothing. What we applied goes, and with it what nobody owns below it, which are
// defaults.
func (p place) rest(value any) any {
	switch {
	case p.fields.ours == nil:
		return value
	case p.fields.others == nil:
		return nil
	case isWhole(p.fields.ours):
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		rest := map[string]any{}
		for name, below := range v {
			if left := p.field(name, below).rest(below); left != nil {
				rest[name] = left
			}
		}
		return rest
	case []any:
		in, items := p.listOf(nil, v), []any{}
		for _, item := range v {
			if in == nil {
				return value
			}
			if left := p.item(in, item).rest(item); left != nil {
				items = append(items, left)
			}
		}
		return items
	}
	return value
}

// mergeList merges a list item by item, where it is known what tells these apart.
// The declared order counts; what is not declared stays where it is. An item that
// is declared repeatedly stays so.
func (p place) mergeList(desired, live []any) []any {
	in := p.listOf(desired, live)
	if in == nil {
		return desired
	}
	m := &items{place: p, list: in, live: live, waiting: map[string][]int{}, taken: make([]bool, len(live))}
	for _, item := range desired {
		m.waiting[in.identify(item)] = nil
	}
	for j, item := range live {
		if at, declared := m.waiting[in.identify(item)]; declared {
			m.waiting[in.identify(item)] = append(at, j)
		}
	}
	for j, item := range live {
		if at, declared := m.waiting[in.identify(item)]; !declared {
			m.keep(item)
		} else if len(at) > 0 { // what is declared before it comes before it
			for len(desired) > 0 && !m.taken[j] { // there may be more of it than is declared
				m.declare(desired[0])
				desired = desired[1:]
			}
		}
	}
	for _, item := range desired {
		m.declare(item)
	}
	return m.merged
}

// items are those of a list while they are merged.
type items struct {
	place
	*list
	live   []any
	merged []any
	// waiting says where in live the items are that are declared and were not taken
	// yet, by what identifies them.
	waiting map[string][]int
	taken   []bool
}

// declare appends an item that is declared.
func (m *items) declare(item any) {
	id := m.identify(item)
	if at := m.waiting[id]; len(at) > 0 {
		m.waiting[id], m.taken[at[0]] = at[1:], true
		item = m.item(m.list, item).merge(item, m.live[at[0]])
	}
	m.merged = append(m.merged, item)
}

// keep appends what stays of a live item that is not declared.
func (m *items) keep(item any) {
	if rest := m.item(m.list, item).rest(item); rest != nil {
		m.merged = append(m.merged, rest)
	}
}

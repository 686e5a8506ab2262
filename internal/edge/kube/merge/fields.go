package merge

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/syncline-io/syncline/internal/base/managed"
)

// fields are those of a value that we own and that others own, in the form of
// managedFields: "f:spec": {"f:replicas": {}}. Either is nil when that is none.
type fields struct{ ours, others map[string]any }

// fieldsOf returns who owns what of a live object. What we applied in another version
// of its kind counts where versions are alike, and is left alone else.
func fieldsOf(live *unstructured.Unstructured, ours sets.Set[string], alike bool) fields {
	var found fields
	for _, entry := range managed.Entries(live) {
		manager, _ := entry["manager"].(string)
		owned, _ := entry["fieldsV1"].(map[string]any)
		switch {
		case owned == nil:
		case entry["subresource"] == nil && ours.Has(manager):
			if alike || entry["apiVersion"] == live.GetAPIVersion() {
				found.ours = together(found.ours, owned)
			}
		default:
			found.others = together(found.others, owned)
		}
	}
	return found
}

// together returns the fields of both.
func together(a, b map[string]any) map[string]any {
	if a == nil {
		return b
	}
	all := maps.Clone(a)
	for name, below := range b {
		x, _ := all[name].(map[string]any)
		y, _ := below.(map[string]any)
		if y == nil {
			y = map[string]any{}
		}
		all[name] = together(x, y)
	}
	return all
}

func (f fields) field(name string) fields {
	ours, _ := f.ours["f:"+name].(map[string]any)
	others, _ := f.others["f:"+name].(map[string]any)
	return fields{ours, others}
}

// atomic reports whether a map is owned as one: it is replaced, not merged.
func (f fields) atomic() bool {
	return (f.ours != nil || f.others != nil) && isWhole(f.ours) && isWhole(f.others)
}

// isWhole reports whether fields stand for a value as a whole.
func isWhole(owned map[string]any) bool {
	_, itself := owned["."]
	return len(owned) == 0 || len(owned) == 1 && itself
}

// list is what is known of a list whose items are owned one by one.
type list struct {
	// names are those of the fields that tell items apart; none when their value
	// does.
	names        []string
	ours, others map[string]map[string]any
}

// listOf returns what is known of a list, nil when it is owned as one or nothing
// is known of it.
func (p place) listOf(lists ...[]any) *list {
	in := &list{}
	for _, owned := range []map[string]any{p.fields.ours, p.fields.others} {
		for name := range owned {
			switch kind, text, _ := strings.Cut(name, ":"); kind {
			case "k":
				in.names = keyNames(text)
				return in.indexed(p.fields)
			case "v":
				return in.indexed(p.fields)
			}
		}
	}
	if p.key == "" || p.fields.atomic() {
		return nil
	}
	in.names = []string{p.key}
	if p.key == "port" || p.key == "containerPort" { // client-side apply forgets the protocol
		in.names = append(in.names, "protocol")
	}
	for _, items := range lists {
		if slices.ContainsFunc(items, func(item any) bool { _, isMap := item.(map[string]any); return !isMap }) {
			return nil
		}
	}
	return in.indexed(p.fields)
}

func (in *list) indexed(owned fields) *list {
	in.ours, in.others = in.index(owned.ours), in.index(owned.others)
	return in
}

// index returns the fields of items by what identifies these.
func (in *list) index(owned map[string]any) map[string]map[string]any {
	found := map[string]map[string]any{}
	for name, below := range owned {
		kind, text, _ := strings.Cut(name, ":")
		var key any
		if kind != "k" && kind != "v" || json.Unmarshal([]byte(text), &key) != nil {
			continue
		}
		part, _ := below.(map[string]any)
		if part == nil {
			part = map[string]any{}
		}
		found[in.identify(key)] = part
	}
	return found
}

// keyNames returns the names of the fields of a key, which is JSON, in the order
// of the alphabet.
func keyNames(key string) []string {
	named := map[string]any{}
	_ = json.Unmarshal([]byte(key), &named) // what is no key names nothing
	return slices.Sorted(maps.Keys(named))
}

// identify returns what tells an item from the others. A protocol is TCP where
// there is none, the only default that keys of Kubernetes' own kinds have.
func (in *list) identify(item any) string {
	content, isMap := item.(map[string]any)
	if !isMap || len(in.names) == 0 {
		return textOf(item)
	}
	values := make([]any, len(in.names))
	for i, name := range in.names {
		if values[i] = content[name]; values[i] == nil && name == "protocol" {
			values[i] = "TCP"
		}
	}
	return textOf(values)
}

// fieldsOf returns who owns what of an item.
func (in *list) fieldsOf(item any) fields {
	id := in.identify(item)
	return fields{in.ours[id], in.others[id]}
}

func textOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // content came from a JSON parser
		return ""
	}
	return string(text)
}

// Declared returns those of the fields that an object declares.
func Declared(owned, desired map[string]any) map[string]any {
	part := map[string]any{}
	for name, content := range owned {
		below, _ := content.(map[string]any)
		kind, text, _ := strings.Cut(name, ":")
		switch value, declared := desired[text]; {
		case name == ".":
			part[name] = content
		case kind == "f" && declared:
			part[name] = declaredBelow(below, value)
		}
	}
	return part
}

func declaredBelow(owned map[string]any, value any) map[string]any {
	if isWhole(owned) {
		return owned
	}
	switch v := value.(type) {
	case map[string]any:
		return Declared(owned, v)
	case []any:
		return declaredItems(owned, v)
	}
	return owned
}

func declaredItems(owned map[string]any, items []any) map[string]any {
	part := map[string]any{}
	in := place{fields: fields{ours: owned}}.listOf()
	if in == nil {
		return owned
	}
	declared := map[string]any{}
	for _, item := range items {
		declared[in.identify(item)] = item
	}
	for name, content := range owned {
		below, _ := content.(map[string]any)
		_, text, _ := strings.Cut(name, ":")
		var key any
		if json.Unmarshal([]byte(text), &key) != nil {
			continue
		}
		if item, ok := declared[in.identify(key)]; ok {
			part[name] = declaredBelow(below, item)
		}
	}
	return part
}

// Without returns the fields that are not among those taken. It changes neither.
func Without(owned, taken map[string]any) map[string]any {
	rest := map[string]any{}
	for name, content := range owned {
		below, _ := content.(map[string]any)
		gone, _ := taken[name].(map[string]any)
		_, is := taken[name]
		switch left := Without(below, gone); {
		case !is:
			rest[name] = content
		case len(left) > 0 || itself(below) && !itself(gone):
			rest[name] = left
		}
	}
	return rest
}

// itself reports whether fields have the value that they are below, and not only
// some of what is in it.
func itself(owned map[string]any) bool {
	_, is := owned["."]
	return is || len(owned) == 0
}

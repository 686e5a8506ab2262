package merge

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Yield removes from the merged object what the API server refuses in it for the
// sake of what is declared, and reports whether it removed anything:
//
//   - a field that is not declared and that nobody owns, which is a default;
//   - an item of a list that is not declared and has in common with a declared one
//     what no two may have in common, such as the name of a port: it is the declared
//     one, whose key somebody changed. Where the list as a whole is refused, as by a
//     rule of a custom kind, that is the name.
//
// What is declared, and what is not refused, stays. So does everything where it is
// not known who owns what.
func (m *Merge) Yield(causes []metav1.StatusCause) bool {
	yielded := false
	for _, cause := range causes {
		path := pathOf(cause.Field)
		if len(path) < 2 || path[0] == "metadata" || m.root.fields.ours == nil && m.root.fields.others == nil {
			continue
		}
		content, ok1 := m.content[path[0]].(map[string]any)
		desired, ok2 := m.desired[path[0]].(map[string]any)
		if ok1 && ok2 && m.root.field(path[0], content).yield(content, desired, path[1:], isRivalry(cause)) {
			yielded = true
		}
	}
	return yielded
}

// isRivalry reports whether a value is refused because another item has it too.
// That of ports without a name is that each needs one.
func isRivalry(cause metav1.StatusCause) bool {
	return cause.Type == metav1.CauseTypeFieldValueDuplicate || cause.Type == metav1.CauseTypeFieldValueRequired
}

// pathStep is one part of the path of a cause, as in "spec.ports[1].name".
var pathStep = regexp.MustCompile(`[^.\[\]]+`)

func pathOf(field string) []string { return pathStep.FindAllString(field, -1) }

// yield goes down a path, beside each other in what is merged and desired.
func (p place) yield(merged, desired map[string]any, path []string, rivalry bool) bool {
	name := path[0]
	value, exists := merged[name]
	wanted, declared := desired[name]
	below := p.field(name, value)
	switch {
	case !exists:
		return false
	case !declared && below.fields.others == nil:
		delete(merged, name)
		return true
	case !declared:
		return false
	}
	switch v := value.(type) {
	case map[string]any:
		wanted, ok := wanted.(map[string]any)
		return ok && len(path) > 1 && below.yield(v, wanted, path[1:], rivalry)
	case []any:
		wanted, _ := wanted.([]any)
		kept, yielded := below.yieldList(v, wanted, path[1:], rivalry)
		merged[name] = kept
		return yielded
	}
	return false
}

// yieldList goes down in a list, and returns what it is then.
func (p place) yieldList(merged, desired []any, path []string, rivalry bool) ([]any, bool) {
	in := p.listOf(desired, merged)
	if in == nil {
		return merged, false
	}
	if len(path) == 0 {
		kept := in.withoutRivals(merged, desired, "name", false)
		return kept, len(kept) < len(merged)
	}
	index, err := strconv.Atoi(path[0])
	if len(path) < 2 || err != nil || index < 0 || index >= len(merged) {
		return merged, false
	}
	if rivalry {
		if kept := in.withoutRivals(merged, desired, path[1], true); len(kept) < len(merged) {
			return kept, true
		}
	}
	item := merged[index]
	at := slices.IndexFunc(desired, func(other any) bool { return in.identify(other) == in.identify(item) })
	if at < 0 {
		return merged, false
	}
	content, ok1 := item.(map[string]any)
	wanted, ok2 := desired[at].(map[string]any)
	return merged, ok1 && ok2 && p.item(in, item).yield(content, wanted, path[1:], rivalry)
}

// withoutRivals returns the items without those that are not declared and have a
// field in common with one that is; with absent, also that they lack it. The port of
// the node that the API server gave to such an item passes to the declared one.
func (in *list) withoutRivals(items, desired []any, field string, absent bool) []any {
	declared := map[string]bool{}
	for _, item := range desired {
		declared[in.identify(item)] = true
	}
	heirs := map[string]map[string]any{} // declared items by what they have in that field
	for _, item := range items {
		if content, ok := item.(map[string]any); ok && declared[in.identify(item)] && (absent || content[field] != nil) {
			heirs[textOf(content[field])] = content
		}
	}
	kept := make([]any, 0, len(items))
	for _, item := range items {
		content, isMap := item.(map[string]any)
		heir, rival := heirs[textOf(content[field])]
		if !isMap || !rival || declared[in.identify(item)] {
			kept = append(kept, item)
			continue
		}
		inherit(heir, content)
	}
	return kept
}

// allocated is the field of items that the API server fills in as it likes.
const allocated = "nodePort"

func inherit(heir, from map[string]any) {
	if value, exists := from[allocated]; exists && heir[allocated] == nil && !reflect.DeepEqual(value, int64(0)) {
		heir[allocated] = value
	}
}

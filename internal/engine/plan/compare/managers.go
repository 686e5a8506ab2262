package compare

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-io/syncline"
)

// trusting returns the rules with the fields that the managers which they name
// own in the live object.
func (r rules) trusting(live syncline.Object) rules {
	var managers []string
	for _, rule := range r.those {
		managers = append(managers, rule.Managers...)
	}
	if managers == nil {
		return r
	}
	entries, _ := live.Field("metadata", "managedFields")
	list, _ := entries.([]any)
	for _, entry := range list {
		content, _ := entry.(map[string]any)
		manager, _ := content["manager"].(string)
		fields, _ := content["fieldsV1"].(map[string]any)
		if fields != nil && slices.Contains(managers, manager) {
			r.trusted = append(r.trusted, fields)
		}
	}
	return r
}

// withoutFields returns a copy of value without the given fields, in the form
// of managedFields: "f:spec": {"f:replicas": {}}.
func withoutFields(value any, fields map[string]any) any {
	switch v := value.(type) {
	case map[string]any:
		return mapWithoutFields(v, fields)
	case []any:
		return listWithoutFields(v, fields)
	}
	return value
}

func mapWithoutFields(content, fields map[string]any) map[string]any {
	rest := make(map[string]any, len(content))
	for name, value := range content {
		below, named := fields["f:"+name].(map[string]any)
		switch {
		case !named:
			rest[name] = value
		case !isWhole(below):
			rest[name] = withoutFields(value, below)
		}
	}
	return rest
}

// listWithoutFields leaves out the items of which nothing remains.
func listWithoutFields(list []any, fields map[string]any) []any {
	rest := []any{}
	for i, item := range list {
		below, named := fieldsOfItem(item, i, fields)
		if !named {
			rest = append(rest, item)
			continue
		}
		if left, isMap := withoutFields(item, below).(map[string]any); isMap && !isWhole(below) && len(left) > 0 {
			rest = append(rest, left)
		}
	}
	return rest
}

// isWhole reports whether fields stand for a value as a whole.
func isWhole(fields map[string]any) bool {
	_, itself := fields["."]
	return len(fields) == 0 || len(fields) == 1 && itself
}

// fieldsOfItem finds an item by the fields that identify it ("k:"), by its value
// ("v:") or by its place ("i:").
func fieldsOfItem(item any, index int, fields map[string]any) (map[string]any, bool) {
	for name, below := range fields {
		kind, text, _ := strings.Cut(name, ":")
		found := kind == "i" && text == strconv.Itoa(index) ||
			kind == "v" && text == textOf(item) ||
			kind == "k" && hasKey(item, text)
		if found {
			below, _ := below.(map[string]any)
			return below, true
		}
	}
	return nil, false
}

// hasKey reports whether an item has the fields of a key, which is JSON.
func hasKey(item any, text string) bool {
	content, _ := item.(map[string]any)
	key := map[string]any{}
	if json.Unmarshal([]byte(text), &key) != nil || content == nil {
		return false
	}
	for name, value := range key {
		if textOf(content[name]) != textOf(value) {
			return false
		}
	}
	return true
}

// keyNames returns the names of the fields of a key, in the order of the alphabet.
func keyNames(key string) []string {
	fields := map[string]any{}
	_ = json.Unmarshal([]byte(key), &fields) // what is no key names nothing
	return slices.Sorted(maps.Keys(fields))
}

func textOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // content came from a JSON parser
		return ""
	}
	return string(text)
}

// ManagersOf returns the entries of an object's managedFields.
func ManagersOf(live map[string]any) []map[string]any {
	metadata, _ := live["metadata"].(map[string]any)
	list, _ := metadata["managedFields"].([]any)
	entries := make([]map[string]any, 0, len(list))
	for _, item := range list {
		entry, _ := item.(map[string]any)
		entries = append(entries, entry)
	}
	return entries
}

// HasApplied reports whether a manager owns fields of a live object.
func HasApplied(live map[string]any, manager string) bool {
	return appliedBy(live, func(of string) bool { return of == manager }) != nil
}

// appliedEntry returns what a manager applied of an object, in which version.
func appliedEntry(content map[string]any, manager string) (fields map[string]any, version any) {
	for _, entry := range ManagersOf(content) {
		if entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			fields, _ = entry["fieldsV1"].(map[string]any)
			return fields, entry["apiVersion"]
		}
	}
	return nil, nil
}

// appliedBy returns the fields of a live object that such managers own, as managedFields
// hold them, or nil. Those of a subresource do not count.
func appliedBy(live map[string]any, counts func(manager string) bool) map[string]any {
	var all map[string]any
	for _, entry := range ManagersOf(live) {
		manager, _ := entry["manager"].(string)
		fields, _ := entry["fieldsV1"].(map[string]any)
		if fields != nil && entry["subresource"] == nil && counts(manager) {
			all = together(all, fields)
		}
	}
	return all
}

// together returns the fields of both. What either has as a whole it is.
func together(a, b map[string]any) map[string]any {
	if a == nil {
		return b
	}
	all := make(map[string]any, len(a)+len(b))
	maps.Copy(all, a)
	for name, below := range b {
		x, _ := all[name].(map[string]any)
		y, _ := below.(map[string]any)
		if all[name] = y; len(x) > 0 {
			all[name] = together(x, y)
		}
	}
	return all
}

// covers reports whether fields name all that others name.
func covers(fields, others map[string]any) bool {
	for name, below := range others {
		own, named := fields[name].(map[string]any)
		theirs, _ := below.(map[string]any)
		if name != "." && (!named || !covers(own, theirs)) {
			return false
		}
	}
	return true
}

// holdsValue reports whether there is anything in a value but empty maps and lists.
func holdsValue(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range v {
			if holdsValue(below) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, holdsValue)
	}
	return value != nil
}

// ownPart returns the part of a live value that the fields name: all of what they
// name as a whole. It is nil when they name nothing that is live.
func ownPart(value any, fields map[string]any) any { return exclusivePart(value, fields, nil) }

// exclusivePart returns the part of a value that the fields name and the others do
// not, nil when that is nothing. Items of a list are told apart by all that they
// have: nobody needs to own a default that is part of a key.
func exclusivePart(value any, fields, others map[string]any) any {
	if isWhole(fields) {
		return withoutFields(value, others)
	}
	switch v := value.(type) {
	case map[string]any:
		part := map[string]any{}
		for name, content := range v {
			below, named := fields["f:"+name].(map[string]any)
			theirs, taken := others["f:"+name].(map[string]any)
			if own := exclusiveBelow(content, below, theirs, taken); named && own != nil {
				part[name] = own
			}
		}
		if len(part) > 0 {
			return part
		}
		return nil
	case []any:
		var part []any
		for i, item := range v {
			below, named := fieldsOfItem(item, i, fields)
			theirs, taken := fieldsOfItem(item, i, others)
			if own := exclusiveBelow(item, below, theirs, taken); named && own != nil {
				part = append(part, own)
			}
		}
		if part != nil {
			return part
		}
		return nil
	}
	return value
}

// exclusiveBelow is exclusivePart of what is in a map or a list, of which others may
// have taken all.
func exclusiveBelow(value any, fields, others map[string]any, taken bool) any {
	if taken && isWhole(others) {
		return nil
	}
	return exclusivePart(value, fields, others)
}

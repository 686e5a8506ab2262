package plan

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
func (r ignoreRules) trusting(live syncline.Object) ignoreRules {
	var managers []string
	for _, rule := range r.rules {
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

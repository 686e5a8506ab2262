package application

import (
	"encoding/json"
	"reflect"

	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/syncline-io/syncline"
)

// MergePatch returns the JSON merge patch (RFC 7386) that turns from into to,
// empty when they are equal. Neither may hold a null, which such a patch cannot
// write. Lists are replaced whole.
func MergePatch(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for key, wanted := range to {
		is, exists := from[key]
		isObject, okIs := is.(map[string]any)
		wantedObject, okWanted := wanted.(map[string]any)
		switch {
		case okIs && okWanted:
			if inner := MergePatch(isObject, wantedObject); len(inner) > 0 {
				patch[key] = inner
			}
		case !exists || !reflect.DeepEqual(is, wanted):
			patch[key] = wanted
		}
	}
	for key := range from {
		if _, wanted := to[key]; !wanted {
			patch[key] = nil
		}
	}
	return patch
}

// ToJSON returns a value as the maps and lists of its JSON, whole numbers exact.
func ToJSON(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, syncline.Errorf(syncline.Internal, "write as JSON: %w", err)
	}
	content := map[string]any{}
	if err := kjson.Unmarshal(text, &content); err != nil {
		return nil, syncline.Errorf(syncline.Internal, "read as JSON: %w", err)
	}
	return content, nil
}

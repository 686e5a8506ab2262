package declare

import (
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// UpsertPatch returns the JSON merge patch that makes an existing resource's
// spec the declared one and adds the declared labels, annotations and
// finalizers. It is empty when nothing has to change.
func UpsertPatch(existing, declared map[string]any) map[string]any {
	patch := Fields{}
	oldSpec, _ := existing["spec"].(map[string]any)
	newSpec, _ := declared["spec"].(map[string]any)
	patch.Set("spec", mergePatch(oldSpec, newSpec))
	metadata := Fields{}
	for _, field := range []string{"labels", "annotations"} {
		metadata.Set(field, added(existing, declared, field))
	}
	old, _, _ := unstructured.NestedStringSlice(existing, "metadata", "finalizers")
	wanted, _, _ := unstructured.NestedStringSlice(declared, "metadata", "finalizers")
	if merged := union(old, wanted); len(merged) > len(old) {
		metadata["finalizers"] = Texts(merged)
	}
	patch.Set("metadata", metadata.JSON())
	return patch.JSON()
}

// added returns the declared entries of a map in metadata that the existing
// resource does not have so.
func added(existing, declared map[string]any, field string) map[string]any {
	old, _, _ := unstructured.NestedMap(existing, "metadata", field)
	wanted, _, _ := unstructured.NestedMap(declared, "metadata", field)
	for key, value := range wanted {
		if reflect.DeepEqual(old[key], value) {
			delete(wanted, key)
		}
	}
	return wanted
}

func union(a, b []string) []string {
	merged := slices.Clone(a)
	for _, text := range b {
		if !slices.Contains(merged, text) {
			merged = append(merged, text)
		}
	}
	return merged
}

// mergePatch returns the JSON merge patch that makes from into to.
func mergePatch(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for key := range from {
		if _, kept := to[key]; !kept {
			patch[key] = nil
		}
	}
	for key, value := range to {
		old, had := from[key]
		oldMap, wasMap := old.(map[string]any)
		newMap, isMap := value.(map[string]any)
		switch {
		case had && wasMap && isMap:
			if inner := mergePatch(oldMap, newMap); len(inner) > 0 {
				patch[key] = inner
			}
		case !had || !reflect.DeepEqual(old, value):
			patch[key] = value
		}
	}
	return patch
}

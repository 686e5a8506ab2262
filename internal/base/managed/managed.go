// Package managed reads metadata.managedFields, which say who wrote which field of
// an object.
package managed

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// Entries returns the entries of an object, without copying them. What is none is
// left out.
func Entries(u *unstructured.Unstructured) []map[string]any {
	found, _, _ := unstructured.NestedFieldNoCopy(u.Object, "metadata", "managedFields")
	list, _ := found.([]any)
	entries := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if entry, ok := item.(map[string]any); ok {
			entries = append(entries, entry)
		}
	}
	return entries
}

// Has reports whether fields, as an entry has them in fieldsV1, name the one at a path
// such as f:metadata, f:labels, f:app.
func Has(fields map[string]any, path []string) bool {
	_, has, _ := unstructured.NestedFieldNoCopy(fields, path...)
	return has
}

package live

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fill is a value that the API server writes where an object leaves it out.
type fill struct {
	// path leads to it; "*" is every item of a list.
	path  string
	value any
}

// fills are the values that the API server writes into maps and lists which are
// owned as one, so that they look owned although nobody asked for them. They
// are those that are hardly ever written out in manifests: leaving them out of
// what is owned saves the dry-run for nearly every object that has them.
var fills = map[string][]fill{
	"StatefulSet": {
		{"spec.volumeClaimTemplates.*.apiVersion", "v1"},
		{"spec.volumeClaimTemplates.*.kind", "PersistentVolumeClaim"},
		{"spec.volumeClaimTemplates.*.spec.volumeMode", "Filesystem"},
		{"spec.volumeClaimTemplates.*.status", map[string]any{"phase": "Pending"}},
	},
	"ValidatingWebhookConfiguration": {{"webhooks.*.rules.*.scope", "*"}},
	"MutatingWebhookConfiguration":   {{"webhooks.*.rules.*.scope", "*"}},
	"ValidatingAdmissionPolicy": {
		{"spec.matchConstraints.matchPolicy", "Equivalent"},
		{"spec.matchConstraints.namespaceSelector", map[string]any{}},
		{"spec.matchConstraints.objectSelector", map[string]any{}},
		{"spec.matchConstraints.resourceRules.*.scope", "*"},
	},
}

// podFills are those of every kind that has pods, below their specification.
var podFills = []fill{
	{"containers.*.env.*.valueFrom.fieldRef.apiVersion", "v1"},
	{"initContainers.*.env.*.valueFrom.fieldRef.apiVersion", "v1"},
	{"volumes.*.downwardAPI.items.*.fieldRef.apiVersion", "v1"},
	{"volumes.*.projected.sources.*.downwardAPI.items.*.fieldRef.apiVersion", "v1"},
}

// withoutFills returns body without the values that the API server filled in.
// Body is not changed.
func withoutFills(kind string, body any) any {
	for _, f := range fills[kind] {
		body = without(body, strings.Split(f.path, "."), f.value)
	}
	if spec, ok := podSpecs[kind]; ok {
		for _, f := range podFills {
			body = without(body, append(slices.Clip(spec), strings.Split(f.path, ".")...), f.value)
		}
	}
	return body
}

// without returns value without the entry at path, if that is filler.
func without(value any, path []string, filler any) any {
	switch container := value.(type) {
	case []any:
		if path[0] != "*" {
			return value
		}
		copied := make([]any, len(container))
		for i, item := range container {
			copied[i] = without(item, path[1:], filler)
		}
		return copied
	case map[string]any:
		entry, ok := container[path[0]]
		if !ok {
			return value
		}
		copied := maps.Clone(container)
		if len(path) > 1 {
			copied[path[0]] = without(entry, path[1:], filler)
		} else if reflect.DeepEqual(entry, filler) {
			delete(copied, path[0])
		}
		return copied
	default:
		return value
	}
}

package declare

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
)

// Override writes what the given flags say over an Application resource that a
// file declares, as argocd's app create -f does: what has a name is replaced where
// it is there and added where it is not, other lists are replaced. In is read for
// values from stdin. The error is Invalid when the flags do not fit together, or
// what they say has no place in the resource.
func (a *Application) Override(flags *pflag.FlagSet, manifest map[string]any, in io.Reader) error {
	metadata, declared, err := a.declared(flags, in)
	if err != nil {
		return err
	}
	spec := field(manifest, "spec")
	if err := fits(spec, declared); err != nil {
		return err
	}
	if a.server != "" || a.name != "" {
		delete(part(spec, "destination"), "server")
		delete(part(spec, "destination"), "name")
	}
	if byHand := a.policy == "none" || a.policy == "manual"; byHand {
		delete(part(spec, "syncPolicy"), "automated")
	}
	if a.Source.valuesFile != "" {
		delete(part(spec, "source", "helm"), "valuesObject")
	}
	overlay(field(manifest, "metadata"), metadata)
	overlay(spec, declared)
	return nil
}

// fits says which flags have no place in the spec of a file.
func fits(spec, declared map[string]any) error {
	if _, ok := declared["source"]; ok && spec["sources"] != nil {
		return syncline.Errorf(syncline.Invalid, "the file has several sources, and the flags are about one: change them in the file")
	}
	if len(part(declared, "syncPolicy", "automated")) > 0 && part(spec, "syncPolicy")["automated"] == nil {
		return needAutomated(", here or in the file")
	}
	return nil
}

// part returns the object that is at a path, nil when there is none.
func part(of map[string]any, path ...string) map[string]any {
	for _, name := range path {
		of, _ = of[name].(map[string]any)
	}
	return of
}

// field returns the object that a field holds, and puts one there if there is none.
func field(of map[string]any, name string) map[string]any {
	object, ok := of[name].(map[string]any)
	if !ok {
		object = map[string]any{}
		of[name] = object
	}
	return object
}

// overlay writes one object over another.
func overlay(on, what map[string]any) {
	for name, value := range what {
		switch value := value.(type) {
		case map[string]any:
			overlay(field(on, name), value)
		case []any:
			on[name] = overlaid(on[name], value, keyOf(name))
		default:
			on[name] = value
		}
	}
}

// keyOf returns what tells the items of a list apart, nil when a list is one value.
func keyOf(list string) func(item any) string {
	switch list {
	case "parameters", "fileParameters", "replicas", "extVars", "tlas":
		return func(item any) string {
			object, _ := item.(map[string]any)
			name, _ := object["name"].(string)
			return name
		}
	case "syncOptions":
		return func(item any) string {
			text, _ := item.(string)
			name, _, _ := strings.Cut(text, "=")
			return name
		}
	case "images":
		return func(item any) string {
			text, _ := item.(string)
			return imageName(text)
		}
	case "finalizers":
		return func(item any) string {
			text, _ := item.(string)
			return text
		}
	}
	return nil
}

// imageName returns what a kustomize image is matched by: the part before "=", or
// else the image without its tag and digest.
func imageName(image string) string {
	if name, _, ok := strings.Cut(image, "="); ok {
		return name
	}
	name, _, _ := strings.Cut(image, "@")
	if tag := strings.LastIndexByte(name, ':'); tag > strings.LastIndexByte(name, '/') {
		name = name[:tag]
	}
	return name
}

// overlaid returns a list with items in place of those of the same key, and the
// others behind them.
func overlaid(list any, items []any, key func(any) string) []any {
	old, _ := list.([]any)
	if key == nil {
		return items
	}
	merged := slices.Clone(old)
	for _, item := range items {
		same := func(other any) bool { return key(other) == key(item) }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i] = item
		} else {
			merged = append(merged, item)
		}
	}
	return merged
}

package kustomize

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/syncline-io/syncline"
)

// ofList is what a file has that holds an object whose kind ends in List.
var ofList = regexp.MustCompile(`kind["']?\s*:\s*["']?\w*List\b`)

// checkLists refuses what kustomize leaves out in silence: it takes an object whose
// kind ends in List and that has items for a list of objects, also one that has a name
// and so is an object itself. Where the items are empty nothing is left of it, and what
// it gave before would be pruned.
func (f *fileSystem) checkLists() error {
	for _, file := range slices.Sorted(maps.Keys(f.read)) {
		text := f.read[file]
		if f.secret[file] || f.data[file] || isKustomization(path.Base(file)) || !ofList.Match(text) {
			continue
		}
		nodes, err := kio.FromBytes(text)
		if err != nil {
			continue // kustomize has read it as something else
		}
		if i := slices.IndexFunc(nodes, isLost); i >= 0 {
			return syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s: %s %q has no items, and kustomize leaves it out as an empty list", file, nodes[i].GetKind(), nodes[i].GetName()),
				"take the field items out, or deliver the object from a folder without a kustomization")
		}
	}
	return nil
}

// isLost reports whether nothing is left of an object that has a name.
func isLost(node *yaml.RNode) bool {
	if !strings.HasSuffix(node.GetKind(), "List") || node.GetName() == "" {
		return false
	}
	items := node.Field("items")
	return items != nil && (items.Value.IsNilOrEmpty() || items.Value.YNode().Kind == yaml.SequenceNode && len(items.Value.Content()) == 0)
}

package render_test

import (
	"maps"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestMemoryTreeIsLikeEveryTree: what these tests render from is as what is rendered.
func TestMemoryTreeIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{Links: true, Executables: true, Submodules: true}, func(_ testing.TB, content treetest.Content) syncline.Tree {
		return memoryTree(content.Files)
	})
	treetest.Run(t, treetest.Lacks{Executables: true}, func(_ testing.TB, content treetest.Content) syncline.Tree {
		files, types := memoryTree(maps.Clone(content.Files)), map[string]syncline.EntryType{}
		for at, target := range content.Links {
			files[at], types[at] = target, syncline.EntryLink
		}
		for at, commit := range content.Submodules {
			files[at], types[at] = commit, syncline.EntrySubmodule
		}
		return typedTree{files, types}
	})
}

package git_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestTreeIsLikeEveryTree has each content in a repository of its own.
func TestTreeIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{}, func(t testing.TB, content treetest.Content) syncline.Tree {
		s := newScene(t, testenv.GitOptions{}, git.Options{})
		return s.tree(s.commit(testenv.GitCommit{
			Files: content.Files, Executables: content.Executables, Links: content.Links, Submodules: content.Submodules,
		}))
	})
}

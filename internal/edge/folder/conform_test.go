package folder_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/folder"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestTreeIsLikeEveryTree writes each content to a folder of its own.
func TestTreeIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{Submodules: true}, func(t testing.TB, content treetest.Content) syncline.Tree {
		dir := t.TempDir()
		put := func(path string, write func(at string) error) {
			at := filepath.Join(dir, filepath.FromSlash(path))
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := write(at); err != nil {
				t.Fatal(err)
			}
		}
		for path, text := range content.Files {
			put(path, func(at string) error { return os.WriteFile(at, []byte(text), 0o600) })
		}
		for path, text := range content.Executables {
			put(path, func(at string) error { return os.WriteFile(at, []byte(text), 0o755) })
		}
		for path, target := range content.Links {
			put(path, func(at string) error { return os.Symlink(target, at) })
		}
		tree, err := folder.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tree.Close() })
		return tree
	})
}

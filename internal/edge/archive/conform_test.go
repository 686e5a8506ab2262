package archive_test

import (
	"archive/tar"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/engine/source/treetest"
)

// TestTreeIsLikeEveryTree packs each content into an archive of its own.
func TestTreeIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{Submodules: true, Outside: true}, func(t testing.TB, content treetest.Content) syncline.Tree {
		return treeOf(t, open(t, archive.Options{}), gzipped(t, tarOf(t, entriesOf(content)...)))
	})
}

// TestAFolderIsLikeEveryTree shows a folder of an archive, as a chart is.
func TestAFolderIsLikeEveryTree(t *testing.T) {
	treetest.Run(t, treetest.Lacks{Submodules: true, Outside: true}, func(t testing.TB, content treetest.Content) syncline.Tree {
		entries := entriesOf(content)
		for i := range entries {
			entries[i].Name = "./chart/" + entries[i].Name
		}
		entries = append(entries, file("other/file", "beside it"))
		tree, err := treeOf(t, open(t, archive.Options{}), tarOf(t, entries...)).Sub("chart")
		if err != nil {
			t.Fatal(err)
		}
		return tree
	})
}

func entriesOf(content treetest.Content) []entry {
	var entries []entry
	for at, text := range content.Files {
		entries = append(entries, file(at, text))
	}
	for at, text := range content.Executables {
		run := file(at, text)
		run.Mode = 0o755
		entries = append(entries, run)
	}
	for at, target := range content.Links {
		entries = append(entries, entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: at, Linkname: target}})
	}
	return entries
}

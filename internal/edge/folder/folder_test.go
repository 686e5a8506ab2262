package folder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/folder"
)

func open(t *testing.T) *folder.Tree {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "app/.git"), 0o755))
	must(os.MkdirAll(filepath.Join(dir, ".git"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "app/b.yaml"), []byte("b"), 0o644))
	must(os.WriteFile(filepath.Join(dir, "app/a.sh"), []byte("a"), 0o755))
	must(os.Symlink("/etc/passwd", filepath.Join(dir, "app/out")))
	must(os.Symlink("../..", filepath.Join(dir, "app/up")))
	tree, err := folder.Open(dir)
	must(err)
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func TestReadDir(t *testing.T) {
	tree := open(t)
	entries, err := tree.ReadDir("app")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, e := range entries {
		seen = append(seen, string(e.Type)+":"+e.Name)
	}
	if got, want := strings.Join(seen, " "), "d:.git f:a.sh f:b.yaml l:out l:up"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if root, err := tree.ReadDir(""); err != nil || len(root) != 1 {
		t.Errorf("Git's own folder is listed: %v, %v", root, err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	tree := open(t)
	target, err := tree.ReadFile("app/out")
	if err != nil || string(target) != "/etc/passwd" {
		t.Errorf("got %q, %v", target, err)
	}
	for _, path := range []string{"app/up/etc/passwd", "../x", "app/out/x"} {
		if content, err := tree.ReadFile(path); err == nil {
			t.Errorf("%s is read: %q", path, content)
		}
	}
}

// A path that ends in a slash, or goes through a link and back, leads out of a root
// in Go before 1.26.5 (CVE-2025-22873, CVE-2026-39822); so did what the listing of a
// folder said that was exchanged for a link (CVE-2026-27139).
func TestRootIsNotLeft(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(outside, "secret.yaml"), []byte("outside"), 0o600))
	must(os.Symlink(outside, filepath.Join(dir, "link")))
	must(os.Symlink("..", filepath.Join(dir, "up")))
	must(os.Mkdir(filepath.Join(dir, "inner"), 0o755))
	must(os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "inner/secret.yaml")))
	tree, err := folder.Open(dir)
	must(err)
	t.Cleanup(func() { _ = tree.Close() })
	for _, path := range []string{"link/", "link/.", "link/..", "link/secret.yaml", "up/", "up/..", "..", "../", "./..", "inner/../..", outside} {
		if entries, err := tree.ReadDir(path); err == nil {
			t.Errorf("ReadDir %q: %v", path, entries)
		}
		if entry, err := tree.Stat(path); err == nil && entry.Type == syncline.EntryDir {
			t.Errorf("Stat %q: %+v", path, entry)
		}
		if content, err := tree.ReadFile(path); err == nil && string(content) == "outside" {
			t.Errorf("ReadFile %q: %q", path, content)
		}
	}
	entries, err := tree.ReadDir("inner")
	if err != nil || len(entries) != 1 || entries[0].Type != syncline.EntryLink {
		t.Errorf("got %+v, %v", entries, err)
	}
}

func TestEntries(t *testing.T) {
	tree := open(t)
	script, err := tree.Stat("app/a.sh")
	if err != nil || !script.Executable || script.Type != syncline.EntryFile {
		t.Errorf("got %+v, %v", script, err)
	}
	other, _ := tree.Stat("app/b.yaml")
	if script.Hash == other.Hash || script.Hash == "" {
		t.Error("different files have one hash")
	}
	if _, err := tree.Stat("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing path yields %v", err)
	}
	if _, err := folder.Open(filepath.Join(t.TempDir(), "none")); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("a missing folder yields %v", err)
	}
}

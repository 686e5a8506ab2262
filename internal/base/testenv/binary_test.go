package testenv

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHashChangesWithWhatIsBuiltOnly(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, "main.go", "package main")
	before := hash(t, folder)
	for _, test := range []struct {
		file    string
		changes bool
	}{
		{"README.md", false},
		{"main_test.go", false},
		{"e2e/main.go", false},
		{"go.sum", true},
		{"stages.yaml", true},
		{"internal/part.go", true},
	} {
		put(t, folder, test.file, "something")
		after := hash(t, folder)
		if (after != before) != test.changes {
			t.Errorf("with %s the hash changes: %v, want %v", test.file, after != before, test.changes)
		}
		before = after
	}
}

func TestSourcesAreFoundFromBelow(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "a/b/here", "")
	t.Chdir(filepath.Join(root, "a", "b"))
	if _, err := devclusterSources(); err == nil || !strings.Contains(err.Error(), "no devcluster/go.mod") {
		t.Errorf("without sources the error is %v", err)
	}
	put(t, root, "devcluster/go.mod", "module devcluster")
	if got, err := devclusterSources(); err != nil || got != filepath.Join(root, "devcluster") {
		t.Errorf("found %s (%v)", got, err)
	}
}

func TestFailedBuildSaysWhyAndLeavesNoBinary(t *testing.T) {
	folder, binary := t.TempDir(), filepath.Join(t.TempDir(), "devcluster")
	put(t, folder, "go.mod", "module broken\n\ngo 1.26\n")
	put(t, folder, "cmd/syncline-devcluster/main.go", "package main\n\nfunc main() { undefined() }\n")
	err := build(t.Context(), folder, binary, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(binary); !os.IsNotExist(err) {
		t.Errorf("there is a binary (%v)", err)
	}
}

func TestOnlyUnusedBinariesAreRemoved(t *testing.T) {
	cache := t.TempDir()
	put(t, cache, "devcluster-used", "")
	put(t, cache, "devcluster-unused", "")
	put(t, cache, "other", "")
	long := time.Now().Add(-2 * keepUnused)
	for _, name := range []string{"devcluster-unused", "other"} {
		if err := os.Chtimes(filepath.Join(cache, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	removeUnused(cache)
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != "devcluster-used" {
		t.Errorf("left are %v (%v)", left, err)
	}
}

func hash(t *testing.T, folder string) string {
	t.Helper()
	hash, err := hashSources(folder)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func put(t *testing.T, folder, name, content string) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

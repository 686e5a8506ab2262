package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// sample is a commit with one of everything.
func (s *scene) sample() syncline.Tree {
	return s.tree(s.commit(testenv.GitCommit{
		Files:       map[string]string{"file": "text\n", "empty": "", "dir/file": "below", "dir.d/x": "sorts between", "dir/sub/deep": "deep", "ünï/ç": "unicode"},
		Executables: map[string]string{"run": "#!/bin/sh\n"},
		Links:       map[string]string{"link": "dir/file", "outside": "../../etc/passwd"},
		Submodules:  map[string]string{"module": strings.Repeat("1", 40)},
	}))
}

func TestTreeListsEveryTypeOfEntry(t *testing.T) {
	tree := newScene(t, testenv.GitOptions{}, git.Options{}).sample()
	entries, err := tree.ReadDir("")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, fmt.Sprintf("%c %s", entry.Type, entry.Name))
		same, err := tree.Stat(entry.Name)
		if err != nil || same != entry {
			t.Errorf("Stat(%s) = %+v, %v, and ReadDir has %+v", entry.Name, same, err, entry)
		}
		if len(entry.Hash) != 40 || entry.Executable != (entry.Name == "run") {
			t.Errorf("entry %+v", entry)
		}
	}
	want := []string{"d dir", "d dir.d", "f empty", "f file", "l link", "m module", "l outside", "f run", "d ünï"}
	if !slices.Equal(got, want) {
		t.Errorf("the root has %q, want %q", got, want)
	}
	if root, err := tree.Stat(""); err != nil || root.Type != syncline.EntryDir || len(root.Hash) != 40 {
		t.Errorf("the root is %+v, %v", root, err)
	}
}

func TestTreeReadsFilesAndLinks(t *testing.T) {
	tree := newScene(t, testenv.GitOptions{}, git.Options{}).sample()
	for path, text := range map[string]string{
		"file": "text\n", "empty": "", "dir/sub/deep": "deep", "ünï/ç": "unicode", "run": "#!/bin/sh\n",
		"link": "dir/file", "outside": "../../etc/passwd", // links are shown, not followed
	} {
		wantFile(t, tree, path, text)
	}
}

// Names of other times are no UTF-8. Their files are there all the same, and links to them lead to them.
func TestTreeSpellsNamesThatAreNoText(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	tree := s.tree(s.commit(testenv.GitCommit{
		Files: map[string]string{"caf\xe9/na\xefve \xc3\xa9": "text", "plain": "1"},
		Links: map[string]string{"link": "caf\xe9/na\xefve \xc3\xa9"},
	}))
	entries, err := tree.ReadDir("")
	if err != nil || len(entries) != 3 || entries[0].Name != `caf\351` {
		t.Errorf("the root has %+v, %v", entries, err)
	}
	wantFile(t, tree, `caf\351/na\357ve é`, "text")
	wantFile(t, tree, "link", `caf\351/na\357ve é`)
	wantFile(t, tree, "plain", "1")
}

func TestTreeRefusesOtherPaths(t *testing.T) {
	tree := newScene(t, testenv.GitOptions{}, git.Options{}).sample()
	for path, kind := range map[string]syncline.Kind{
		"none": syncline.NotFound, "dir/none": syncline.NotFound, "file/below": syncline.NotFound, "link/below": syncline.NotFound,
		"module/x": syncline.NotFound, "none/none": syncline.NotFound,
		".": syncline.Invalid, "..": syncline.Invalid, "../x": syncline.Invalid, "/file": syncline.Invalid, "dir/": syncline.Invalid,
		"dir//file": syncline.Invalid, "dir/./file": syncline.Invalid, "dir/../file": syncline.Invalid,
	} {
		_, statErr := tree.Stat(path)
		_, fileErr := tree.ReadFile(path)
		_, dirErr := tree.ReadDir(path)
		for _, err := range []error{statErr, fileErr, dirErr} {
			want(t, err, kind, "team/app")
			if errors.Is(err, fs.ErrNotExist) != (kind == syncline.NotFound) {
				t.Errorf("%q: %v is wrongly fs.ErrNotExist or not", path, err)
			}
		}
	}
	for _, path := range []string{"", "dir", "module"} {
		_, err := tree.ReadFile(path)
		want(t, err, syncline.Invalid)
	}
	for _, path := range []string{"file", "link", "module"} {
		_, err := tree.ReadDir(path)
		want(t, err, syncline.Invalid, path)
	}
}

// TestHashesTellWhatChanged relies on nothing but the contract of Entry.Hash.
func TestHashesTellWhatChanged(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	one := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a/x": "1", "b/x": "1", "b/y": "2"}}))
	two := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"b/y": "3"}}))
	for path, same := range map[string]bool{"": false, "a": true, "a/x": true, "b": false, "b/x": true, "b/y": false} {
		before, err := one.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		after, err := two.Stat(path)
		if err != nil || (before.Hash == after.Hash) != same {
			t.Errorf("%q: same hash is %t, %v, want %t", path, before.Hash == after.Hash, err, same)
		}
	}
}

// TestCallersOwnTheirListings changes a listing, which must not change the tree.
func TestCallersOwnTheirListings(t *testing.T) {
	tree := newScene(t, testenv.GitOptions{}, git.Options{}).sample()
	for range 2 {
		entries, err := tree.ReadDir("dir")
		if err != nil || entries[0].Name != "file" {
			t.Fatalf("ReadDir = %v, %v", entries, err)
		}
		entries[0].Name = "changed"
	}
}

func TestBigFilesAreRefused(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxFile: 1000})
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{
		"big": strings.Repeat("x", 1001), "right": strings.Repeat("x", 1000), "huge": strings.Repeat("x", 5<<20),
	}}))
	for _, path := range []string{"big", "huge"} {
		_, err := tree.ReadFile(path)
		want(t, err, syncline.Invalid, path, "files of more than 1000 are not read")
		wantFile(t, tree, "right", strings.Repeat("x", 1000))
	}
}

// TestAFileOfAGigabyte wants a file that does not fit to be refused without being
// held, and what is beside it to be read.
func TestAFileOfAGigabyte(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	path := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	blob, err := s.origin.Git(t.Context(), "hash-object", "-w", "--", path)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tree := s.tree(s.rawTree([]string{"huge"}, blob))
	_, err = tree.ReadFile("huge")
	want(t, err, syncline.Invalid, "huge has 1073741824 bytes", "are not read")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("%d MiB were allocated", took>>20)
	}
	wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"good": "x"}})), "good", "x")
}

func TestTenThousandFiles(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	tree := s.tree(s.commit(testenv.GitCommit{Files: manyFiles(10_000)}))
	seen := 0
	var walk func(path string)
	walk = func(path string) {
		entries, err := tree.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			child := strings.TrimPrefix(path+"/"+entry.Name, "/")
			if entry.Type == syncline.EntryDir {
				walk(child)
				continue
			}
			seen++
			if seen%100 == 0 {
				wantFile(t, tree, child, child)
			}
		}
	}
	walk("")
	if seen != 10_000 {
		t.Errorf("the tree has %d files", seen)
	}
}

// manyFiles are files in folders of a hundred, each of which holds its own path.
func manyFiles(n int) map[string]string {
	files := make(map[string]string, n)
	for i := range n {
		path := fmt.Sprintf("apps/%03d/file-%05d.yaml", i/100, i)
		files[path] = path
	}
	return files
}

func BenchmarkReadThousandFiles(b *testing.B) {
	s := newScene(b, testenv.GitOptions{}, git.Options{})
	files := manyFiles(1000)
	tree := s.tree(s.commit(testenv.GitCommit{Files: files}))
	b.ReportAllocs()
	for b.Loop() {
		for path := range files {
			if _, err := tree.ReadFile(path); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkRefsOfTenThousand(b *testing.B) {
	s := newScene(b, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	var updates strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&updates, "%s refs/tags/v1.%d.%d\n", commit, i/100, i%100)
	}
	s.packedRefs(updates.String())
	if n := len(s.refs(b.Context()).Commits); n < 10_000 {
		b.Fatalf("%d refs", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.refs(b.Context())
	}
}

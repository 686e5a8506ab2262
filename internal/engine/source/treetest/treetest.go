// Package treetest is what every [syncline.Tree] has to be like, as its users rely on
// it. It knows no Tree, and does not test what a Tree may do besides.
package treetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
)

// Content is what is in a Tree: texts by path. That of a link is where it leads, that
// of a submodule a commit.
type Content struct{ Files, Executables, Links, Submodules map[string]string }

// Lacks says what a Tree cannot hold, or does otherwise. The zero value lacks nothing.
type Lacks struct {
	Executables, Links, Submodules bool
	// Outside: a link that leads out of the root is refused before there is a Tree.
	Outside bool
	// Refusals: who asks for what is no path is ended, and gets no answer.
	Refusals bool
}

// Run tests the Trees that are made of a content.
func Run(t testing.TB, lacks Lacks, of func(t testing.TB, content Content) syncline.Tree) {
	t.Helper()
	s := &suite{TB: t, lacks: lacks, of: of, content: sample(lacks)}
	s.tree = of(t, s.content)
	for _, fact := range []struct {
		name string
		test func()
	}{
		{"the root", s.root}, {"entries", s.entries}, {"bytes", s.bytes}, {"listings", s.listings}, {"listings of their own", s.ownListings},
		{"what is missing", s.missing}, {"what is something else", s.otherwise}, {"what is no path", s.noPath}, {"hashes", s.hashes},
		{"large files", s.large}, {"many at once", s.many}, {"what is announced", s.announced}, {"concurrency", s.concurrency},
	} {
		s.fact = fact.name
		fact.test()
	}
}

// suite is one run.
type suite struct {
	testing.TB
	lacks   Lacks
	of      func(t testing.TB, content Content) syncline.Tree
	content Content
	tree    syncline.Tree
	fact    string
}

func (s *suite) failf(format string, args ...any) {
	s.Helper()
	s.Errorf(s.fact+": "+format, args...)
}

// sample has one of everything, but for what a Tree lacks.
func sample(lacks Lacks) Content {
	c := Content{Files: map[string]string{
		"file": "text\n", "empty": "", "same": "text\n", "binary": "\x00\xff\r\n", "dir/file": "below", "dir/sub/deep": "deep",
		"dir.d/x": "sorts between dir and dir/", "dir-e": "sorts before it", "Upper": "sorts first", "ünï/ç": "unicode", "with space": " ",
	}}
	if !lacks.Executables {
		c.Executables = map[string]string{"run": "#!/bin/sh\n"}
	}
	if !lacks.Links {
		c.Links = map[string]string{"link": "dir/file", "to-dir": "dir", "outside": "../../etc/passwd", "dangling": "nowhere"}
		if lacks.Outside {
			delete(c.Links, "outside")
		}
	}
	if !lacks.Submodules {
		c.Submodules = map[string]string{"module": strings.Repeat("1", 40)}
	}
	return c
}

// each visits everything but folders.
func (c Content) each(visit func(at, text string, kind syncline.EntryType, executable bool)) {
	for _, part := range []struct {
		texts      map[string]string
		kind       syncline.EntryType
		executable bool
	}{{c.Files, syncline.EntryFile, false}, {c.Executables, syncline.EntryFile, true}, {c.Links, syncline.EntryLink, false}, {c.Submodules, syncline.EntrySubmodule, false}} {
		for at, text := range part.texts {
			visit(at, text, part.kind, part.executable)
		}
	}
}

// listings returns the sorted names in each folder.
func (c Content) listings() map[string][]string {
	names := map[string][]string{}
	c.each(func(at, _ string, _ syncline.EntryType, _ bool) {
		for at != "" {
			above := strings.TrimSuffix(path.Dir("/" + at)[1:], "/")
			names[above] = append(names[above], path.Base(at))
			at = above
		}
	})
	for folder := range names {
		slices.Sort(names[folder])
		names[folder] = slices.Compact(names[folder])
	}
	return names
}

// root is a folder without a name.
func (s *suite) root() {
	if got, err := s.tree.Stat(""); err != nil || got.Type != syncline.EntryDir || got.Name != "" || got.Executable {
		s.failf("Stat = %+v, %v", got, err)
	}
}

// entries are of their types, and links are not followed.
func (s *suite) entries() {
	s.content.each(func(at, _ string, kind syncline.EntryType, executable bool) {
		got, err := s.tree.Stat(at)
		if err != nil || got.Type != kind || got.Name != path.Base(at) || got.Executable != executable || got.Hash == "" {
			s.failf("Stat(%q) = %+v, %v, want a %c", at, got, err, kind)
		}
	})
	for folder := range s.content.listings() {
		if got, err := s.tree.Stat(folder); err != nil || got.Type != syncline.EntryDir || got.Executable {
			s.failf("Stat(%q) = %+v, %v, want a folder", folder, got, err)
		}
	}
}

// bytes are those of the file, and of a link where it leads.
func (s *suite) bytes() {
	s.content.each(func(at, text string, kind syncline.EntryType, _ bool) {
		if kind == syncline.EntrySubmodule {
			return
		}
		if got, err := s.tree.ReadFile(at); err != nil || string(got) != text {
			s.failf("ReadFile(%q) = %q, %v, want %q", at, got, err, text)
		}
	})
}

// listings are complete, sorted, and say what Stat does.
func (s *suite) listings() {
	for folder, want := range s.content.listings() {
		entries, err := s.tree.ReadDir(folder)
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name)
			if same, err := s.tree.Stat(path.Join(folder, entry.Name)); err != nil || same != entry {
				s.failf("ReadDir(%q) has %+v, and Stat %+v, %v", folder, entry, same, err)
			}
		}
		if err != nil || !slices.Equal(names, want) {
			s.failf("ReadDir(%q) = %q, %v, want %q", folder, names, err, want)
		}
	}
}

// ownListings are the caller's, who may change them.
func (s *suite) ownListings() {
	for range 2 {
		entries, err := s.tree.ReadDir("dir")
		if err != nil || len(entries) != 2 || entries[0].Name != "file" {
			s.failf("ReadDir = %+v, %v", entries, err)
			return
		}
		entries[0].Name = "changed"
	}
}

// missing is what is not there, also below what is no folder, and behind a link.
func (s *suite) missing() {
	absent := []string{"none", "dir/none", "none/none", "file/below", "File", "dir/sub/deep/er"}
	if !s.lacks.Links {
		absent = append(absent, "link/below", "to-dir/file", "dangling/x")
	}
	if !s.lacks.Submodules {
		absent = append(absent, "module/x")
	}
	for _, at := range absent {
		for how, err := range s.ask(at) {
			if !errors.Is(err, fs.ErrNotExist) {
				s.failf("%s(%q): the error is %v, want fs.ErrNotExist", how, at, err)
			}
		}
	}
}

// ask returns the errors of all questions about a path.
func (s *suite) ask(at string) map[string]error {
	_, statErr := s.tree.Stat(at)
	_, fileErr := s.tree.ReadFile(at)
	_, dirErr := s.tree.ReadDir(at)
	return map[string]error{"Stat": statErr, "ReadFile": fileErr, "ReadDir": dirErr}
}

// otherwise is what is there, and is no file or no folder: an error that says so, and
// not that there is nothing.
func (s *suite) otherwise() {
	check := func(how, at string, err error) {
		if syncline.KindOf(err) != syncline.Invalid || errors.Is(err, fs.ErrNotExist) {
			s.failf("%s(%q): the error is %v (%s), want Invalid", how, at, err, syncline.KindOf(err))
		}
	}
	for folder := range s.content.listings() {
		_, err := s.tree.ReadFile(folder)
		check("ReadFile", folder, err)
	}
	s.content.each(func(at, _ string, kind syncline.EntryType, _ bool) {
		_, err := s.tree.ReadDir(at)
		check("ReadDir", at, err)
		if kind == syncline.EntrySubmodule {
			_, err := s.tree.ReadFile(at)
			check("ReadFile", at, err)
		}
	})
}

// noPath is a path that could mean another place.
func (s *suite) noPath() {
	if s.lacks.Refusals {
		return
	}
	for _, at := range []string{".", "..", "../x", "/file", "dir/", "dir//file", "./file", "dir/./file", "dir/../file", "dir/.."} {
		for how, err := range s.ask(at) {
			if syncline.KindOf(err) != syncline.Invalid || errors.Is(err, fs.ErrNotExist) {
				s.failf("%s(%q): the error is %v (%s), want Invalid", how, at, err, syncline.KindOf(err))
			}
		}
	}
}

// hashes are the same for the same bytes only; that of a folder, which it may not
// have, tells of everything below.
func (s *suite) hashes() {
	other := sample(s.lacks)
	other.Files["dir/sub/deep"] = "changed"
	changed := s.of(s, other)
	for at, same := range map[string]bool{"file": true, "empty": true, "dir/file": true, "dir/sub/deep": false, "dir/sub": false, "dir": false, "": false} {
		before, err := s.tree.Stat(at)
		after, afterErr := changed.Stat(at)
		if err != nil || afterErr != nil || before.Hash != "" && (before.Hash == after.Hash) != same {
			s.failf("%q: %+v, %v became %+v, %v, want the same: %t", at, before, err, after, afterErr, same)
		}
	}
	one, _ := s.tree.Stat("file")
	two, _ := s.tree.Stat("same")
	if three, _ := s.tree.Stat("empty"); one.Hash != two.Hash || one.Hash == three.Hash {
		s.failf("of the same bytes they are %q and %q, and of none %q", one.Hash, two.Hash, three.Hash)
	}
}

// large files are whole.
func (s *suite) large() {
	text := strings.Repeat("0123456789abcde\n", 3<<20/16)
	tree := s.of(s, Content{Files: map[string]string{"a/large": text, "b": "small"}})
	got, err := tree.ReadFile("a/large")
	if err != nil || !bytes.Equal(got, []byte(text)) {
		s.failf("%d of %d bytes, %v", len(got), len(text), err)
	}
	if small, err := tree.ReadFile("b"); err != nil || string(small) != "small" {
		s.failf("the next is %.20q, %v", small, err)
	}
}

// many files that are read at once are what each is.
func (s *suite) many() {
	paths := []string{"none", "dir", "file"}
	s.content.each(func(at, _ string, _ syncline.EntryType, _ bool) { paths = append(paths, at) })
	reads := syncline.ReadFiles(s.tree, paths)
	if len(reads) != len(paths) {
		s.failf("%d of %d", len(reads), len(paths))
		return
	}
	for i, at := range paths {
		want, err := s.tree.ReadFile(at)
		if !bytes.Equal(reads[i].Data, want) || syncline.KindOf(reads[i].Err) != syncline.KindOf(err) {
			s.failf("%q is %q, %v, and alone %q, %v", at, reads[i].Data, reads[i].Err, want, err)
		}
	}
}

// announced is what changes nothing but how long it takes.
func (s *suite) announced() {
	tree := s.of(s, s.content)
	paths := []string{"none", "dir", "", "dir/sub"}
	s.content.each(func(at, _ string, _ syncline.EntryType, _ bool) { paths = append(paths, at) })
	for range 2 {
		syncline.Prefetch{Entries: paths, Files: paths, Folders: paths}.From(tree)
	}
	for _, at := range paths {
		for range 2 {
			if got, want := all(tree, at), all(s.tree, at); got != want {
				s.failf("%q is %s, want %s", at, got, want)
			}
		}
	}
}

// all returns all that there is to see at a path, but not how errors are worded.
func all(tree syncline.Tree, at string) string {
	entry, err := tree.Stat(at)
	data, fileErr := tree.ReadFile(at)
	entries, dirErr := tree.ReadDir(at)
	return fmt.Sprintf("%+v %s, %q %s, %+v %s", entry, syncline.KindOf(err), data, syncline.KindOf(fileErr), entries, syncline.KindOf(dirErr))
}

// concurrency shows everybody the same.
func (s *suite) concurrency() {
	tree := s.of(s, s.content)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s.content.each(func(at, text string, kind syncline.EntryType, _ bool) {
				got, err := tree.ReadFile(at)
				if kind != syncline.EntrySubmodule && (err != nil || string(got) != text) {
					s.failf("%q is %q, %v", at, got, err)
				}
				if _, err := tree.ReadDir(strings.TrimSuffix(path.Dir("/" + at)[1:], "/")); err != nil {
					s.failf("beside %q: %v", at, err)
				}
			})
		})
	}
	group.Wait()
}

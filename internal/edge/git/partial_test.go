package git_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// large is the content of a file that is left out where that is possible.
var large = strings.Repeat("0123456789abcdef", 1<<12)

// partialScene has a mirror that takes few bytes for many.
func partialScene(t *testing.T, server testenv.GitOptions) *scene {
	t.Helper()
	return newScene(t, server, git.Options{LargeFile: 1000, CachedBytes: 1})
}

// fetches is how many packs were asked for.
func (s *scene) fetches() int { return s.server.Count(testenv.GitFetchPack) }

func TestLargeFilesAreFetchedWhenRead(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{})
	files := map[string]string{"web/small.yaml": "a: 1", "web/large.yaml": large, "video": large + large}
	commit := s.commit(testenv.GitCommit{Files: files})
	tree := s.tree(commit)
	wantFile(t, tree, "web/small.yaml", "a: 1")
	if _, err := tree.Stat("video"); err != nil {
		t.Error(err)
	}
	if n := s.fetches(); n != 1 {
		t.Errorf("a commit and a small file took %d fetches", n)
	}
	for range 2 {
		wantFile(t, tree, "web/large.yaml", large)
		wantFile(t, tree, "web/small.yaml", "a: 1")
	}
	if n := s.fetches(); n != 2 {
		t.Errorf("a large file took %d fetches", n-1)
	}
	// The next commit has the same large file, and another.
	next := s.commit(testenv.GitCommit{Files: map[string]string{"web/small.yaml": "a: 2", "video": large + "!"}})
	tree = s.tree(next)
	wantFile(t, tree, "web/large.yaml", large)
	if n := s.fetches(); n != 3 {
		t.Errorf("a commit with a file that was fetched took %d fetches", n-2)
	}
	wantFile(t, tree, "video", large+"!")
}

func TestServerThatCannotLeaveFilesOut(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{Whole: true})
	for _, content := range []string{large, large + "!"} {
		before := s.fetches()
		wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"large": content}})), "large", content)
		if n := s.fetches() - before; n != 1 {
			t.Errorf("a commit took %d fetches", n)
		}
	}
}

// TestPartialMirrorIsTidied joins what was fetched in many pieces, and loses nothing.
func TestPartialMirrorIsTidied(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "first", "large": large, "left out": large + "?"}})
	wantFile(t, s.tree(first), "large", large)
	for range 60 {
		s.tree(s.commit(testenv.GitCommit{Orphan: true, Files: map[string]string{"a": strings.Repeat("x", s.fetches())}}))
	}
	if n := len(s.glob("objects/pack/*.pack")); n > 50 {
		t.Errorf("there are %d packs", n)
	}
	before := s.fetches()
	tree := s.tree(first)
	wantFile(t, tree, "a", "first")
	wantFile(t, tree, "large", large)
	if n := s.fetches(); n != before {
		t.Errorf("what was there took %d fetches", n-before)
	}
	wantFile(t, tree, "left out", large+"?")
}

// TestServerThatDoesNotSendWhatItLeftOut is one of the old protocol, which sends
// only what a branch or tag points to.
func TestServerThatDoesNotSendWhatItLeftOut(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{Legacy: true})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"large": large}})
	_, err := s.tree(commit).ReadFile("large")
	want(t, err, syncline.Transient, "fetched anew")
	wantFile(t, s.tree(commit), "large", large)
	next := s.commit(testenv.GitCommit{Files: map[string]string{"large": large + "!"}})
	wantFile(t, s.tree(next), "large", large+"!")
}

func TestLargeFileOfAServerThatIsGone(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{})
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"large": large}}))
	for _, test := range []struct {
		fault testenv.GitFault
		kind  syncline.Kind
	}{
		{testenv.GitFault{Status: 503}, syncline.Transient},
		{testenv.GitFault{Status: 403}, syncline.Denied},
	} {
		s.server.Fail(test.fault)
		_, err := tree.ReadFile("large")
		want(t, err, test.kind, "team/app", "large")
	}
	s.server.Fail(testenv.GitFault{})
	wantFile(t, tree, "large", large)
}

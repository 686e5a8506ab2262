package git_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

func TestForcePushAndDeletedBranch(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%t", legacy), func(t *testing.T) {
			s := newScene(t, testenv.GitOptions{Legacy: legacy}, git.Options{})
			first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
			old := s.tree(first)
			forced := s.commit(testenv.GitCommit{Orphan: true, Files: map[string]string{"a": "forced"}})
			wantFile(t, s.tree(forced), "a", "forced")
			if err := s.origin.Branch(t.Context(), "feature", first); err != nil {
				t.Fatal(err)
			}
			if err := s.origin.DeleteRef(t.Context(), "refs/heads/feature"); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.refs(t.Context()).Commits["refs/heads/feature"]; ok {
				t.Error("a deleted branch is listed")
			}
			wantFile(t, old, "a", "1")
			wantFile(t, s.tree(first), "a", "1")
		})
	}
}

// TestBranchInPlaceOfAFolder has a branch called as the folder of another.
func TestBranchInPlaceOfAFolder(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Legacy: true}, git.Options{})
	for i, branch := range []string{"release", "release/1", "release"} {
		commit := s.commit(testenv.GitCommit{Branch: branch, Orphan: true, Files: map[string]string{"a": fmt.Sprint(i)}})
		if err := s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/"+branch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.Find(t.Context(), s.repo, commit[:12]); err != nil {
			t.Error(err)
		}
		if err := s.origin.DeleteRef(t.Context(), "refs/heads/"+branch); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnnotatedTag(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := newScene(t, testenv.GitOptions{Legacy: legacy}, git.Options{})
		tagged := s.commit(testenv.GitCommit{Files: map[string]string{"a": "tagged"}})
		s.tag("v1", tagged, "the first")
		s.commit(testenv.GitCommit{Orphan: true, Files: map[string]string{"a": "next"}})
		if err := s.store.Fetch(t.Context(), s.repo, tagged, "refs/tags/v1"); err != nil {
			t.Fatal(err)
		}
		wantFile(t, s.tree(tagged), "a", "tagged")
	}
}

func TestCommitBehindATip(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%t", legacy), func(t *testing.T) {
			s := newScene(t, testenv.GitOptions{Legacy: legacy}, git.Options{})
			var commits []string
			for i := range 5 {
				commits = append(commits, s.commit(testenv.GitCommit{Files: map[string]string{"a": fmt.Sprint(i), "b": "same"}}))
			}
			for _, i := range []int{4, 1, 3} {
				if err := s.store.Fetch(t.Context(), s.repo, commits[i], ""); err != nil {
					t.Fatal(err)
				}
				tree, err := s.store.Tree(t.Context(), s.repo, commits[i])
				if err != nil {
					t.Fatal(err)
				}
				wantFile(t, tree, "a", fmt.Sprint(i))
				wantFile(t, tree, "b", "same")
			}
			found, err := s.store.Find(t.Context(), s.repo, commits[2][:10])
			if err != nil || found != commits[2] {
				t.Errorf("Find = %s, %v, want %s", found, err, commits[2])
			}
			want(t, second(s.store.Find(t.Context(), s.repo, "0000000")), syncline.NotFound, "0000000")
			wantFile(t, s.tree(commits[2]), "a", "2")
		})
	}
}

func second[T any](_ T, err error) error { return err }

// TestRefOfAMovedBranch wants a commit that its branch has left behind, of a
// server that sends what branches point to only.
func TestRefOfAMovedBranch(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Legacy: true}, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	wantFile(t, s.tree(first), "a", "1")
}

func TestCommitMetadata(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Message: "say what\n\nand why\n", Files: map[string]string{"a": "1"}})
	s.tree(commit)
	got, err := s.store.Commit(t.Context(), s.repo, commit)
	if err != nil || got.Hash != commit || got.Author != "Syncline" || got.Email != "syncline@example.com" || got.Message != "say what\n\nand why" || got.Date.IsZero() {
		t.Errorf("Commit = %+v, %v", got, err)
	}
	want(t, second(s.store.Commit(t.Context(), s.repo, strings.Repeat("1", 40))), syncline.Transient)
}

// TestATagIsNotACommit names an annotated tag by its own hash.
func TestATagIsNotACommit(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	s.tag("v1", s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}}), "annotated")
	tag, err := s.origin.Git(t.Context(), "rev-parse", "v1")
	if err != nil {
		t.Fatal(err)
	}
	want(t, s.store.Fetch(t.Context(), s.repo, tag, ""), syncline.NotFound, tag)
}

func TestCallersShareAFetch(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/main"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := s.server.Count(testenv.GitFetchPack); n != 1 {
		t.Errorf("20 callers made %d fetches", n)
	}
}

// TestFetchSendsWhatIsNew compares what a first and a second fetch leave on disk.
func TestFetchSendsWhatIsNew(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	files := map[string]string{}
	for i := range 500 {
		files[fmt.Sprintf("dir%d/file%d", i%20, i)] = strings.Repeat(fmt.Sprint(i*7919), 50)
	}
	s.tree(s.commit(testenv.GitCommit{Files: files}))
	first := s.packBytes()
	tree := s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"dir3/file3": "changed"}}))
	wantFile(t, tree, "dir3/file3", "changed")
	wantFile(t, tree, "dir4/file4", files["dir4/file4"])
	if added := s.packBytes() - first; added > first/10 {
		t.Errorf("a change of one file added %d bytes to %d", added, first)
	}
}

func TestManyFetchesAreTidied(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "0"}})
	tree := s.tree(first)
	for i := range 60 {
		wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": fmt.Sprint(i)}})), "a", fmt.Sprint(i))
	}
	if n := len(s.glob("objects/pack/*.pack")); n > 50 {
		t.Errorf("there are %d packs", n)
	}
	wantFile(t, tree, "a", "0")
	wantFile(t, s.tree(first), "a", "0")
}

package git_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// TestASearchIsInNobodysWay has a search for a commit that there is not, whose fetch gets
// no answer. Another project's commit of the same repository does not wait for that.
func TestASearchIsInNobodysWay(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})), "a", "1")
	next := s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	s.server.Fail(testenv.GitFault{Request: testenv.GitFetchPack, Hang: true})
	before := s.fetches()
	searched := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { searched <- second(s.store.Find(forProject(ctx, "hostile"), s.repo, "abcdef0123")) }()
	s.await(testenv.GitFetchPack, before+1)
	fetched := make(chan error, 1)
	go func() { fetched <- s.store.Fetch(forProject(ctx, "victim"), s.repo, next, "refs/heads/main") }()
	s.await(testenv.GitFetchPack, before+2) // while the first has no answer
	s.server.Fail(testenv.GitFault{})
	t.Logf("both had no answer: %v; %v", <-searched, <-fetched)
	want(t, second(s.store.Find(ctx, s.repo, "abcdef0123")), syncline.NotFound, "team/app", "abcdef0123")
	wantFile(t, s.tree(next), "a", "2")
}

// TestASearchAmongFilesGivesWay has a server that sends no commit by its name, so that one
// is searched where its files are to be, and its fetch gets no answer. Another project's
// commit of the same repository does not wait for that, and the search goes on after it.
func TestASearchAmongFilesGivesWay(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Legacy: true}, git.Options{})
	wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})), "a", "1")
	next := s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	before := s.fetches()
	s.server.Fail(testenv.GitFault{Request: testenv.GitFetchPack, Hang: true})
	searched, fetched := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	none := strings.Repeat("ab", 20)
	go func() { searched <- s.store.Fetch(forProject(ctx, "hostile"), s.repo, none, "") }()
	s.await(testenv.GitFetchPack, before+1)
	go func() { fetched <- s.store.Fetch(forProject(ctx, "victim"), s.repo, next, "refs/heads/main") }()
	s.await(testenv.GitFetchPack, before+2) // while the first has no answer
	s.server.Fail(testenv.GitFault{})
	t.Logf("it had none, or an answer: %v", <-fetched)
	want(t, <-searched, syncline.NotFound, "team/app", none)
	wantFile(t, s.tree(next), "a", "2")
}

// TestASearchFetchesNoFiles finds a commit of a branch, by the history alone, and without
// a mirror of the files. Where the server can leave out nothing, the commit is found too.
func TestASearchFetchesNoFiles(t *testing.T) {
	for _, whole := range []bool{false, true} {
		s := newScene(t, testenv.GitOptions{Whole: whole}, git.Options{})
		var old string
		for i := range 5 {
			commit := s.commit(testenv.GitCommit{Branch: "other", Files: map[string]string{"web/a.yaml": fmt.Sprint(i), "b": strings.Repeat("b", 100+i)}})
			if i == 2 {
				old = commit
			}
		}
		found, err := s.store.Find(t.Context(), s.repo, old[:10])
		if err != nil || found != old {
			t.Fatalf("Find = %s, %v, want %s", found, err, old)
		}
		folders, err := os.ReadDir(filepath.Join(s.dir, "mirrors"))
		if err != nil || len(folders) != 1 {
			t.Fatalf("the folders are %v, %v", folders, err)
		}
		command := exec.CommandContext(t.Context(), "git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", "--unordered")
		command.Dir = filepath.Join(s.dir, "mirrors", folders[0].Name())
		kinds, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if commits := strings.Count(string(kinds), "commit\n"); commits != 5 {
			t.Errorf("%d commits are there, want 5", commits)
		}
		if all := strings.Count(string(kinds), "\n"); !whole && all != 5 {
			t.Errorf("%d objects are there, want the commits alone:\n%s", all, kinds)
		}
		wantFile(t, s.tree(old), "web/a.yaml", "2")
	}
}

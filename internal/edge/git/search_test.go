package git_test

import (
	"context"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// TestASearchGivesWay has a search for a commit that there is not, whose fetch gets
// no answer. Another project's commit of the same repository does not wait for that,
// and the search goes on after it.
func TestASearchGivesWay(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})), "a", "1")
	next := s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	before := s.fetches()
	s.server.Fail(testenv.GitFault{Request: testenv.GitFetchPack, Hang: true})
	searched, fetched := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { searched <- second(s.store.Find(forProject(ctx, "hostile"), s.repo, "abcdef0123")) }()
	s.await(testenv.GitFetchPack, before+1)
	go func() { fetched <- s.store.Fetch(forProject(ctx, "victim"), s.repo, next, "refs/heads/main") }()
	s.await(testenv.GitFetchPack, before+2) // while the first has no answer
	s.server.Fail(testenv.GitFault{})
	if err := <-fetched; err != nil {
		t.Errorf("another project: %v", err)
	}
	want(t, <-searched, syncline.NotFound, "team/app", "abcdef0123")
	wantFile(t, s.tree(next), "a", "2")
}

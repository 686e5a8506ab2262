package git_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// forProject is a context in which a project asks.
func forProject(ctx context.Context, project string) context.Context {
	return demand.New(project).In(ctx)
}

// hanging is the repository of that number whose server does not answer.
func (s *scene) hanging(number int) upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf(s.server.URL("slow") + "/" + fmt.Sprint(number))}
}

// hang lets a project list so many repositories in vain, and waits until the server
// was asked for as many as may be asked for at once. The function ends them, and
// waits for that.
func (s *scene) hang(project string, count, atOnce int) (end func()) {
	s.t.Helper()
	s.server.Fail(testenv.GitFault{Hang: true, Repo: "slow"})
	before := s.server.Count(testenv.GitAny)
	ctx, cancel := context.WithCancel(forProject(s.t.Context(), project))
	var group sync.WaitGroup
	for number := range count {
		group.Go(func() {
			if _, err := s.store.Refs(ctx, s.hanging(number)); err == nil {
				s.t.Error("a server that does not answer has listed refs")
			}
		})
	}
	s.await(testenv.GitAny, before+atOnce)
	return func() {
		cancel()
		group.Wait()
	}
}

// within fails the test unless what is done ends within a time.
func within(t *testing.T, limit time.Duration, what string, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := do(ctx); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// TestNoProjectTakesAllPlacesOfAHost has forty repositories of one project whose
// server does not answer, beside another project's on the same server.
func TestNoProjectTakesAllPlacesOfAHost(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	end := s.hang("hostile", 40, 4)
	within(t, 20*time.Second, "another project", func(ctx context.Context) error {
		if _, err := s.store.Refs(forProject(ctx, "victim"), s.repo); err != nil {
			return err
		}
		return s.store.Fetch(forProject(ctx, "victim"), s.repo, commit, "refs/heads/main")
	})
	end()
	within(t, 20*time.Second, "the same project, when nobody wants the others any more", func(ctx context.Context) error {
		_, err := s.store.Refs(forProject(ctx, "hostile"), s.repo)
		return err
	})
}

// TestNoProjectTakesAllPlaces has repositories on as many servers as there are.
func TestNoProjectTakesAllPlaces(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{Transfers: 4})
	defer s.hang("hostile", 10, 3)()
	other := newScene(t, testenv.GitOptions{}, git.Options{})
	ctx, cancel := context.WithTimeout(forProject(t.Context(), "hostile"), 100*time.Millisecond)
	defer cancel()
	if _, err := s.store.Refs(ctx, other.repo); err == nil {
		t.Error("another server gives a project more places than it may have in all")
	}
	within(t, 20*time.Second, "another project", func(ctx context.Context) error {
		_, err := s.store.Refs(forProject(ctx, "victim"), other.repo)
		return err
	})
}

// TestWhatSeveralWantWaitsForNoneOfThem has a fetch that a project asked for which
// has no place left, and then another that has.
func TestWhatSeveralWantWaitsForNoneOfThem(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	defer s.hang("hostile", 10, 4)()
	first := make(chan error, 1)
	asked, cancel := context.WithCancel(forProject(t.Context(), "hostile"))
	defer cancel()
	go func() { first <- s.store.Fetch(asked, s.repo, commit, "refs/heads/main") }()
	gaveUp, stop := context.WithTimeout(forProject(t.Context(), "hostile"), 300*time.Millisecond)
	defer stop()
	want(t, s.store.Fetch(gaveUp, s.repo, commit, "refs/heads/main"), syncline.Transient, "team/app", "is busy")
	within(t, 20*time.Second, "another project", func(ctx context.Context) error {
		return s.store.Fetch(forProject(ctx, "victim"), s.repo, commit, "refs/heads/main")
	})
	if err := <-first; err != nil {
		t.Errorf("who asked first: %v", err)
	}
	if n := s.fetches(); n != 1 {
		t.Errorf("two projects made %d fetches", n)
	}
}

// TestTheTurnToWriteIsShared has many commits that are not there, which a project
// looks for in a repository that another reads too.
func TestTheTurnToWriteIsShared(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.server.Fail(testenv.GitFault{Hang: true})
	ctx, cancel := context.WithCancel(forProject(t.Context(), "hostile"))
	defer cancel()
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() { _ = s.store.Fetch(ctx, s.repo, fmt.Sprintf("%040x", i+1), "refs/heads/main") })
	}
	s.await(testenv.GitAny, 1)
	found := make(chan int, 1)
	go func() {
		within(t, 20*time.Second, "another project", func(ctx context.Context) error {
			return s.store.Fetch(forProject(ctx, "victim"), s.repo, commit, "refs/heads/main")
		})
		found <- s.server.Count(testenv.GitAny)
	}()
	eventually(t, "it waits", func() bool {
		ctx, cancel := context.WithTimeout(forProject(t.Context(), "victim"), 20*time.Millisecond)
		defer cancel()
		err := s.store.Fetch(ctx, s.repo, commit, "refs/heads/main")
		return err != nil && strings.Contains(err.Error(), "another fetch of it goes on")
	})
	s.server.Fail(testenv.GitFault{})
	if n := <-found; n > 20 {
		t.Errorf("the server was asked %d times before it was another project's turn", n)
	}
	cancel()
	group.Wait()
}

// TestAFetchEndsWhenNobodyWantsIt has two who want a fetch that hangs. Both have
// given up waiting for it.
func TestAFetchEndsWhenNobodyWantsIt(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{PerHost: 2}) // of which a project gets one
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.server.Fail(testenv.GitFault{Hang: true, Request: testenv.GitFetchPack})
	var ends []context.CancelFunc
	for range 2 {
		wanted, end := context.WithCancel(t.Context())
		ends = append(ends, end)
		ctx, cancel := context.WithTimeout(demand.Until(forProject(t.Context(), "a"), wanted), 300*time.Millisecond)
		defer cancel()
		want(t, s.store.Fetch(ctx, s.repo, commit, "refs/heads/main"), syncline.Transient, "waiting for a fetch")
	}
	s.await(testenv.GitFetchPack, 1)
	place := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(forProject(t.Context(), "a"), limit)
		defer cancel()
		_, err := s.store.Refs(ctx, s.repo)
		return err
	}
	if ends[0](); place(300*time.Millisecond) == nil {
		t.Error("a fetch that is wanted has given its place back")
	}
	ends[1]()
	if err := place(20 * time.Second); err != nil {
		t.Errorf("a fetch that nobody wants keeps its place: %v", err)
	}
	if n := s.fetches(); n != 1 {
		t.Errorf("one fetch that several want was begun %d times", n)
	}
	s.server.Fail(testenv.GitFault{})
	wantFile(t, s.tree(commit), "a", "1")
}

// TestAFetchThatIsEndedLeavesNoLocks ends one while git holds locks.
func TestAFetchThatIsEndedLeavesNoLocks(t *testing.T) {
	folder := t.TempDir()
	wrapper, locked := filepath.Join(folder, "git"), filepath.Join(folder, "locked")
	script := `#!/bin/sh
dir=${1#--git-dir=}
case "$*" in *" fetch "*) [ -e '` + locked + `' ] || {
	mkdir -p "$dir/refs/syncline"; >"$dir/shallow.lock"; >"$dir/refs/syncline/x.lock"; >'` + locked + `'; exec sleep 1000; };;
esac
exec git "$@"
`
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	s := newScene(t, testenv.GitOptions{}, git.Options{GitPath: wrapper})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.store.Fetch(ctx, s.repo, commit, "refs/heads/main") }()
	eventually(t, "git has locks", func() bool { _, err := os.Stat(locked); return err == nil })
	cancel()
	want(t, <-ended, syncline.Transient, "team/app")
	wantFile(t, s.tree(commit), "a", "1")
	if left, _ := filepath.Glob(filepath.Join(folder, "mirrors/*/*.lock")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestWaitingForAPlaceEnds, and says for what it was, of nobody else's.
func TestWaitingForAPlaceEnds(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{PerHost: 2, WaitTimeout: 200 * time.Millisecond})
	defer s.hang("hostile", 1, 1)()
	_, err := s.store.Refs(forProject(t.Context(), "hostile"), s.repo)
	want(t, err, syncline.Transient, "team/app", "within 200ms", "the server 127.0.0.1:", "is busy")
	for _, foreign := range []string{"hostile", "slow", "victim"} {
		if strings.Contains(err.Error()+syncline.HintOf(err), foreign) {
			t.Errorf("the error %v names %s", err, foreign)
		}
	}
}

// TestReadingALargeFileEnds with who opened the tree, when the server hangs.
func TestReadingALargeFileEnds(t *testing.T) {
	s := partialScene(t, testenv.GitOptions{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"large": large}})
	s.tree(commit)
	ctx, cancel := context.WithCancel(t.Context())
	tree, err := s.store.Tree(ctx, s.repo, commit)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Fail(testenv.GitFault{Hang: true})
	before := s.server.Count(testenv.GitAny)
	read := make(chan error, 1)
	go func() {
		_, err := tree.ReadFile("large")
		read <- err
	}()
	s.await(testenv.GitAny, before+1)
	cancel()
	select {
	case err := <-read:
		want(t, err, syncline.Transient, "team/app", "large")
	case <-time.After(20 * time.Second):
		t.Error("it goes on")
	}
	s.server.Fail(testenv.GitFault{})
	wantFile(t, s.tree(commit), "large", large)
}

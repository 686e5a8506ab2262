package git_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// scene is a Git server with one repository, and a Store that reads it.
type scene struct {
	t      testing.TB
	server *testenv.GitServer
	origin *testenv.GitRepo
	dir    string
	store  *git.Store
	repo   upstream.Repository
}

func newScene(t testing.TB, server testenv.GitOptions, options git.Options) *scene {
	t.Helper()
	s := &scene{t: t, dir: filepath.Join(t.TempDir(), "cache [x]*")} // a name that is no pattern
	var err error
	if s.server, err = testenv.StartGit(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	if s.origin, err = s.server.Create(t.Context(), "team/app"); err != nil {
		t.Fatal(err)
	}
	s.repo = upstream.Repository{Address: upstream.AddressOf(s.origin.URL), Username: server.Username, Password: sealed.Text(server.Password)}
	s.open(options)
	return s
}

// open opens the Store, again if it was open.
func (s *scene) open(options git.Options) {
	s.t.Helper()
	options.Dir = s.dir
	if s.store != nil {
		_ = s.store.Close()
	}
	store, err := git.Open(options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = store.Close() })
	s.store = store
}

func (s *scene) commit(change testenv.GitCommit) string {
	s.t.Helper()
	hash, err := s.origin.Commit(s.t.Context(), change)
	if err != nil {
		s.t.Fatal(err)
	}
	return hash
}

// rawTree commits a tree of files that git itself would not make.
func (s *scene) rawTree(names []string, blob string) string {
	s.t.Helper()
	hash, err := hex.DecodeString(blob)
	if err != nil {
		s.t.Fatal(err)
	}
	var tree bytes.Buffer
	for _, name := range names {
		tree.WriteString("100644 " + name + "\x00" + string(hash))
	}
	path := filepath.Join(s.t.TempDir(), "tree")
	if err := os.WriteFile(path, tree.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	object, err := s.origin.Git(s.t.Context(), "hash-object", "-t", "tree", "-w", "--literally", "--", path)
	if err != nil {
		s.t.Fatal(err)
	}
	commit, err := s.origin.Git(s.t.Context(), "-c", "user.name=n", "-c", "user.email=e", "commit-tree", "-m", "raw", object)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.origin.Branch(s.t.Context(), "raw", commit); err != nil {
		s.t.Fatal(err)
	}
	return commit
}

func (s *scene) tag(name, commit, message string) {
	s.t.Helper()
	if err := s.origin.Tag(s.t.Context(), name, commit, message); err != nil {
		s.t.Fatal(err)
	}
}

// packedRefs adds refs to the origin, each a line of a commit and a name.
func (s *scene) packedRefs(lines string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.origin.Dir, "packed-refs"), []byte("# pack-refs with: peeled fully-peeled\n"+lines), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until the server got so many requests of a kind.
func (s *scene) await(kind testenv.GitRequest, count int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.server.Await(ctx, kind, count); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits for what the system gives no event for.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); !holds(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// tree fetches a commit and opens it.
func (s *scene) tree(commit string) syncline.Tree {
	s.t.Helper()
	if err := s.store.Fetch(s.t.Context(), s.repo, commit, "refs/heads/main"); err != nil {
		s.t.Fatal(err)
	}
	tree, err := s.store.Tree(s.t.Context(), s.repo, commit)
	if err != nil {
		s.t.Fatal(err)
	}
	return tree
}

func (s *scene) refs(ctx context.Context) upstream.Refs {
	s.t.Helper()
	refs, err := s.store.Refs(ctx, s.repo)
	if err != nil {
		s.t.Fatal(err)
	}
	return refs
}

func wantFile(t testing.TB, tree syncline.Tree, path, want string) {
	t.Helper()
	got, err := tree.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is %q, %v, want %q", path, got, err, want)
	}
}

func TestRefsListsBranchesAndPeeledTags(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	second := s.commit(testenv.GitCommit{Branch: "other", Files: map[string]string{"a": "2"}})
	s.tag("light", first, "")
	s.tag("annotated", second, "a message")
	refs := s.refs(t.Context())
	want := map[string]string{
		"HEAD": first, "refs/heads/main": first, "refs/heads/other": second,
		"refs/tags/light": first, "refs/tags/annotated": second,
	}
	if refs.Head != "refs/heads/main" || len(refs.Commits) != len(want) {
		t.Errorf("refs are %+v", refs)
	}
	for name, commit := range want {
		if refs.Commits[name] != commit {
			t.Errorf("%s is %s, want %s", name, refs.Commits[name], commit)
		}
	}
	if n := s.server.Count(testenv.GitListRefs); n != 1 {
		t.Errorf("listing refs took %d requests, want 1", n)
	}
}

func TestFetchIsIncrementalAndTreesLiveSideBySide(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1", "dir/b": "b"}})
	one := s.tree(first)
	second := s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	two := s.tree(second)
	wantFile(t, one, "a", "1")
	wantFile(t, two, "a", "2")
	wantFile(t, two, "dir/b", "b")
	before := s.server.Count(testenv.GitAny)
	wantFile(t, s.tree(second), "a", "2")
	wantFile(t, s.tree(first), "a", "1")
	if after := s.server.Count(testenv.GitAny); after != before {
		t.Errorf("%d requests for commits that are present", after-before)
	}
}

// TestNobodySeesByTheMirror has a commit in the mirror that not everybody may see.
func TestNobodySeesByTheMirror(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Username: "user", Password: "secret"}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	for _, restart := range []bool{false, true} {
		if restart {
			s.open(git.Options{})
		}
		for _, stranger := range []upstream.Repository{
			{Address: upstream.AddressOf(s.origin.URL)},
			{Address: upstream.AddressOf(s.origin.URL), Username: "user", Password: "wrong"},
			{Address: upstream.AddressOf(s.origin.URL), Proxy: "http://127.0.0.1:1"},
		} {
			wantFile(t, s.tree(commit), "a", "1")
			if err := s.store.Fetch(t.Context(), stranger, commit, ""); err == nil {
				t.Errorf("%+v fetches", stranger)
			}
			if _, err := s.store.Tree(t.Context(), stranger, commit); err == nil {
				t.Errorf("%+v sees the tree", stranger)
			}
			if _, err := s.store.Commit(t.Context(), stranger, commit); err == nil {
				t.Errorf("%+v sees the commit", stranger)
			}
		}
	}
}

// TestWithdrawnAccess ends what the mirror shows when the server says so.
func TestWithdrawnAccess(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.tree(commit)
	s.server.Fail(testenv.GitFault{Status: 403})
	if _, err := s.store.Refs(t.Context(), s.repo); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("the error is %v", err)
	}
	if err := s.store.Fetch(t.Context(), s.repo, commit, ""); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("what the server does not show any more can be fetched: %v", err)
	}
}

// TestRestartAsksOnce counts what a present commit costs after a restart.
func TestRestartAsksOnce(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.tree(commit)
	s.open(git.Options{})
	before := s.server.Count(testenv.GitListRefs)
	fetches := s.server.Count(testenv.GitFetchPack)
	for range 3 {
		wantFile(t, s.tree(commit), "a", "1")
	}
	if lists, more := s.server.Count(testenv.GitListRefs)-before, s.server.Count(testenv.GitFetchPack)-fetches; lists != 1 || more != 0 {
		t.Errorf("after a restart, a present commit took %d lists of refs and %d fetches", lists, more)
	}
}

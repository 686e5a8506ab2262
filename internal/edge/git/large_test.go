package git_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// storing is a scene with a server of Git LFS.
func storing(t *testing.T, options git.Options) (*scene, *testenv.LFSServer) {
	t.Helper()
	large, err := testenv.StartLFS(t.Context(), "RemoteAuth granted-canary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = large.Close() })
	s := newScene(t, testenv.GitOptions{Username: "joe", Password: "canary", LFS: large}, options)
	s.repo.LFS = true
	return s, large
}

// Content is read by one request for all pointers of a folder, each once, checked, and
// kept; its server gets the header that it wants and nothing else.
func TestLargeFiles(t *testing.T) {
	s, large := storing(t, git.Options{})
	files := map[string]string{"app/plain": "plain"}
	for i := range 5 {
		files[fmt.Sprintf("app/%d", i)] = large.Put(fmt.Sprintf("content %d", i))
	}
	commit := s.commit(testenv.GitCommit{Files: files, Links: map[string]string{"link": "app/0"}})
	for range 2 {
		tree := s.tree(commit)
		for i := range 5 {
			wantFile(t, tree, fmt.Sprintf("app/%d", i), fmt.Sprintf("content %d", i))
		}
		wantFile(t, tree, "app/plain", "plain")
		wantFile(t, tree, "link", "app/0")
		s.open(git.Options{}) // what is kept outlasts the process
	}
	batches, gets, leaked := large.Batches()
	if !slices.Equal(batches, []int{5}) || gets != 5 || leaked != nil {
		t.Errorf("batches %v, %d downloads, leaked %v", batches, gets, leaked)
	}
	shown, err := s.tree(commit).Stat("")
	if err != nil {
		t.Fatal(err)
	}
	s.repo.LFS = false
	wantFile(t, s.tree(commit), "app/0", files["app/0"])
	if pointers, err := s.tree(commit).Stat(""); err != nil || pointers.Hash == shown.Hash {
		t.Errorf("pointers and what they stand for are equal: %v, %v", pointers, err)
	}
	wantNoFileWith(t, s.dir, "canary")
}

// The repository's own server gets the repository's credentials, also for content.
func TestLargeFilesOfOwnServer(t *testing.T) {
	s, large := storing(t, git.Options{})
	large.Own()
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": large.Put("content")}})
	wantFile(t, s.tree(commit), "a", "content")
}

func TestLargeFilesBySSH(t *testing.T) {
	s, server := overSSH(t, git.Options{})
	large, err := testenv.StartLFS(t.Context(), "RemoteAuth granted-canary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = large.Close() })
	s.repo.LFS = true
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": large.Put("content")}})
	_, err = s.tree(commit).ReadFile("a")
	want(t, err, syncline.Transient, "a: its content in Git LFS")
	if err := server.GrantLFS(large); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s.tree(commit), "a", "content")
}

// What cannot be had is an error that names the file, and is never the pointer.
func TestLargeFilesFail(t *testing.T) {
	s, large := storing(t, git.Options{MaxFile: 1000})
	files := map[string]string{
		"good": large.Put("content"), "big": large.Put(strings.Repeat("x", 1001)),
		"lost": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("0", 64) + "\nsize 5\n",
	}
	commit := s.commit(testenv.GitCommit{Files: files})
	tree := s.tree(commit)
	_, err := tree.ReadFile("big")
	want(t, err, syncline.Invalid, "big has 1001 bytes in Git LFS")
	_, err = tree.ReadFile("lost")
	want(t, err, syncline.Transient, "lost: its content in Git LFS", "answered 404")
	large.Spoil(true)
	_, err = tree.ReadFile("good")
	want(t, err, syncline.Transient, "good: its content in Git LFS", "other content than its pointer stands for")
	large.Spoil(false)
	wantFile(t, tree, "good", "content")
	if _, _, leaked := large.Batches(); leaked != nil {
		t.Errorf("leaked %v", leaked)
	}
	other := s.repo
	other.Password = sealed.Text("wrong")
	if _, err := s.store.Tree(t.Context(), other, commit); err == nil {
		t.Error("content is shown to whom the server did not let in")
	}
}

package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

func TestAddressesThatAreNotAllowed(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	proof := filepath.Join(t.TempDir(), "proof")
	for _, address := range []string{
		"", " ", "-", "--upload-pack=touch " + proof, "-u" + proof, "ext::sh -c touch% " + proof, "ext::sh", "fd::0", "file:///etc", "/etc",
		"../repo", "git://example.com/a", "ssh://-oProxyCommand=touch/a", "git@example.com:a/b", "ftp://example.com/a", "javascript:alert(1)",
		"http://", "https:///path", "http://exa\nmple.com/a", "http://example.com/a\x00b", "http://example.com/%0aHost:evil", "http://example.com/a#b",
		"https::http://example.com/a",
	} {
		repo := upstream.Repository{Address: upstream.AddressOf(address)}
		_, err := s.store.Refs(t.Context(), repo)
		want(t, err, syncline.Invalid)
		want(t, s.store.Fetch(t.Context(), repo, strings.Repeat("1", 40), ""), syncline.Invalid)
		_, err = s.store.Tree(t.Context(), repo, strings.Repeat("1", 40))
		want(t, err, syncline.Invalid)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("an address was run as a command")
	}
}

func TestRevisionsThatAreNotAllowed(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	proof := filepath.Join(t.TempDir(), "proof")
	for _, bad := range []string{
		"", "main", "HEAD", "--upload-pack=touch " + proof, "-1", commit[:39], commit + "0", strings.ToUpper(commit), commit + "\n", commit + " " + commit,
	} {
		want(t, s.store.Fetch(t.Context(), s.repo, bad, ""), syncline.Invalid)
		_, err := s.store.Tree(t.Context(), s.repo, bad)
		want(t, err, syncline.Invalid)
	}
	for _, bad := range []string{
		"main", "--upload-pack=touch " + proof, "-refs/heads/a", "refs/heads/a b", "refs/heads/a..b", "refs/heads/a:refs/heads/b", "refs/heads/*",
		"refs/heads/.a", "refs/heads/a.lock", "refs/heads/a/", "refs//a", "refs/heads/a\n", "refs/heads/a@{1}", "refs/heads/a^", "+refs/heads/a", "refs/heads/a.",
	} {
		want(t, s.store.Fetch(t.Context(), s.repo, strings.Repeat("1", 40), bad), syncline.Invalid)
	}
	for _, bad := range []string{"", "abc", "xyz1234", "--all", commit, commit[:7] + "\n"} {
		_, err := s.store.Find(t.Context(), s.repo, bad)
		want(t, err, syncline.Invalid)
	}
	if _, err := os.Stat(proof); err == nil {
		t.Error("a revision was run as a command")
	}
}

// TestAmbientConfigurationIsIgnored sets what would run a program or send
// requests elsewhere, were it obeyed.
func TestAmbientConfigurationIsIgnored(t *testing.T) {
	home, proof := t.TempDir(), filepath.Join(t.TempDir(), "proof")
	config := "[core]\n\tfsmonitor = touch " + proof + "\n[credential]\n\thelper = \"!touch " + proof + "\"\n" +
		"[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://127.0.0.1\n[uploadpack]\n\tpackObjectsHook = touch " + proof + "\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_ASKPASS": "touch " + proof, "SSH_ASKPASS": "touch " + proof, "GIT_DIR": "/nowhere",
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.sshCommand", "GIT_CONFIG_VALUE_0": "touch " + proof, "GIT_TRACE": proof,
	} {
		t.Setenv(name, value)
	}
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
	if _, err := os.Stat(proof); err == nil {
		t.Error("the configuration of the machine was obeyed")
	}
}

func TestLocalRepositoriesAreForTheCommandLine(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{AllowLocal: true})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	for _, address := range []string{s.origin.Dir, "file://" + s.origin.Dir} {
		s.repo.Address = upstream.AddressOf(address)
		if refs := s.refs(t.Context()); refs.Commits["HEAD"] != commit {
			t.Errorf("refs of %s are %v", address, refs)
		}
		wantFile(t, s.tree(commit), "a", "1")
	}
	s.repo.Address = upstream.AddressOf(filepath.Join(s.origin.Dir, "none"))
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.NotFound)
}

func TestHostileTrees(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	blob := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	hash, err := s.origin.Git(t.Context(), "rev-parse", blob+":a")
	if err != nil {
		t.Fatal(err)
	}
	for name, names := range map[string][]string{
		"dot dot": {".."}, "dot": {"."}, "slash": {"a/b"}, "twice": {"a", "a"}, "upwards": {"../../etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			commit := s.rawTree(names, hash)
			if err := s.store.Fetch(t.Context(), s.repo, commit, ""); err != nil {
				t.Fatal(err)
			}
			_, err := s.store.Tree(t.Context(), s.repo, commit)
			want(t, err, syncline.Invalid, "no file system could hold")
		})
	}
}

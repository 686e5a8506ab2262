package testenv_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

func startGit(t *testing.T, options testenv.GitOptions) (*testenv.GitServer, *testenv.GitRepo) {
	t.Helper()
	server, err := testenv.StartGit(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	repo, err := server.Create(t.Context(), "team/app")
	if err != nil {
		t.Fatal(err)
	}
	return server, repo
}

func commit(t *testing.T, repo *testenv.GitRepo, change testenv.GitCommit) string {
	t.Helper()
	hash, err := repo.Commit(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func git(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	command.WaitDelay = 100 * time.Millisecond // a killed git leaves git-remote-http behind
	output, err := command.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func TestGitServerServesWhatIsCommitted(t *testing.T) {
	server, repo := startGit(t, testenv.GitOptions{})
	first := commit(t, repo, testenv.GitCommit{
		Files:       map[string]string{"a.yaml": "one", `dir/odd "name"\.txt`: "", "gone/b": "b"},
		Executables: map[string]string{"run": "#!/bin/sh"},
		Links:       map[string]string{"link": "dir"},
		Submodules:  map[string]string{"module": strings.Repeat("1", 40)},
	})
	second := commit(t, repo, testenv.GitCommit{Message: "second\n\nbody", Files: map[string]string{"a.yaml": "two"}, Delete: []string{"gone"}})
	if err := repo.Tag(t.Context(), "v1", first, ""); err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(t.Context(), "v2", second, "annotated"); err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	if output, err := git(t.Context(), "clone", "--quiet", "-c", "core.quotePath=false", server.URL("team/app"), clone); err != nil {
		t.Fatal(err, output)
	}
	output, _ := git(t.Context(), "-C", clone, "ls-tree", "-r", "-z", "HEAD")
	var files []string
	for line := range strings.SplitSeq(strings.Trim(output, "\x00"), "\x00") {
		about, path, _ := strings.Cut(line, "\t")
		mode, _, _ := strings.Cut(about, " ")
		files = append(files, mode+" "+path)
	}
	want := []string{"100644 a.yaml", `100644 dir/odd "name"\.txt`, "120000 link", "160000 module", "100755 run"}
	if !slices.Equal(files, want) {
		t.Errorf("files are %q, want %q", files, want)
	}
	for revision, want := range map[string]string{"HEAD": second, "HEAD~1": first, "v1": first, "v2^{commit}": second} {
		if got, _ := git(t.Context(), "-C", clone, "rev-parse", revision); got != want {
			t.Errorf("%s is %s, want %s", revision, got, want)
		}
	}
	if kind, _ := git(t.Context(), "-C", clone, "cat-file", "-t", "v2"); kind != "tag" {
		t.Errorf("v2 is a %s, want an annotated tag", kind)
	}
	if server.Count(testenv.GitInfoRefs) != 1 || server.Count(testenv.GitListRefs) != 1 || server.Count(testenv.GitFetchPack) != 1 {
		t.Errorf("a clone counts as %d, %d, %d requests", server.Count(testenv.GitInfoRefs), server.Count(testenv.GitListRefs), server.Count(testenv.GitFetchPack))
	}
}

func TestGitServerMovesBranches(t *testing.T) {
	server, repo := startGit(t, testenv.GitOptions{})
	first := commit(t, repo, testenv.GitCommit{Files: map[string]string{"a": "1"}})
	orphan := commit(t, repo, testenv.GitCommit{Orphan: true, Files: map[string]string{"b": "2"}})
	if err := repo.Branch(t.Context(), "old", first); err != nil {
		t.Fatal(err)
	}
	refs, err := git(t.Context(), "ls-remote", server.URL("team/app"))
	want := orphan + "\tHEAD\n" + orphan + "\trefs/heads/main\n" + first + "\trefs/heads/old"
	if err != nil || refs != want {
		t.Errorf("refs are %q, %v, want %q", refs, err, want)
	}
	if err := repo.DeleteRef(t.Context(), "refs/heads/old"); err != nil {
		t.Fatal(err)
	}
	if refs, _ := git(t.Context(), "ls-remote", server.URL("team/app")); strings.Contains(refs, "old") {
		t.Errorf("the deleted branch is still there: %q", refs)
	}
}

func TestGitServerDemandsCredentials(t *testing.T) {
	server, repo := startGit(t, testenv.GitOptions{Username: "user", Password: "secret"})
	commit(t, repo, testenv.GitCommit{Files: map[string]string{"a": "1"}})
	if output, err := git(t.Context(), "ls-remote", server.URL("team/app")); err == nil {
		t.Errorf("without credentials: %s", output)
	}
	with := strings.Replace(server.URL("team/app"), "http://", "http://user:secret@", 1)
	if output, err := git(t.Context(), "ls-remote", with); err != nil {
		t.Errorf("with credentials: %v: %s", err, output)
	}
}

func TestGitServerFails(t *testing.T) {
	server, repo := startGit(t, testenv.GitOptions{})
	commit(t, repo, testenv.GitCommit{Files: map[string]string{"a": strings.Repeat("x", 1000)}})
	for name, fault := range map[string]testenv.GitFault{
		"500":  {Status: http.StatusInternalServerError},
		"drop": {DropAfter: 10},
		"hang": {Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			patience := time.Minute
			if fault.Hang {
				patience = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			server.Fail(fault)
			if output, err := git(ctx, "ls-remote", repo.URL); err == nil {
				t.Errorf("it did not fail: %s", output)
			}
			if hung := ctx.Err() != nil; hung != fault.Hang {
				t.Errorf("hung = %t, want %t", hung, fault.Hang)
			}
			server.Fail(testenv.GitFault{})
			if output, err := git(t.Context(), "ls-remote", repo.URL); err != nil {
				t.Errorf("afterwards: %v: %s", err, output)
			}
		})
	}
	server.Fail(testenv.GitFault{Repo: "other", Status: http.StatusInternalServerError})
	if output, err := git(t.Context(), "ls-remote", repo.URL); err != nil {
		t.Errorf("another repository's fault: %v: %s", err, output)
	}
}

func TestGitServerCloseRemovesItsFolder(t *testing.T) {
	server, repo := startGit(t, testenv.GitOptions{})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(repo.Dir); !os.IsNotExist(err) {
		t.Errorf("the repository is still there: %v", err)
	}
}

func TestGitFiles(t *testing.T) {
	files, err := testenv.GitFiles(fstest.MapFS{"a": {Data: []byte("1")}, "d/b": {Data: []byte("2")}}, "app")
	if err != nil || len(files) != 2 || files["app/a"] != "1" || files["app/d/b"] != "2" {
		t.Errorf("GitFiles = %q, %v", files, err)
	}
}

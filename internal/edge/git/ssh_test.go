package git_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// overSSH is a scene whose repository is reached by ssh.
func overSSH(t *testing.T, options git.Options) (*scene, *testenv.SSHServer) {
	t.Helper()
	s := newScene(t, testenv.GitOptions{}, options)
	server, err := testenv.StartSSH(t.Context(), s.server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s.repo = upstream.Repository{
		Address: upstream.AddressOf(server.URL("team/app")), Declared: true,
		SSHKey: sealed.Text(server.Key), KnownHosts: []byte(server.KnownHosts), KnownHostsIn: "the list of hosts",
	}
	return s, server
}

func TestSSH(t *testing.T) {
	s, server := overSSH(t, git.Options{})
	first := s.commit(testenv.GitCommit{Files: map[string]string{"app/a": "1", "app/b": strings.Repeat("long ", 100_000)}})
	refs, err := s.store.Refs(t.Context(), s.repo)
	if err != nil || refs.Commits["refs/heads/main"] != first {
		t.Fatalf("refs %v, %v", refs, err)
	}
	tree := s.tree(first)
	if data, err := tree.ReadFile("app/a"); err != nil || string(data) != "1" {
		t.Errorf("app/a is %q, %v", data, err)
	}
	if data, err := tree.ReadFile("app/b"); err != nil || len(data) != 500_000 {
		t.Errorf("app/b has %d bytes, %v", len(data), err)
	}
	if server.Connections() == 0 {
		t.Error("nobody came by ssh")
	}
	s.noKeyOnDisk(server.Key)

	// What a shell would obey is part of a name.
	odd := "team/it's$(id)"
	if s.origin, err = s.server.Create(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	s.repo.Address = upstream.AddressOf(server.URL(odd))
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "odd"}})
	if data, err := s.tree(commit).ReadFile("a"); err != nil || string(data) != "odd" {
		t.Errorf("a is %q, %v", data, err)
	}
}

// noKeyOnDisk looks for a private key in everything that the Store wrote.
func (s *scene) noKeyOnDisk(key string) {
	s.t.Helper()
	secret := strings.Split(key, "\n")[2]
	err := filepath.WalkDir(s.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			if err == nil && entry.Type()&os.ModeSocket != 0 {
				s.t.Errorf("the agent's socket %s is still there", path)
			}
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), secret) {
			s.t.Errorf("%s has the private key", path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestSSHRefusals has each error name the repository, what is wrong and what to do,
// and no key.
func TestSSHRefusals(t *testing.T) {
	s, server := overSSH(t, git.Options{})
	s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	stranger, err := testenv.NewSSHKey()
	if err != nil {
		t.Fatal(err)
	}
	another, err := testenv.StartSSH(t.Context(), s.server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = another.Close() })
	host, _, _ := strings.Cut(server.KnownHosts, " ")
	_, otherKey, _ := strings.Cut(another.KnownHosts, " ")
	for name, test := range map[string]struct {
		change     func(*upstream.Repository)
		kind       syncline.Kind
		says, hint string
	}{
		"a key that is not let in": {
			func(r *upstream.Repository) { r.SSHKey = sealed.Text(stranger) }, syncline.Denied, "access was refused: ", "check",
		},
		"no key": {
			func(r *upstream.Repository) { r.SSHKey = "" }, syncline.Denied, "Permission denied (publickey)", "private key",
		},
		"an unknown host": {
			func(r *upstream.Repository) { r.KnownHosts = nil }, syncline.Transient, "the key of its server is not known", "add it to the list of hosts",
		},
		"a host with another key": {
			func(r *upstream.Repository) { r.KnownHosts = []byte(host + " " + otherKey) }, syncline.Transient,
			"its server has another key than the known one", "replace the old one in the list of hosts",
		},
		"a host whose key was revoked": {
			func(r *upstream.Repository) {
				r.KnownHosts = []byte(server.KnownHosts + "@revoked * " + server.KnownHosts[strings.Index(server.KnownHosts, " ")+1:])
			}, syncline.Transient, "key", "the list of hosts",
		},
		"a key that is none": {
			func(r *upstream.Repository) { r.SSHKey = "-----BEGIN hunter2-----" }, syncline.Invalid, "its private key for ssh cannot be read", "ssh-keygen",
		},
		"no such repository": {
			func(r *upstream.Repository) { r.Address = upstream.AddressOf(server.URL("team/none")) }, syncline.NotFound, "was not found", "check the address",
		},
		"a proxy": {
			func(r *upstream.Repository) { r.Proxy = "http://proxy.example" }, syncline.Invalid, "no proxy is used for ssh", "https",
		},
		"a user that is an option": {
			func(r *upstream.Repository) {
				r.Address = upstream.AddressOf(strings.Replace(server.URL("team/app"), "://", "://-oProxyCommand=x@", 1))
			}, syncline.Invalid, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			repo := s.repo
			test.change(&repo)
			_, err := s.store.Refs(t.Context(), repo)
			if syncline.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) || !strings.Contains(syncline.HintOf(err), test.hint) {
				t.Errorf("got %s: %v (%s)", syncline.KindOf(err), err, syncline.HintOf(err))
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "PRIVATE KEY")) {
				t.Error("the error shows the key")
			}
		})
	}
	anyHost := s.repo
	anyHost.KnownHosts, anyHost.InsecureSkipVerify = nil, true
	if _, err := s.store.Refs(t.Context(), anyHost); err != nil {
		t.Errorf("a host that need not be known: %v", err)
	}
}

// TestSSHFaults has a server that ends connections, and one that comes back.
func TestSSHFaults(t *testing.T) {
	s, server := overSSH(t, git.Options{StallTimeout: 5 * time.Second})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": strings.Repeat("x", 3_000_000)}})
	for name, fault := range map[string]testenv.SSHFault{"at once": {Close: true}, "half way": {DropAfter: 4000}} {
		server.Fail(fault)
		if _, err := s.store.Refs(t.Context(), s.repo); name == "at once" && syncline.KindOf(err) != syncline.Transient {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.store.Fetch(t.Context(), s.repo, commit, ""); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("%s: fetching: %v", name, err)
		}
	}
	server.Fail(testenv.SSHFault{})
	if data, err := s.tree(commit).ReadFile("a"); err != nil || len(data) != 3_000_000 {
		t.Errorf("after the faults: %d bytes, %v", len(data), err)
	}
}

package git_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

func TestCertificates(t *testing.T) {
	s := newScene(t, testenv.GitOptions{TLS: true}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.repo.CAIn = "the place of authorities"
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Transient, "certificate is not trusted", "add the certificate of its authority to the place of authorities")

	s.repo.CA = []byte("nonsense")
	_, err = s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Transient, "certificate")

	s.repo.CA = nil
	s.repo.InsecureSkipVerify = true
	s.refs(t.Context())

	s.repo.InsecureSkipVerify = false
	s.repo.CA = s.server.CA()
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
}

func TestClientCertificate(t *testing.T) {
	s := newScene(t, testenv.GitOptions{TLS: true, DemandClient: true}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.repo.CA = s.server.CA()
	if _, err := s.store.Refs(t.Context(), s.repo); err == nil {
		t.Error("the server demands no certificate: the test shows nothing")
	}
	certificate, key := s.server.ClientCert()
	s.repo.ClientCert, s.repo.ClientKey = certificate, "nonsense"
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Invalid, "no pair in PEM")
	s.repo.ClientKey = sealed.Text(key)
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
	wantNoFileWith(t, s.dir, "PRIVATE KEY")
}

func wantNoFileWith(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestProxy reaches a host that only the proxy knows.
func TestProxy(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	origin := strings.TrimPrefix(strings.TrimSuffix(s.origin.URL, "/team/app.git"), "http://")
	var requests, refused atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwcm94eS1jYW5hcnk=" { // user:proxy-canary
			refused.Add(1)
			w.Header().Set("Proxy-Authenticate", "Basic realm=proxy")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		requests.Add(1)
		r.URL.Host, r.RequestURI = origin, ""
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		for name := range response.Header {
			w.Header().Set(name, response.Header.Get(name))
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	}))
	defer proxy.Close()
	s.repo = upstream.Repository{
		Address: upstream.AddressOf("http://behind-the-proxy.invalid/team/app.git"),
		Proxy:   strings.Replace(proxy.URL, "http://", "http://user:proxy-canary@", 1),
	}
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
	if requests.Load() == 0 {
		t.Error("the proxy saw nothing")
	}
	s.repo.Proxy = strings.Replace(proxy.URL, "http://", "http://user:wrong-canary@", 1)
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Denied)
	if refused.Load() == 0 || strings.Contains(err.Error(), "canary") {
		t.Errorf("refused %d times: %v", refused.Load(), err)
	}
	for _, bad := range []string{"nonsense", "file:///etc/passwd", "http://", "-x", "http://user:secret-canary@%zz"} {
		s.repo.Proxy = bad
		_, err := s.store.Refs(t.Context(), s.repo)
		want(t, err, syncline.Invalid, "proxy")
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("the error shows the proxy's password: %v", err)
		}
	}
}

// TestProxyForTLS reaches a server with TLS and client certificates through a proxy, which
// sees none of it, and past the proxy where the settings say so.
func TestProxyForTLS(t *testing.T) {
	s := newScene(t, testenv.GitOptions{TLS: true, DemandClient: true}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	certificate, key := s.server.ClientCert()
	s.repo.CA, s.repo.ClientCert, s.repo.ClientKey = s.server.CA(), certificate, sealed.Text(key)
	var tunnels atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		tunnels.Add(1)
		to, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		go func() {
			_, _ = io.Copy(to, buffered)
			_ = to.Close()
		}()
		_, _ = io.Copy(from, to)
	}))
	defer proxy.Close()
	s.repo.Proxy = proxy.URL
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")
	through := tunnels.Load()
	if through == 0 {
		t.Error("the proxy saw nothing")
	}
	s.repo.NoProxy = "git.example,127.0.0.1"
	s.refs(t.Context())
	if tunnels.Load() != through {
		t.Error("the proxy was asked for a server that noProxy names")
	}
}

func TestBearerTokens(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Token: "t0ken"}, git.Options{})
	s.repo.BearerToken = "t0ken\n" // as files end
	s.refs(t.Context())
	s.repo.BearerToken = "t0ken\nX-Evil: yes"
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Invalid, "control character")
}

// TestStalledTransfer hangs where no deadline of the whole comes near.
func TestStalledTransfer(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{StallTimeout: time.Second})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.server.Fail(testenv.GitFault{Request: testenv.GitFetchPack, Hang: true})
	want(t, s.store.Fetch(t.Context(), s.repo, commit, ""), syncline.Transient, "team/app")
}

func TestTooManyRefs(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxRefs: 10_000})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.refs(t.Context())
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "%s refs/tags/v%d\n", commit, i)
	}
	s.packedRefs(lines.String())
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Invalid, "list of refs is too long")
}

func TestUnusedMirrorsAreRemoved(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}}))
	s.open(git.Options{})
	if len(s.glob("HEAD")) != 1 {
		t.Error("a mirror in use is removed")
	}
	long := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(s.glob("")[0], long, long); err != nil {
		t.Fatal(err)
	}
	s.refs(t.Context()) // who uses it says so
	s.open(git.Options{})
	if len(s.glob("HEAD")) != 1 {
		t.Error("a mirror in use is removed")
	}
	if err := os.Chtimes(s.glob("")[0], long, long); err != nil {
		t.Fatal(err)
	}
	s.open(git.Options{})
	if len(s.glob("HEAD")) != 0 {
		t.Error("a mirror that nobody uses is kept")
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	for name, options := range map[string]git.Options{
		"no folder": {},
		"no git":    {Dir: t.TempDir(), GitPath: "/nowhere/git"},
		"a file":    {Dir: "secure_test.go"},
	} {
		store, err := git.Open(options)
		if err == nil {
			_ = store.Close()
			t.Errorf("%s: it opens", name)
			continue
		}
		if !strings.Contains(err.Error(), "opening the Git cache") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	old := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(old, []byte("#!/bin/sh\necho git version 2.36.6\n"), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	_, err := git.Open(git.Options{Dir: t.TempDir(), GitPath: old})
	want(t, err, syncline.Invalid, "2.37 or newer")
}

// TestNoRepositoryReadsWhatIsRememberedOfAnother has a tree that names a file and a
// folder of another repository, whose names are all that its writer knows.
func TestNoRepositoryReadsWhatIsRememberedOfAnother(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	ctx := t.Context()
	secret, err := s.server.Create(ctx, "team/secret")
	if err != nil {
		t.Fatal(err)
	}
	mirrors := func() []string {
		found, err := os.ReadDir(filepath.Join(s.dir, "mirrors"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		var names []string
		for _, mirror := range found {
			names = append(names, filepath.Join(s.dir, "mirrors", mirror.Name()))
		}
		return names
	}
	tenant, origin := s.repo, s.origin
	tenants := s.commit(testenv.GitCommit{Files: map[string]string{"b": "1"}})
	wantFile(t, s.tree(tenants), "b", "1")
	mirror := mirrors()[0]

	s.repo, s.origin = upstream.Repository{Address: upstream.AddressOf(secret.URL)}, secret
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"d/password": "hunter2"}})
	wantFile(t, s.tree(commit), "d/password", "hunter2")
	named := func(what string) string {
		name, err := secret.Git(ctx, "rev-parse", commit+":"+what)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := hex.DecodeString(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(hash)
	}
	file := filepath.Join(t.TempDir(), "tree")
	text := "100644 a\x00" + named("d/password") + "40000 d\x00" + named("d")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := origin.Git(ctx, "--git-dir="+mirror, "hash-object", "-t", "tree", "-w", "--literally", "--", file)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := origin.Git(ctx, "--git-dir="+mirror, "-c", "user.name=n", "-c", "user.email=e", "commit-tree", "-m", "forged", tree)
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.store.Tree(ctx, tenant, forged)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := files.ReadFile("a"); err == nil {
		t.Errorf("the file is read: %s", text)
	}
	if entries, err := files.ReadDir("d"); err == nil {
		t.Errorf("the folder is read: %v", entries)
	}
}

package git_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// want checks the kind and the text of an error, and that its hint is given.
func want(t *testing.T, err error, kind syncline.Kind, texts ...string) {
	t.Helper()
	if err == nil || syncline.KindOf(err) != kind {
		t.Errorf("the error is %v (%s), want %s", err, syncline.KindOf(err), kind)
		return
	}
	whole := err.Error() + " | " + syncline.HintOf(err)
	for _, text := range texts {
		if !strings.Contains(whole, text) {
			t.Errorf("the error %q does not say %q", whole, text)
		}
	}
	if strings.ContainsAny(whole, "\n\r\x1b") {
		t.Errorf("the error %q is not one clean line", whole)
	}
}

func TestServerFailuresAreClassified(t *testing.T) {
	for name, c := range map[string]struct {
		fault testenv.GitFault
		kind  syncline.Kind
		texts []string
	}{
		"500":   {testenv.GitFault{Status: 500}, syncline.Transient, []string{"500"}},
		"503":   {testenv.GitFault{Status: 503}, syncline.Transient, []string{"503"}},
		"429":   {testenv.GitFault{Status: 429}, syncline.Transient, []string{"429"}},
		"401":   {testenv.GitFault{Status: 401}, syncline.Denied, []string{"token into the test"}},
		"403":   {testenv.GitFault{Status: 403}, syncline.Denied, []string{"403", "token into the test"}},
		"404":   {testenv.GitFault{Status: 404}, syncline.NotFound, []string{"not found"}},
		"html":  {testenv.GitFault{Status: 200, Body: "<html>\n<p>hello</p>\n</html>\n"}, syncline.NotFound, []string{"team/app"}},
		"drop":  {testenv.GitFault{DropAfter: 5}, syncline.Transient, []string{"team/app"}},
		"hang":  {testenv.GitFault{Hang: true}, syncline.Transient, []string{"no answer within 2s"}},
		"away":  {testenv.GitFault{Status: 302, Location: "http://elsewhere.invalid/x.git/info/refs"}, syncline.Invalid, []string{"another server", "elsewhere.invalid/x.git"}},
		"round": {testenv.GitFault{Status: 302, Location: "?again"}, syncline.Invalid, []string{"redirects more than"}},
		"file":  {testenv.GitFault{Status: 302, Location: "file:///etc/passwd"}, syncline.Invalid, []string{"another server"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := git.Options{}
			if c.fault.Hang {
				options.RefsTimeout, options.FetchTimeout = 2*time.Second, 2*time.Second
			}
			s := newScene(t, testenv.GitOptions{}, options)
			commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
			s.server.Fail(c.fault)
			_, err := s.store.Refs(t.Context(), s.repo)
			want(t, err, c.kind, append(c.texts, "team/app")...)
			want(t, s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/main"), c.kind, append(c.texts, "team/app")...)
			s.server.Fail(testenv.GitFault{})
			s.open(git.Options{}) // with time enough
			wantFile(t, s.tree(commit), "a", "1")
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	_ = s.server.Close()
	_, err := s.store.Refs(t.Context(), s.repo)
	want(t, err, syncline.Transient, s.origin.URL, "connect")
	_, err = s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf("http://no-such-host.invalid/a")})
	want(t, err, syncline.Transient, "resolve host")
}

func TestMissingRepository(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	_, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf(s.server.URL("team/none"))})
	want(t, err, syncline.NotFound, "team/none", "check the address")
}

func TestMissingRevision(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		s := newScene(t, testenv.GitOptions{Legacy: legacy}, git.Options{})
		s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
		absent := strings.Repeat("1", 40)
		for _, ref := range []string{"", "refs/heads/main", "refs/heads/none"} {
			want(t, s.store.Fetch(t.Context(), s.repo, absent, ref), syncline.NotFound, absent, "team/app")
		}
		_, err := s.store.Tree(t.Context(), s.repo, absent)
		want(t, err, syncline.Transient, "not fetched")
	}
}

func TestDropMidPack(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	var noise strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&noise, "%x", i*i*7919)
	}
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": noise.String()}})
	s.server.Fail(testenv.GitFault{Request: testenv.GitFetchPack, DropAfter: 20_000})
	want(t, s.store.Fetch(t.Context(), s.repo, commit, ""), syncline.Transient, "team/app")
	if _, err := s.store.Tree(t.Context(), s.repo, commit); err == nil {
		t.Error("half a pack makes a tree")
	}
	s.server.Fail(testenv.GitFault{})
	wantFile(t, s.tree(commit), "a", noise.String())
}

func TestCallerGivesUp(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.server.Fail(testenv.GitFault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.store.Fetch(ctx, s.repo, commit, "")
	want(t, err, syncline.Transient, "team/app")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error %v does not wrap the context's", err)
	}
	if _, err = s.store.Refs(ctx, s.repo); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("Refs = %v", err)
	}
	s.server.Fail(testenv.GitFault{})
	wantFile(t, s.tree(commit), "a", "1")
}

func TestCloseEndsWhatHangs(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.server.Fail(testenv.GitFault{Hang: true})
	ended := make(chan error)
	go func() { ended <- s.store.Fetch(context.WithoutCancel(t.Context()), s.repo, commit, "") }()
	s.await(testenv.GitAny, 1)
	_ = s.store.Close()
	if err := <-ended; err == nil {
		t.Error("a fetch that was ended succeeded")
	}
}

// Only the address that was given was judged by the project. Another repository of the
// server is not asked for, least of all with the credentials of this one.
func TestRedirectToAnotherRepositoryIsRefused(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Username: "user", Password: "secret"}, git.Options{})
	s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.repo.Address = upstream.AddressOf(s.server.URL("team/old"))
	s.server.Fail(testenv.GitFault{Repo: "team/old", Status: http.StatusMovedPermanently, Location: s.origin.URL + "/info/refs?service=git-upload-pack"})
	_, err := s.store.Refs(t.Context(), s.repo)
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "which is another repository") || !strings.Contains(syncline.HintOf(err), "new address") {
		t.Errorf("the error is %v", err)
	}
	if n := s.server.CountOf("team/app"); n != 0 {
		t.Errorf("the other repository was asked %d times", n)
	}
}

// Another port, another name, a name below it and another scheme are other servers: nobody
// connects there, with credentials or without, when refs are listed and when a commit is
// fetched, whichever request is redirected.
func TestRedirectToAnotherServerIsRefused(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		s := newScene(t, testenv.GitOptions{Username: "user", Password: "canary", TLS: scheme == "https"}, git.Options{})
		s.repo.CA = s.server.CA()
		there, connections := catcher(t)
		here := strings.TrimPrefix(strings.TrimSuffix(s.origin.URL, "/team/app.git"), scheme+"://")
		_, port, _ := net.SplitHostPort(here)
		other := map[string]string{"http": "https", "https": "http"}[scheme]
		for name, server := range map[string]string{
			"port": scheme + "://" + there, "name": scheme + "://" + strings.Replace(there, "127.0.0.1", "localhost", 1),
			"name, same port": scheme + "://localhost:" + port, "name below": scheme + "://git.localhost:" + port,
			"scheme": other + "://" + there, "scheme, same port": other + "://" + here, "address": scheme + "://127.0.0.2:" + port,
		} {
			for _, request := range []testenv.GitRequest{testenv.GitInfoRefs, testenv.GitListRefs, testenv.GitFetchPack} {
				path := "/info/refs?service=git-upload-pack"
				if request != testenv.GitInfoRefs {
					if name != "port" {
						continue // git follows no redirect of what it posts
					}
					path = "/git-upload-pack"
				}
				s.server.Fail(testenv.GitFault{Request: request, Status: http.StatusTemporaryRedirect, Location: server + "/team/app.git" + path})
				_, listed := s.store.Refs(t.Context(), s.repo)
				fetched := s.store.Fetch(t.Context(), s.repo, s.commit(testenv.GitCommit{Files: map[string]string{"a": name}}), "")
				if (listed == nil) != (request == testenv.GitFetchPack) || (fetched == nil) != (request == testenv.GitListRefs) { // a fetch lists nothing
					t.Errorf("%s, another %s, %s: the errors are %v and %v", scheme, name, request, listed, fetched)
				}
				if text := fmt.Sprint(listed, fetched); strings.Contains(text, "canary") || request == testenv.GitInfoRefs && strings.Count(text, "which is another server") != 2 {
					t.Errorf("%s, another %s, %s: the errors are %s", scheme, name, request, text)
				}
			}
		}
		if n := connections(); n != 0 {
			t.Errorf("%s: the other server was connected to %d times", scheme, n)
		}
		s.server.Fail(testenv.GitFault{})
		wantFile(t, s.tree(s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})), "a", "1") // so that no other fault was in the way
		s.repo.Address = upstream.AddressOf("http://" + there + "/team/app")
		if _, err := s.store.Refs(t.Context(), s.repo); err == nil || connections() == 0 {
			t.Errorf("nobody connects to the other server when it is asked: %v", err)
		}
	}
}

// catcher is a server that hangs up on everybody, and how many came.
func catcher(t *testing.T) (address string, connections func() int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var count atomic.Int64
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			_ = connection.Close()
		}
	}()
	return listener.Addr().String(), count.Load
}

func TestRedirectWithinTheServerIsFollowedWithCredentials(t *testing.T) {
	s := newScene(t, testenv.GitOptions{Username: "user", Password: "secret"}, git.Options{})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.repo.Address = upstream.AddressOf(s.server.URL("team/APP"))
	s.server.Fail(testenv.GitFault{Repo: "team/APP", Status: http.StatusMovedPermanently, Location: s.origin.URL + "/info/refs?service=git-upload-pack"})
	if refs := s.refs(t.Context()); refs.Commits["refs/heads/main"] != commit {
		t.Errorf("refs are %v", refs)
	}
	before := s.server.Count(testenv.GitAny)
	wantFile(t, s.tree(commit), "a", "1")
	if n := s.server.Count(testenv.GitAny) - before; n > 3 {
		t.Errorf("a fetch from where the server redirected took %d requests: it forgot", n)
	}
}

func TestCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		upstream.Repository
		url string
	}{
		"right":  {Repository: upstream.Repository{Username: "user", Password: "s3cr3t-canary"}},
		"in URL": {url: "http://user:s3cr3t-canary@"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, testenv.GitOptions{Username: "user", Password: "s3cr3t-canary"}, git.Options{})
			commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
			s.repo = test.Repository
			if test.url != "" {
				s.repo.Address = upstream.AddressOf(strings.Replace(s.origin.URL, "http://", test.url, 1))
			} else {
				s.repo.Address = upstream.AddressOf(s.origin.URL)
			}
			s.refs(t.Context())
			wantFile(t, s.tree(commit), "a", "1")
		})
	}
	t.Run("bearer", func(t *testing.T) {
		s := newScene(t, testenv.GitOptions{Token: "t0ken-canary"}, git.Options{})
		commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
		s.repo.BearerToken = "t0ken-canary"
		s.refs(t.Context())
		wantFile(t, s.tree(commit), "a", "1")
	})
	t.Run("token alone", func(t *testing.T) {
		s := newScene(t, testenv.GitOptions{Username: "git", Password: "t0ken"}, git.Options{})
		s.repo = upstream.Repository{Address: upstream.AddressOf(s.origin.URL), Password: "t0ken"}
		s.refs(t.Context())
	})
	for name, test := range map[string]struct {
		upstream.Repository
		url, says string
	}{
		"none":         {says: "access was refused: the server asks for credentials"},
		"wrong":        {Repository: upstream.Repository{Username: "user", Password: "wr0ng-canary"}, says: "access was refused: the server does not accept the credentials"},
		"wrong in URL": {url: "http://user:wr0ng-canary@", says: "access was refused: the server does not accept the credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, testenv.GitOptions{Username: "user", Password: "right"}, git.Options{})
			repo, url := test.Repository, s.origin.URL
			if test.url != "" {
				url = strings.Replace(url, "http://", test.url, 1)
			}
			repo.Address = upstream.AddressOf(url)
			_, err := s.store.Refs(t.Context(), repo)
			want(t, err, syncline.Denied, s.origin.URL, test.says, "the repository's settings")
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestSecretsStayInTheEnvironment looks for a password in every file of the
// cache, and in the arguments of every process that git becomes.
func TestSecretsStayInTheEnvironment(t *testing.T) {
	const secret = "s3cr3t-canary"
	wrapper := filepath.Join(t.TempDir(), "git")
	arguments := filepath.Join(t.TempDir(), "arguments")
	script := "#!/bin/sh\necho \"$@\" >>" + arguments + "\nexec git \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	s := newScene(t, testenv.GitOptions{Username: "user", Password: secret}, git.Options{GitPath: wrapper})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	s.repo.Address = upstream.AddressOf(strings.Replace(s.origin.URL, "http://", "http://user:"+secret+"@", 1))
	s.refs(t.Context())
	wantFile(t, s.tree(commit), "a", "1")

	// While the server hangs, the processes can be looked at.
	next := s.commit(testenv.GitCommit{Files: map[string]string{"a": "2"}})
	s.server.Fail(testenv.GitFault{Hang: true})
	before := s.server.Count(testenv.GitAny)
	ended := make(chan error, 1)
	go func() { ended <- s.store.Fetch(t.Context(), s.repo, next, "") }()
	s.await(testenv.GitAny, before+1)
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	seen := 0
	for _, path := range lines {
		line, _ := os.ReadFile(path) // the process may have ended
		if bytes.Contains(line, []byte(strings.TrimPrefix(s.origin.URL, "http://"))) {
			seen++
		}
		wantNoSecret(t, path, line, secret)
	}
	if seen == 0 {
		t.Error("no process of git was seen: the test looks at nothing")
	}
	s.server.Fail(testenv.GitFault{})
	if err := <-ended; err != nil && syncline.KindOf(err) != syncline.Transient {
		t.Error(err)
	}
	recorded, err := os.ReadFile(arguments)
	if err != nil || !bytes.Contains(recorded, []byte("ls-remote")) {
		t.Fatalf("no arguments were recorded: %v", err)
	}
	wantNoSecret(t, "arguments", recorded, secret)
	err = filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		wantNoSecret(t, path, data, secret)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func wantNoSecret(t *testing.T, where string, data []byte, secret string) {
	t.Helper()
	// The second is "user:" and the secret in base64.
	for _, text := range []string{secret, "dXNlcjpzM2NyM3QtY2FuYXJ5"} {
		if bytes.Contains(data, []byte(text)) {
			t.Errorf("%s holds the secret", where)
		}
	}
}

func TestWhatTheServerSaysIsCleaned(t *testing.T) {
	s := newScene(t, testenv.GitOptions{}, git.Options{})
	s.repo.Username, s.repo.Password = "user", "s3cr3t-canary"
	s.server.Fail(testenv.GitFault{Status: 200, Body: "0031ERR your \x1b[31mpassword\n is s3cr3t-canary, user!!!!"})
	_, err := s.store.Refs(t.Context(), s.repo)
	if err == nil || strings.Contains(err.Error(), "canary") || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("the error is %v", err)
	}
}

// TestReaderThatHangs has a git that never says what is in a mirror.
func TestReaderThatHangs(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "git")
	script := "#!/bin/sh\ncase \"$*\" in *cat-file*) exec sleep 1000;; esac\nexec git \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	s := newScene(t, testenv.GitOptions{}, git.Options{GitPath: wrapper, StallTimeout: time.Second})
	commit := s.commit(testenv.GitCommit{Files: map[string]string{"a": "1"}})
	want(t, s.store.Fetch(t.Context(), s.repo, commit, "refs/heads/main"), syncline.Transient, "team/app", "reading its mirror failed")
	s.open(git.Options{})
	wantFile(t, s.tree(commit), "a", "1")
}

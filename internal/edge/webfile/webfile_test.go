package webfile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/webfile"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/fetchertest"
)

// site is a server with one file, at /file.yaml.
type site struct {
	*httptest.Server

	mu      sync.Mutex
	content string
	// password has to be given, if it is not "". Untagged has the server say nothing by
	// which a file could be asked for again, and answer replaces what it answers.
	password string
	untagged bool
	answer   http.HandlerFunc
	// asked and whole count requests, and those that were answered with the file.
	asked, whole int
	// heard is what was sent to prove who asks.
	heard []string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{content: "a: b\n"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.heard = append(s.heard, r.Header.Get("Authorization"))
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	if _, password, _ := r.BasicAuth(); password != s.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	tag := fmt.Sprintf(`"%x"`, s.content)
	if !s.untagged {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	s.whole++
	_, _ = w.Write([]byte(s.content))
}

func (s *site) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *site) repository() upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf(s.URL + "/file.yaml"), Where: "the test"}
}

func newStore(t testing.TB, options webfile.Options) *webfile.Store {
	t.Helper()
	archives, err := archive.Open(archive.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	options.Archives = archives
	return webfile.New(options)
}

func TestFilesAreLikeEveryFetcher(t *testing.T) {
	fetchertest.Run(t, func(t testing.TB) fetchertest.Origin {
		s, store := newSite(t), newStore(t, webfile.Options{})
		return fetchertest.Origin{
			Fetcher: source.NewFile(store, store), Repository: s.repository(),
			Source: syncline.Source{RepoURL: s.URL + "/file.yaml", File: true}, Other: syncline.Source{RepoURL: s.URL + "/file.yaml", File: true, TargetRevision: "v1"},
			Nowhere: "sha256:" + strings.Repeat("0", 64), File: upstream.FileName,
			Publish: func(files map[string]string) { s.set(func() { s.content = files[upstream.FileName] }) },
			Shut:    s.Close,
		}
	})
}

// current is the revision of the file, fetched and read.
func current(t *testing.T, store *webfile.Store, repo upstream.Repository) (revision, content string) {
	t.Helper()
	revision, err := store.Current(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Fetch(t.Context(), repo, revision); err != nil {
		t.Fatal(err)
	}
	tree, err := store.Tree(t.Context(), repo, revision)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tree.ReadFile(upstream.FileName)
	if err != nil {
		t.Fatal(err)
	}
	return revision, string(text)
}

// A file that did not change is not sent again, if its server can tell.
func TestAFileIsSentOnce(t *testing.T) {
	s, store := newSite(t), newStore(t, webfile.Options{})
	first, _ := current(t, store, s.repository())
	for range 3 {
		if again, text := current(t, store, s.repository()); again != first || text != "a: b\n" {
			t.Errorf("it became %s: %q", again, text)
		}
	}
	if s.asked != 4 || s.whole != 1 {
		t.Errorf("it was asked for %d times, and sent %d times", s.asked, s.whole)
	}
	s.set(func() { s.content = "a: c\n" })
	if second, text := current(t, store, s.repository()); second == first || text != "a: c\n" || s.whole != 2 {
		t.Errorf("it became %s: %q, sent %d times", second, text, s.whole)
	}
	s.set(func() { s.untagged = true })
	store.Forget(s.repository())
	before, _ := current(t, store, s.repository())
	if after, _ := current(t, store, s.repository()); after != before {
		t.Errorf("of a server that cannot tell, %s became %s", before, after)
	}
}

// Who does not show that they may see a file reads nothing of it, whatever they know.
func TestAFileIsForWhoMaySeeIt(t *testing.T) {
	s, store := newSite(t), newStore(t, webfile.Options{})
	s.password = "right"
	owner := s.repository()
	owner.Username, owner.Password = "joe", "right"
	revision, _ := current(t, store, owner)
	stranger := s.repository()
	stranger.Username, stranger.Password = "joe", "wrong"
	if _, err := store.Tree(t.Context(), stranger, revision); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("Tree: %v", err)
	}
	if err := store.Fetch(t.Context(), stranger, revision); syncline.KindOf(err) != syncline.Denied || !strings.Contains(syncline.HintOf(err), "the test") {
		t.Errorf("Fetch: %v, %s", err, syncline.HintOf(err))
	}
	if _, err := store.Tree(t.Context(), stranger, revision); err == nil {
		t.Error("it is shown after all")
	}
}

// A redirect is followed, without credentials where it leads to another server.
func TestRedirects(t *testing.T) {
	far, s, store := newSite(t), newSite(t), newStore(t, webfile.Options{})
	repo := s.repository()
	repo.Username, repo.Password = "joe", "hunter2"
	s.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file.yaml" {
			http.Redirect(w, r, "/moved.yaml", http.StatusFound)
			return
		}
		http.Redirect(w, r, strings.Replace(far.URL, "127.0.0.1", "localhost", 1)+"/x", http.StatusFound)
	}
	if _, text := current(t, store, repo); text != "a: b\n" {
		t.Errorf("it is %q", text)
	}
	if len(s.heard) != 2 || s.heard[0] == "" || s.heard[1] != s.heard[0] || len(far.heard) != 1 || far.heard[0] != "" {
		t.Errorf("own heard %q, the other %q", s.heard, far.heard)
	}
	for to, want := range map[string]struct {
		kind syncline.Kind
		says string
	}{
		"/file.yaml":                      {syncline.Transient, "redirects more than 10 times"},
		"http://169.254.169.254/latest":   {syncline.Invalid, "not asked"},
		"ftp://127.0.0.1/file":            {syncline.Invalid, "without https"},
		"http://metadata.invalid/hunter2": {syncline.Transient, "was not reached"},
	} {
		s.set(func() {
			s.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
		})
		_, err := store.Current(t.Context(), repo)
		if syncline.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (%s)", to, err, syncline.KindOf(err))
		}
	}
}

// What is no file that could be meant is told, and nothing of an answer is.
func TestFilesThatAreRefused(t *testing.T) {
	s := newSite(t)
	answering := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		kind   syncline.Kind
		says   string
	}{
		"too large":    {answering(200, strings.Repeat("hunter2\n", 20)), syncline.Invalid, "more than 100 bytes"},
		"a page":       {answering(200, "\n<!DOCTYPE html>hunter2"), syncline.Invalid, "answers with a page"},
		"not there":    {answering(404, "hunter2"), syncline.NotFound, "answered 404"},
		"not for us":   {answering(403, "hunter2"), syncline.Denied, "answered 403"},
		"broken":       {answering(502, "hunter2"), syncline.Transient, "answered 502"},
		"not modified": {answering(304, ""), syncline.Transient, "answered 304"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50")
			_, _ = w.Write([]byte("hunter2"))
		}, syncline.Transient, "was not reached"},
	} {
		s.set(func() { s.answer = test.answer })
		_, err := newStore(t, webfile.Options{MaxBytes: 100}).Current(t.Context(), s.repository())
		if syncline.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (%s)", name, err, syncline.KindOf(err))
		}
		hiding := newStore(t, webfile.Options{MaxBytes: 100, HideReasons: true})
		if _, err := hiding.Current(t.Context(), s.repository()); syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), "access was refused, or it is not there, or") {
			t.Errorf("%s, of a file that no Secret names: %v", name, err)
		}
	}
	for _, text := range []string{"ssh://git@127.0.0.1/x.yaml", "http://169.254.169.254/x.yaml", "http://[fe80::1]/x.yaml"} {
		if _, err := newStore(t, webfile.Options{}).Current(t.Context(), upstream.Repository{Address: upstream.AddressOf(text)}); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A server that does not answer holds up nobody who has the file.
func TestAServerThatHangs(t *testing.T) {
	s, store := newSite(t), newStore(t, webfile.Options{})
	revision, _ := current(t, store, s.repository())
	came, release := make(chan struct{}), make(chan struct{})
	s.set(func() {
		s.answer = func(http.ResponseWriter, *http.Request) {
			close(came)
			<-release
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := store.Current(ctx, s.repository()); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("who gives up has %v", err)
		}
	})
	<-came
	if err := store.Fetch(t.Context(), s.repository(), revision); err != nil {
		t.Error(err)
	}
	if _, err := store.Tree(t.Context(), s.repository(), revision); err != nil {
		t.Error(err)
	}
	cancel()
	group.Wait()
	close(release)
}

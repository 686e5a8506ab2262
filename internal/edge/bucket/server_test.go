package bucket_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/bucket"
)

// The keys of the server of the tests. No error may show the secret one.
const accessKey, secretKey = "AKIDEXAMPLE", "hunter2/wJalrXUtnFEMI+K7MDENG"

// all is every object of a bucket.
var all = upstream.Bucket{Provider: upstream.BucketGeneric}

// server is a server of buckets behind TLS that fails as it is told.
type server struct {
	testing.TB
	*httptest.Server
	*testenv.Buckets

	mu sync.Mutex
	// before answers a request instead of the server, and reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	// asked are the requests so far.
	asked []string
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{TB: t, Buckets: &testenv.Buckets{AccessKey: accessKey, SecretKey: secretKey, PageSize: 3}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.RequestURI())
		before := s.before
		s.mu.Unlock()
		if before == nil || !before(w, r) {
			s.Buckets.ServeHTTP(w, r)
		}
	}))
	s.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Server.Close)
	return s
}

// answer sets what answers instead of the server; nil ends that.
func (s *server) answer(before func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// status has requests answered by a status and a body, those of a part of the URI alone.
func (s *server) status(part string, code int, body string) {
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.RequestURI(), part) {
			return false
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
		return true
	})
}

// took returns what was asked for since it was called last.
func (s *server) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	slices.Sort(asked)
	return asked
}

// repo is how a bucket is reached.
func (s *server) repo(name string) upstream.Repository {
	return upstream.Repository{
		Address: upstream.AddressOf(s.Server.URL + "/" + name), Declared: true, Where: "Secret keys",
		Username: accessKey, Password: sealed.Text(secretKey),
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
}

// newStore opens a Store that keeps what it fetches in a folder of its own.
func newStore(t testing.TB, options bucket.Options) *bucket.Store {
	t.Helper()
	archives, err := archive.Open(archive.Options{Dir: filepath.Join(t.TempDir(), "archives")})
	if err != nil {
		t.Fatal(err)
	}
	options.Archives = archives
	store := bucket.New(options)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// fetch fetches what a bucket has, and returns how that is shown.
func fetch(t testing.TB, store *bucket.Store, repo upstream.Repository, objects upstream.Bucket) (string, syncline.Tree) {
	t.Helper()
	revision, err := store.Revision(t.Context(), repo, objects)
	if err != nil {
		t.Fatalf("Revision: %v", err)
	}
	if err := store.Fetch(t.Context(), repo, objects, revision); err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	tree, err := store.Tree(t.Context(), repo, objects, revision)
	if err != nil {
		t.Fatalf("Tree: %v", err)
	}
	return revision, tree
}

// files returns all files of a tree, by path.
func files(t testing.TB, tree syncline.Tree) map[string]string {
	t.Helper()
	found := map[string]string{}
	var walk func(folder string)
	walk = func(folder string) {
		entries, err := tree.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			at := strings.TrimPrefix(folder+"/"+entry.Name, "/")
			if entry.Type == syncline.EntryDir {
				walk(at)
				continue
			}
			data, err := tree.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			found[at] = string(data)
		}
	}
	walk("")
	return found
}

// wants an error of a kind, "" for none, that says some texts, and nothing that a server
// said or that is secret.
func wants(t testing.TB, what string, err error, kind syncline.Kind, says ...string) {
	t.Helper()
	if syncline.KindOf(err) != kind {
		t.Errorf("%s: the error is %v (%s), want %s", what, err, syncline.KindOf(err), kind)
		return
	}
	if err == nil {
		return
	}
	text := syncline.Explain(err)
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q does not say %q", what, text, want)
		}
	}
	for _, never := range []string{"nobody sees", "\x1b", "hunter2", "Signature="} {
		if strings.Contains(text, never) {
			t.Errorf("%s: %q shows %q", what, text, never)
		}
	}
}

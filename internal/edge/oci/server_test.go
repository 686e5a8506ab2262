package oci_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/klauspost/compress/zstd"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// The media types that are pushed.
const (
	typeChart    = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	typeProof    = "application/vnd.cncf.helm.chart.provenance.v1.prov"
	typeConfig   = "application/vnd.cncf.helm.config.v1+json"
	typeFlux     = "application/vnd.cncf.flux.content.v1.tar+gzip"
	typeTar      = "application/vnd.oci.image.layer.v1.tar"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
)

// server is a real registry in this process, behind TLS, that fails as it is told.
type server struct {
	testing.TB
	*httptest.Server
	// content is the registry itself, without what is in front of it.
	content http.Handler

	mu sync.Mutex
	// before answers a request instead of the registry, and reports whether it did.
	before func(w http.ResponseWriter, r *http.Request) bool
	// asked are the requests so far, and credentials what was sent with them.
	asked, credentials []string
}

// newServer starts a registry. A function that wraps it may come in front.
func newServer(t testing.TB, wrap ...func(http.Handler) http.Handler) *server {
	t.Helper()
	s := &server{TB: t, content: registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))}
	front := s.content
	for _, w := range wrap {
		front = w(front)
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
		s.credentials = append(s.credentials, r.Header.Get("Authorization"))
		before := s.before
		s.mu.Unlock()
		if before == nil || !before(w, r) {
			front.ServeHTTP(w, r)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// answer sets what answers instead of the registry.
func (s *server) answer(before func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// status has requests whose path has a part answered by a status.
func (s *server) status(part string, code int) {
	s.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, part) {
			return false
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "a body that nobody sees\x1b[31m")
		return true
	})
}

// count is how many requests had a text in them, and forgets them.
func (s *server) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range s.asked {
		if strings.Contains(one, text) {
			n++
		}
	}
	s.asked = nil
	return n
}

// sent returns the credentials that were sent so far.
func (s *server) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.credentials)
}

// ca is the certificate of the server, in PEM.
func (s *server) ca() []byte {
	return pemOf("CERTIFICATE", s.Certificate().Raw)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// repo is how a repository of the registry is reached.
func (s *server) repo(path string) upstream.Repository {
	host := strings.TrimPrefix(strings.TrimPrefix(s.URL, "https://"), "http://")
	return upstream.Repository{Address: upstream.AddressOf("oci://" + host + "/" + path), CA: s.ca()}
}

// do has the registry itself do something.
func (s *server) do(method, url, contentType string, body []byte) {
	s.Helper()
	request := httptest.NewRequest(method, url, bytes.NewReader(body))
	request.Header.Set("Content-Type", contentType)
	answer := httptest.NewRecorder()
	s.content.ServeHTTP(answer, request)
	if answer.Code >= 300 {
		s.Fatalf("%s %s: %d %s", method, url, answer.Code, answer.Body)
	}
}

// blob pushes bytes, and returns what a manifest says of them.
func (s *server) blob(path, mediaType string, data []byte) map[string]any {
	s.Helper()
	digest := digestOf(data)
	s.do(http.MethodPost, "/v2/"+path+"/blobs/uploads/?digest="+digest, "application/octet-stream", data)
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(data)}
}

// push pushes an artifact of layers by media type, in their order, and returns its digest.
func (s *server) push(path, tag string, layers ...layer) string {
	s.Helper()
	var described []any
	for _, l := range layers {
		described = append(described, s.blob(path, l.mediaType, l.data))
	}
	return s.manifest(path, tag, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest,
		"config": s.blob(path, typeConfig, []byte("{}")), "layers": described,
	})
}

// manifest pushes a manifest, by its digest too, and returns that.
func (s *server) manifest(path, tag string, content map[string]any) string {
	s.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		s.Fatal(err)
	}
	mediaType, _ := content["mediaType"].(string)
	for _, name := range []string{tag, digestOf(data)} {
		s.do(http.MethodPut, "/v2/"+path+"/manifests/"+name, mediaType, data)
	}
	return digestOf(data)
}

// layer is one of an artifact.
type layer struct {
	mediaType string
	data      []byte
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tarOf packs files.
func tarOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// files is a layer of Flux's with files.
func files(t testing.TB, content map[string]string) layer {
	t.Helper()
	return layer{typeFlux, gzipped(t, tarOf(t, content))}
}

// newStore opens a Store that keeps what it fetches in a folder of its own.
func newStore(t testing.TB, options oci.Options) *oci.Store {
	t.Helper()
	archives, err := archive.Open(archive.Options{Dir: filepath.Join(t.TempDir(), "archives")})
	if err != nil {
		t.Fatal(err)
	}
	options.Archives = archives
	store := oci.New(options)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// wants an error of a kind that says some texts, and nothing that a server said or that
// is secret.
func wants(t testing.TB, what string, err error, kind syncline.Kind, says ...string) {
	t.Helper()
	if syncline.KindOf(err) != kind {
		t.Errorf("%s: the error is %v (%s), want %s", what, err, syncline.KindOf(err), kind)
		return
	}
	text := syncline.Explain(err)
	for _, want := range says {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q does not say %q", what, text, want)
		}
	}
	for _, never := range []string{"nobody sees", "\x1b", "hunter2"} {
		if strings.Contains(text, never) {
			t.Errorf("%s: %q shows %q", what, text, never)
		}
	}
}

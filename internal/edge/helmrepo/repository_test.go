package helmrepo_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
)

// repository is a Helm repository behind a real server.
type repository struct {
	*httptest.Server
	// before answers instead, where it reports that it did.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	charts map[string][]string // the entries of the index, by chart
	files  map[string][]byte
	asked  map[string]int
	tag    string
	// seen are the headers that came last, by path.
	seen map[string]http.Header
}

func newRepository(t testing.TB) *repository {
	r := &repository{charts: map[string][]string{}, files: map[string][]byte{}, asked: map[string]int{}, seen: map[string]http.Header{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := request.URL.Path
	r.mu.Lock()
	r.asked[at]++
	r.seen[at] = request.Header.Clone()
	before := r.before
	r.mu.Unlock()
	if before != nil && before(w, request) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at == "/charts/index.yaml" {
		text := r.index()
		r.tag = fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(text)))
		w.Header().Set("ETag", r.tag)
		if request.Header.Get("If-None-Match") == r.tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, text)
		return
	}
	data, found := r.files[at]
	if !found {
		http.NotFound(w, request)
		return
	}
	_, _ = w.Write(data)
}

func (r *repository) index() string {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nentries:\n")
	for _, chart := range slices.Sorted(maps.Keys(r.charts)) {
		text.WriteString("  " + chart + ":\n" + strings.Join(r.charts[chart], ""))
	}
	text.WriteString("generated: \"2026-01-01T00:00:00Z\"\n")
	return text.String()
}

// add adds an entry to the index, with more lines of it.
func (r *repository) add(chart, version string, lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := "  - name: " + chart + "\n    version: \"" + version + "\"\n"
	for _, line := range lines {
		entry += "    " + line + "\n"
	}
	r.charts[chart] = append(r.charts[chart], entry)
}

// put serves a file.
func (r *repository) put(at string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[at] = data
}

// publish serves a chart and adds it to the index, and returns its revision.
func (r *repository) publish(t testing.TB, chart, version string, files map[string]string) string {
	data := packed(t, chart, version, files)
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	file := chart + "-" + version + ".tgz"
	r.put("/charts/"+file, data)
	r.add(chart, version, "digest: "+digest, "urls:", "- "+file)
	return version + "@sha256:" + digest
}

func (r *repository) count(at string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[at]
}

func (r *repository) header(at, name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[at].Get(name)
}

func (r *repository) answer(before func(w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = before
}

func (r *repository) url() string { return r.URL + "/charts" }

// upstream is the repository as one that a Secret declares.
func (r *repository) upstream() upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf(r.url()), Declared: true}
}

// packed is the archive of a chart.
func packed(t testing.TB, chart, version string, files map[string]string) []byte {
	t.Helper()
	all := map[string]string{"Chart.yaml": "apiVersion: v2\nname: " + chart + "\nversion: " + version + "\n"}
	maps.Copy(all, files)
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: chart + "/" + at, Mode: 0o644, Size: int64(len(all[at]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, all[at]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newStore(t testing.TB, options helmrepo.Options) *helmrepo.Store {
	t.Helper()
	archives, err := archive.Open(archive.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	store := helmrepo.New(archives, options)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func of(chart string) syncline.Source { return syncline.Source{Chart: chart} }

// fails wants an error of a kind that says all of some texts.
func fails(t testing.TB, what string, err error, kind syncline.Kind, says ...string) {
	t.Helper()
	if syncline.KindOf(err) != kind {
		t.Errorf("%s: the error is %v (%s), want %s", what, err, syncline.KindOf(err), kind)
	}
	for _, text := range says {
		if err == nil || !strings.Contains(syncline.Explain(err), text) {
			t.Errorf("%s: the error is %v, want %q in it", what, err, text)
		}
	}
}

package testenv

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	"sigs.k8s.io/yaml"
)

// Chart is a version of a Helm chart, packed.
type Chart struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Archive is the .tgz that `helm package` would make.
	Archive []byte `json:"-"`
}

// PackChart packs the files of a chart's folder, by their paths in it.
func PackChart(files map[string]string) (Chart, error) {
	var c Chart
	if err := yaml.Unmarshal([]byte(files["Chart.yaml"]), &c); err != nil || c.Name == "" || c.Version == "" {
		return c, fmt.Errorf("packing a chart: it has no Chart.yaml with a name and a version (%w)", err)
	}
	var err error
	c.Archive, err = PackFiles(c.Name+"/", files)
	return c, err
}

// PackFiles returns an archive, a compressed tar, of files below a folder, which ends with "/" or is "".
func PackFiles(below string, files map[string]string) ([]byte, error) {
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	tarred := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := tarred.WriteHeader(&tar.Header{Name: below + name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(tarred, files[name]); err != nil {
			return nil, err
		}
	}
	if err := tarred.Close(); err != nil {
		return nil, err
	}
	err := compressed.Close()
	return archive.Bytes(), err
}

// Digest is that of the archive, "sha256:" and 64 hexadecimal digits.
func (c Chart) Digest() string { return digestOf(c.Archive) }

// File is the name of the archive in a Helm repository.
func (c Chart) File() string { return c.Name + "-" + c.Version + ".tgz" }

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// ChartServer is a Helm repository and an OCI registry, at one address, over plain HTTP. It counts what it is asked for.
type ChartServer struct {
	server   loopback
	host     string
	registry http.Handler

	mu sync.Mutex
	// files are those of the Helm repository, its index too, and entries what the index says, by chart.
	files   map[string]servedFile
	entries map[string][]map[string]any
	others  string
	away    bool
	asked   map[string]int
}

// servedFile is a file with its entity tag.
type servedFile struct {
	content []byte
	tag     string
}

func newServedFile(content []byte) servedFile {
	return servedFile{content, `"` + digestOf(content) + `"`}
}

// StartCharts starts a ChartServer with nothing in it. It stops when Close is called or ctx ends.
func StartCharts(ctx context.Context) (*ChartServer, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a server of charts: %w", err)
	}
	s := &ChartServer{
		host: listener.Addr().String(), registry: registry.New(registry.Logger(log.New(io.Discard, "", 0))),
		files: map[string]servedFile{}, entries: map[string][]map[string]any{}, asked: map[string]int{},
	}
	s.server = serve(ctx, listener, s)
	return s, s.index()
}

// Close stops the server.
func (s *ChartServer) Close() error { return s.server.Close() }

// Repository is the address of the Helm repository.
func (s *ChartServer) Repository() string { return "http://" + s.host + "/charts" }

// Registry is the host and port of the OCI registry.
func (s *ChartServer) Registry() string { return s.host }

// Publish adds a chart to the Helm repository.
func (s *ChartServer) Publish(c Chart) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[c.File()] = newServedFile(c.Archive)
	s.entries[c.Name] = append(s.entries[c.Name], map[string]any{
		"name": c.Name, "version": c.Version, "urls": []string{c.File()}, "digest": strings.TrimPrefix(c.Digest(), "sha256:"),
	})
	return s.index()
}

// Crowd makes the index of the Helm repository, as soon as that has a chart, tell of others too, which nobody can download:
// entries are the lines of YAML that the index has below "entries:".
func (s *ChartServer) Crowd(entries string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others = entries
	return s.index()
}

// index writes the index of the Helm repository anew.
func (s *ChartServer) index() error {
	text, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "entries": s.entries})
	if err != nil {
		return err
	}
	s.files["index.yaml"] = newServedFile(bytes.Replace(text, []byte("entries:\n"), []byte("entries:\n"+s.others), 1))
	return nil
}

// Away lets the Helm repository answer nobody, or everybody again.
func (s *ChartServer) Away(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Count returns how often something was asked for, such as "GET /charts/index.yaml", refused and failed requests included.
func (s *ChartServer) Count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[request]
}

// ServeHTTP counts the request and serves it.
func (s *ChartServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, inRepository := strings.CutPrefix(r.URL.Path, "/charts/")
	s.mu.Lock()
	s.asked[r.Method+" "+r.URL.Path]++
	file, found := s.files[name]
	away := s.away
	s.mu.Unlock()
	switch {
	case !inRepository:
		s.registry.ServeHTTP(w, r)
	case away:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !found:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("If-None-Match") == file.tag:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", file.tag)
		_, _ = w.Write(file.content) // fails when the client is gone
	}
}

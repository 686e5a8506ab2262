package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"
)

// helmRepo is a Helm repository.
type helmRepo struct {
	http *httptest.Server

	mu sync.Mutex
	// files are the archives by name, and versions the entries of the index by chart.
	files    map[string][]byte
	versions map[string][]map[string]any
	counted  map[string]int
	away     bool
}

// ServeHTTP serves the index and the archives.
func (r *helmRepo) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := request.URL.Path[len("/charts/"):]
	r.counted[name]++
	content, found := r.files[name]
	if name == "index.yaml" {
		text, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "entries": r.versions})
		content, found = text, err == nil
	}
	switch {
	case r.away:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !found:
		w.WriteHeader(http.StatusNotFound)
	default:
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256(content))
		w.Header().Set("ETag", tag)
		if request.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(content)
	}
}

// chart FOLDER publishes a folder as a version of a chart in the script's Helm repository, of which HELMREPO gets the
// address. "chart away" has the repository answer nobody, "chart back" everybody again.
func chart(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if s.charts == nil {
		s.charts = &helmRepo{files: map[string][]byte{}, versions: map[string][]map[string]any{}, counted: map[string]int{}}
		s.charts.http = httptest.NewServer(s.charts)
		s.closing(func() error { s.charts.http.Close(); return nil })
		ts.Setenv("HELMREPO", s.charts.http.URL+"/charts")
	}
	if args[0] == "away" || args[0] == "back" {
		s.charts.mu.Lock()
		defer s.charts.mu.Unlock()
		s.charts.away = args[0] == "away"
		return nil
	}
	change, err := content(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	var about struct{ Name, Version string }
	if err := yaml.Unmarshal([]byte(change.Files["Chart.yaml"]), &about); err != nil {
		return err
	}
	archive, err := gzipped(about.Name+"/", change.Files)
	if err != nil {
		return err
	}
	s.charts.mu.Lock()
	defer s.charts.mu.Unlock()
	file := about.Name + "-" + about.Version + ".tgz"
	s.charts.files[file] = archive
	s.charts.versions[about.Name] = append(s.charts.versions[about.Name], map[string]any{
		"name": about.Name, "version": about.Version, "urls": []string{file}, "digest": fmt.Sprintf("%x", sha256.Sum256(archive)),
	})
	return nil
}

// gzipped returns files, below a folder that ends with "/" or is "", as an archive.
func gzipped(top string, files map[string]string) ([]byte, error) {
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	for path, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: top + path, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// chartcount FILE N says how often a file of the Helm repository was asked for.
func chartcount(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 2 || s.charts == nil {
		return errUsage
	}
	most, err := strconv.Atoi(args[1])
	if err != nil {
		return errUsage
	}
	s.charts.mu.Lock()
	defer s.charts.mu.Unlock()
	if n := s.charts.counted[args[0]]; n == 0 || n > most {
		return fmt.Errorf("%s was asked for %d times, want at least once and at most %d times", args[0], n, most)
	}
	return nil
}

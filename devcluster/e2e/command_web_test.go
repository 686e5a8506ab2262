package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// site is a web server of a script with single files.
type site struct {
	http *httptest.Server

	mu sync.Mutex
	// files are by name, and sent counts how often each was sent.
	files map[string][]byte
	sent  map[string]int
	away  bool
}

// ServeHTTP serves the files.
func (s *site) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := request.URL.Path[1:]
	content, found := s.files[name]
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(content))
	switch {
	case s.away:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !found:
		w.WriteHeader(http.StatusNotFound)
	case request.Header.Get("If-None-Match") == tag:
		w.WriteHeader(http.StatusNotModified)
	default:
		s.sent[name]++
		w.Header().Set("ETag", tag)
		_, _ = w.Write(content)
	}
}

// web FILE serves a file as it is now at WEB/FILE; web away has the server answer 503, web back no more; web sent FILE N
// compares how often the file itself was sent.
func web(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	if s.site == nil {
		s.site = &site{files: map[string][]byte{}, sent: map[string]int{}}
		s.site.http = httptest.NewServer(s.site)
		s.closing(func() error { s.site.http.Close(); return nil })
		ts.Setenv("WEB", s.site.http.URL)
	}
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	switch {
	case len(args) == 3 && args[0] == "sent":
		want, err := strconv.Atoi(args[2])
		if n := s.site.sent[args[1]]; err == nil && n != want {
			return fmt.Errorf("%s was sent %d times, want %d", args[1], n, want)
		}
		return err
	case len(args) != 1:
		return errUsage
	case args[0] == "away" || args[0] == "back":
		s.site.away = args[0] == "away"
	default:
		s.site.files[filepath.Base(args[0])] = []byte(ts.ReadFile(args[0]))
	}
	return nil
}

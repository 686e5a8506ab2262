package git_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git"
)

// TestRefusalsWithoutEnd has a server that refuses with texts which do not end, and
// which git keeps whole: several processes share what all may take.
func TestRefusalsWithoutEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		for line := bytes.Repeat([]byte("no\n"), 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	s := newScene(t, testenv.GitOptions{}, git.Options{MaxMemoryOfAll: 200 << 20, RefsTimeout: time.Minute})
	errs := make(chan error)
	const all = 3
	for i := range all {
		go func() {
			_, err := s.store.Refs(t.Context(), upstream.Repository{Address: upstream.AddressOf(fmt.Sprintf("%s/%d", server.URL, i))})
			errs <- err
		}()
	}
	heavy := 0
	for range all {
		if err := <-errs; err != nil && strings.Contains(err.Error(), "together took more memory") {
			heavy++
			want(t, err, syncline.Transient, "git was ended")
		}
	}
	if heavy == 0 {
		t.Error("nobody was ended for what all took")
	}
}

package oci_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// sharedRegistry answers for one repository as a test says, and for all others well.
func sharedRegistry(t *testing.T, answer http.HandlerFunc) func(path string) upstream.Repository {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/greedy/") {
			answer(w, r)
			return
		}
		w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
	}))
	t.Cleanup(server.Close)
	return func(path string) upstream.Repository {
		return upstream.Repository{Address: upstream.AddressOf("oci://" + strings.TrimPrefix(server.URL, "http://") + "/" + path), PlainHTTP: true}
	}
}

// TestWhatIsSaidForOneRepository of a registry concerns no other one, and what was a
// mistake does not last.
func TestWhatIsSaidForOneRepository(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"another server of tokens": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://169.254.169.254/token"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"no server of tokens": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ftp://registry.example/token"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"a password is wanted": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"it is asked too often": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mended atomic.Bool
			at := sharedRegistry(t, func(w http.ResponseWriter, r *http.Request) {
				if mended.Load() {
					w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("1", 64))
					return
				}
				answer(w, r)
			})
			store := newStore(t, oci.Options{})
			_, err := store.Digest(t.Context(), at("greedy/x"), "latest")
			if err == nil {
				t.Fatal("it was told nothing")
			}
			if _, err := store.Digest(t.Context(), at("other/x"), "latest"); err != nil {
				t.Errorf("another repository: %v", err)
			}
			mended.Store(true)
			_, err = store.Digest(t.Context(), at("greedy/x"), "latest")
			if strings.Contains(name, "often") {
				wants(t, "soon after", err, syncline.Transient, "is not asked for 5m0s")
			} else if err != nil {
				t.Errorf("when it is mended: %v", err)
			}
		})
	}
}

// TestPlacesOfARegistryAreShared: no project has all of them.
func TestPlacesOfARegistryAreShared(t *testing.T) {
	end, asked := make(chan struct{}), make(chan struct{}, 20)
	at := sharedRegistry(t, func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-end
	})
	defer close(end)
	store := newStore(t, oci.Options{WaitTimeout: 2 * time.Second, HideReasons: true})
	waited := make(chan error, 20)
	for i := range 12 {
		go func() {
			_, err := store.Digest(demand.New("greedy").In(t.Context()), at(fmt.Sprint("greedy/", i)), "latest")
			waited <- err
		}()
	}
	for range 4 {
		<-asked
	}
	for _, project := range []string{"another", "third"} {
		if _, err := store.Digest(demand.New(project).In(t.Context()), at("good/"+project), "latest"); err != nil {
			t.Errorf("%s: %v", project, err)
		}
	}
	wants(t, "who has its share", <-waited, syncline.Transient, "could not be read within 2s", "is busy with as many transfers as may go on at once")
}

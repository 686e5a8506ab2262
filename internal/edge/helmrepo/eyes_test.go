package helmrepo_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
)

func eyesStore(t *testing.T, options helmrepo.Options) *helmrepo.Store {
	t.Helper()
	archives, err := archive.Open(archive.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := helmrepo.New(archives, options)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func eyesHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse) >> 20
}

// Whoever names the digest of a chart that only others may read gets nothing (doc.go).
func TestEyesDigestOfAPrivateChart(t *testing.T) {
	pack := packed(t, "web", "1.0.0", map[string]string{"values.yaml": "key: of the owner"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		private := strings.HasPrefix(r.URL.Path, "/private/")
		switch {
		case private && user != "owner":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "/index.yaml"):
			fmt.Fprintf(w, "apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.0.0, urls: [web.tgz], digest: %x}\n", sha256.Sum256(pack))
		case private:
			_, _ = w.Write(pack)
		default:
			w.WriteHeader(http.StatusNotFound) // the thief has no archive
		}
	}))
	defer server.Close()
	s, chart := eyesStore(t, helmrepo.Options{}), syncline.Source{Chart: "web"}
	for _, repo := range []upstream.Repository{
		{Address: upstream.AddressOf(server.URL + "/private"), Declared: true, Username: "owner", Password: "x"},
		{Address: upstream.AddressOf(server.URL + "/thief")},
	} {
		charts, err := s.Charts(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		revision := charts["web"][0].Revision()
		err = s.Fetch(t.Context(), repo, chart, revision)
		if repo.Declared && err != nil {
			t.Fatal(err)
		}
		if !repo.Declared && err == nil {
			tree, _ := s.Tree(t.Context(), repo, chart, revision)
			text, _ := tree.ReadFile("values.yaml")
			t.Errorf("the thief reads %q", text)
		}
	}
}

// What is kept of indexes takes little memory, whatever they say.
func TestEyesLongURLs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("apiVersion: v1\nentries:\n  web:\n"))
		for i := range 60 {
			fmt.Fprintf(w, "  - name: web\n    version: 1.0.%d\n    urls:\n    - http://host/%s\n", i, strings.Repeat("a", 1_000_000))
		}
	}))
	defer server.Close()
	s, before := eyesStore(t, helmrepo.Options{}), eyesHeap()
	for _, at := range []string{"/a", "/b", "/c"} {
		if _, err := s.Charts(t.Context(), upstream.Repository{Address: upstream.AddressOf(server.URL + at)}); err != nil {
			t.Log("refused:", err)
		}
	}
	if more := eyesHeap() - before; more > 50 {
		t.Errorf("three indexes with 60 versions take %d MiB", more)
	}
	runtime.KeepAlive(s)
}

// No project has all places of a host.
func TestEyesPlacesOfAHost(t *testing.T) {
	end := make(chan struct{})
	asked := make(chan struct{}, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/slow") {
			asked <- struct{}{}
			<-end
			return
		}
		_, _ = w.Write([]byte("apiVersion: v1\nentries: {}\n"))
	}))
	defer server.Close()
	defer close(end)
	s := eyesStore(t, helmrepo.Options{WaitTimeout: 2 * time.Second})
	for i := range 4 {
		go func() {
			_, _ = s.Charts(demand.New("attacker").In(t.Context()), upstream.Repository{Address: upstream.AddressOf(fmt.Sprintf("%s/slow%d", server.URL, i))})
		}()
	}
	for range 3 {
		<-asked
	}
	select {
	case <-asked:
	case <-time.After(time.Second):
	}
	if _, err := s.Charts(demand.New("victim").In(t.Context()), upstream.Repository{Address: upstream.AddressOf(server.URL + "/good")}); err != nil {
		t.Error("another project:", err)
	}
}

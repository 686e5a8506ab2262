package helmrepo_test

import (
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

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // of what pools had
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestIndexesTakeLittleMemory, whatever they say: each alone, and all together.
func TestIndexesTakeLittleMemory(t *testing.T) {
	for what, test := range map[string]struct {
		versions, url int
		says          string
	}{
		"long URLs":     {60, 1_000_000, "more than 16 MiB"},
		"many versions": {45_000, 60, ""},
	} {
		t.Run(what, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, "apiVersion: v1\nentries:\n")
				for _, chart := range []string{"a", "web"} {
					fmt.Fprintf(w, "  %s:\n", chart)
					url := strings.Repeat("a", test.url)
					for i := range test.versions / 2 {
						fmt.Fprintf(w, "  - name: %s\n    version: 1.0.%d\n    urls:\n    - http://host/%s\n", chart, i, url)
					}
				}
			}))
			defer server.Close()
			store, before := newStore(t, helmrepo.Options{}), heap()
			for i := range 8 {
				_, err := store.Charts(t.Context(), upstream.Repository{Address: upstream.AddressOf(fmt.Sprintf("%s/%d", server.URL, i))})
				if test.says == "" && err != nil {
					t.Fatal(err)
				}
				if test.says != "" {
					fails(t, what, err, syncline.Invalid, test.says)
				}
			}
			server.Close() // what it says is in memory too
			if more := heap() - before; more > 36<<20 {
				t.Errorf("eight indexes take %d MiB", more>>20)
			}
			runtime.KeepAlive(store)
		})
	}
}

// TestForget: what nobody asks for any more is not remembered.
func TestForget(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	r.publish(t, "web", "1.0.0", map[string]string{"a": strings.Repeat("x", 10)})
	asked := func() string {
		if _, err := store.Charts(t.Context(), r.upstream()); err != nil {
			t.Fatal(err)
		}
		return r.header("/charts/index.yaml", "If-None-Match") + r.header("/charts/index.yaml", "If-Modified-Since")
	}
	asked()
	if asked() == "" {
		t.Error("what is known is not asked about")
	}
	store.Forget(r.upstream())
	if got := asked(); got != "" {
		t.Errorf("what was forgotten is asked about: %s", got)
	}
}

// TestPlacesOfAServerAreShared: no project has all of them.
func TestPlacesOfAServerAreShared(t *testing.T) {
	end, asked := make(chan struct{}), make(chan struct{}, 20)
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
	store := newStore(t, helmrepo.Options{WaitTimeout: 2 * time.Second, HideReasons: true})
	charts := func(project, at string) error {
		_, err := store.Charts(demand.New(project).In(t.Context()), upstream.Repository{Address: upstream.AddressOf(server.URL + at)})
		return err
	}
	waited := make(chan error, 20)
	for i := range 12 {
		go func() { waited <- charts("greedy", fmt.Sprintf("/slow%d", i)) }()
	}
	for range 4 {
		<-asked
	}
	for _, project := range []string{"another", "a third"} {
		if err := charts(project, "/good-"+project[:1]); err != nil {
			t.Errorf("%s: %v", project, err)
		}
	}
	fails(t, "who has its share", <-waited, syncline.Transient, "was not asked for within 2s", "is busy with as many transfers as may go on at once")
}

// TestReasonsOfOurOwn are told, though those of a server are not: nothing of it is in them.
func TestReasonsOfOurOwn(t *testing.T) {
	archives, err := archive.Open(archive.Options{Dir: t.TempDir(), MaxDisk: 200_000, MaxBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	store := helmrepo.New(archives, helmrepo.Options{HideReasons: true})
	defer func() { _ = store.Close() }()
	r := newRepository(t)
	var inUse []syncline.Tree
	for i := range 8 {
		version := fmt.Sprintf("1.0.%d", i)
		revision := r.publish(t, "web", version, map[string]string{"values.yaml": strings.Repeat("x", 50_000+i)})
		if err = store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
			break
		}
		tree, err := store.Tree(t.Context(), r.upstream(), of("web"), revision)
		if err != nil {
			t.Fatal(err)
		}
		inUse = append(inUse, tree)
	}
	fails(t, "without room", err, syncline.Transient, "chart web 1.0.", "there is no room: archives may take")
	runtime.KeepAlive(inUse)
}

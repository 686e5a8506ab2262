package helmrepo_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
)

func TestAChartIsWhatItsFolderHolds(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	revision := r.publish(t, "web", "1.2.3", map[string]string{"templates/a.yaml": "a: 1"})
	if err := store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
		t.Fatal(err)
	}
	tree, err := store.Tree(t.Context(), r.upstream(), of("web"), revision)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"templates/a.yaml": "a: 1", "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n"} {
		if got, err := tree.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v", path, got, err)
		}
	}
	_, err = tree.ReadFile("none")
	fails(t, "a file that is not there", err, syncline.NotFound, "repository "+r.url()+": chart web 1.2.3: none")
}

// TestAnIndexThatIsTheSame is not sent again, nor read, and one that is asked for by many at
// once is sent once.
func TestAnIndexThatIsTheSame(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	r.publish(t, "web", "1.0.0", nil)
	enter := make(chan struct{})
	r.answer(func(http.ResponseWriter, *http.Request) bool { <-enter; return false })
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if charts, err := store.Charts(t.Context(), r.upstream()); err != nil || len(charts["web"]) != 1 {
				t.Errorf("%v, %v", charts, err)
			}
		})
	}
	close(enter)
	group.Wait()
	before := r.count("/charts/index.yaml")
	first, err := store.Charts(t.Context(), r.upstream())
	if err != nil || r.header("/charts/index.yaml", "If-None-Match") == "" {
		t.Fatalf("it was not asked whether it is the same: %v", err)
	}
	again, err := store.Charts(t.Context(), r.upstream())
	if err != nil || &again["web"][0] != &first["web"][0] || r.count("/charts/index.yaml") != before+2 {
		t.Errorf("what is the same was read again: %v", err)
	}
	r.publish(t, "web", "1.1.0", nil)
	if charts, err := store.Charts(t.Context(), r.upstream()); err != nil || len(charts["web"]) != 2 {
		t.Errorf("what is new: %v, %v", charts, err)
	}
	if len(first["web"]) != 1 {
		t.Error("what was listed before has changed")
	}
}

// TestManyFetchOnce: an archive is sent once for all who want it by the same way, and for
// those who come later it is there. Who comes by another way has to be shown it.
func TestManyFetchOnce(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	revision := r.publish(t, "web", "1.0.0", nil)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := r.count("/charts/web-1.0.0.tgz"); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
	other := r.upstream()
	other.Username, other.Password = "somebody", "else"
	for range 2 {
		if err := store.Fetch(t.Context(), other, of("web"), revision); err != nil {
			t.Error(err)
		}
	}
	if n := r.count("/charts/web-1.0.0.tgz"); n != 2 {
		t.Errorf("it was sent %d times for two", n)
	}
}

// TestADigestThatIsNotServed: an index that names what only others may read gets nobody
// anything that its own repository does not have.
func TestADigestThatIsNotServed(t *testing.T) {
	private, thief, store := newRepository(t), newRepository(t), newStore(t, helmrepo.Options{})
	revision := private.publish(t, "web", "1.0.0", map[string]string{"secret": "canary"})
	if err := store.Fetch(t.Context(), private.upstream(), of("web"), revision); err != nil {
		t.Fatal(err)
	}
	_, digest, _ := strings.Cut(revision, "@sha256:")
	for what, serve := range map[string]func(){
		"nothing":   func() {},
		"something": func() { thief.put("/charts/web.tgz", packed(t, "web", "1.0.0", nil)) },
		"its beginning": func() {
			thief.put("/charts/web.tgz", packed(t, "web", "1.0.0", map[string]string{"secret": "canary"})[:100])
		},
	} {
		thief.add("web", "1.0.0", "digest: "+digest, "urls: ", "- web.tgz")
		serve()
		err := store.Fetch(t.Context(), thief.upstream(), of("web"), revision)
		if kind := syncline.KindOf(err); kind != syncline.NotFound && kind != syncline.Transient {
			t.Errorf("who serves %s: %v", what, err)
		}
		if _, err := store.Tree(t.Context(), thief.upstream(), of("web"), revision); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("who serves %s reads it: %v", what, err)
		}
	}
	if _, err := store.Tree(t.Context(), private.upstream(), of("web"), revision); err != nil {
		t.Errorf("its owner: %v", err)
	}
}

// TestWhoMayNotSeeAChart gets nothing by naming its digest, though it is on disk.
func TestWhoMayNotSeeAChart(t *testing.T) {
	private, public, store := newRepository(t), newRepository(t), newStore(t, helmrepo.Options{})
	private.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if _, password, _ := r.BasicAuth(); password != "right" {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	revision := private.publish(t, "web", "1.0.0", map[string]string{"secret": "canary"})
	public.publish(t, "web", "1.0.0", nil)
	with := private.upstream()
	with.Username, with.Password = "me", "right"
	if err := store.Fetch(t.Context(), with, of("web"), revision); err != nil {
		t.Fatal(err)
	}
	wrong := with
	wrong.Password = "wrong"
	for what, test := range map[string]struct {
		by   upstream.Repository
		kind syncline.Kind
	}{
		"without credentials":  {private.upstream(), syncline.Denied},
		"with other ones":      {wrong, syncline.Denied},
		"by another's address": {public.upstream(), syncline.NotFound},
	} {
		fails(t, what, store.Fetch(t.Context(), test.by, of("web"), revision), test.kind, "chart web 1.0.0", "repository http://")
		if _, err := store.Tree(t.Context(), test.by, of("web"), revision); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("%s: Tree: %v", what, err)
		}
	}
	_, err := store.Tree(t.Context(), with, of("other"), revision)
	fails(t, "as another chart", err, syncline.Transient, "not fetched")
}

// TestAVersionThatIsPublishedAnew is another revision; the one of before is there for who
// fetched it, and for nobody else.
func TestAVersionThatIsPublishedAnew(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	first := r.publish(t, "web", "1.0.0", map[string]string{"a": "1"})
	if err := store.Fetch(t.Context(), r.upstream(), of("web"), first); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	delete(r.charts, "web")
	r.mu.Unlock()
	second := r.publish(t, "web", "1.0.0", map[string]string{"a": "2"})
	charts, err := store.Charts(t.Context(), r.upstream())
	if err != nil || first == second || charts["web"][0].Revision() != second {
		t.Fatalf("%v, %v: %s became %s", charts, err, first, second)
	}
	for _, revision := range []string{first, second} {
		if err := store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
			t.Error(err)
		}
	}
	other := r.upstream()
	other.Username = "other"
	fails(t, "another", store.Fetch(t.Context(), other, of("web"), first), syncline.NotFound, "chart web 1.0.0 is not offered, or has another content now")
}

// TestAnIndexWithoutDigests names what it says of the archive.
func TestAnIndexWithoutDigests(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	r.put("/charts/web.tgz", packed(t, "web", "1.0.0", map[string]string{"a": "1"}))
	r.add("web", "1.0.0", "created: 2026-01-01T00:00:00Z", "urls: ", "- web.tgz")
	r.add("web", "0.9.0", "created: 2026-01-02T00:00:00Z", "digest: none", "urls: ", "- web.tgz")
	charts, err := store.Charts(t.Context(), r.upstream())
	if err != nil || len(charts["web"]) != 2 {
		t.Fatal(charts, err)
	}
	seen := map[string]bool{}
	r.add("other", "1.0.0", "created: 2026-01-01T00:00:00Z", "urls: ", "- web.tgz")
	before, err := store.Charts(t.Context(), r.upstream())
	if err != nil {
		t.Fatal(err)
	}
	r.add("again", "1.0.0", "created: 2026-01-02T00:00:00Z", "urls: ", "- web.tgz")
	after, err := store.Charts(t.Context(), r.upstream())
	if err != nil || before["other"][0].Revision() != after["again"][0].Revision() {
		t.Errorf("with another time of its making it is another revision: %v, %v", before["other"], after["again"])
	}
	for _, version := range charts["web"] {
		revision := version.Revision()
		if seen[revision] || !strings.Contains(revision, "@entry:") {
			t.Errorf("the revision is %s", revision)
		}
		seen[revision] = true
		if err := store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
			t.Error(err)
		}
		if tree, err := store.Tree(t.Context(), r.upstream(), of("web"), revision); err != nil {
			t.Error(err)
		} else if got, err := tree.ReadFile("a"); err != nil || string(got) != "1" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWhereArchivesAre(t *testing.T) {
	r := newRepository(t)
	data := packed(t, "web", "1.0.0", nil)
	for _, at := range []string{"/charts/sub/web.tgz", "/web.tgz", "/charts/a b.tgz", "/other/web.tgz"} {
		r.put(at, data)
	}
	for written, test := range map[string]struct {
		kind syncline.Kind
		says string
	}{
		`"sub/web.tgz"`:           {},
		`/web.tgz`:                {},
		`"a%20b.tgz"`:             {},
		`../other/web.tgz`:        {},
		r.URL + "/other/web.tgz":  {},
		`none.tgz`:                {syncline.NotFound, "has no /charts/none.tgz"},
		`oci://reg.example.com/x`: {syncline.Invalid, "is in the registry oci://reg.example.com/x"},
		`file:///etc/passwd`:      {syncline.Invalid, `has the scheme "file"`},
		`ftp://example.com/x`:     {syncline.Invalid, `has the scheme "ftp"`},
		`""`:                      {syncline.Invalid, "names no URL"},
		`http://169.254.169.254/`: {syncline.Invalid, "address that is not asked"},
		`http://[fe80::1]/x`:      {syncline.Invalid, "address that is not asked"},
	} {
		t.Run(written, func(t *testing.T) {
			store := newStore(t, helmrepo.Options{})
			r.mu.Lock()
			r.charts = map[string][]string{}
			r.mu.Unlock()
			r.add("web", "1.0.0", "urls: ", "- "+written, "- second.tgz")
			charts, err := store.Charts(t.Context(), r.upstream())
			if err != nil {
				t.Fatal(err)
			}
			err = store.Fetch(t.Context(), r.upstream(), of("web"), charts["web"][0].Revision())
			if test.kind == "" && err != nil {
				t.Error(err)
			}
			if test.kind != "" {
				fails(t, "Fetch", err, test.kind, test.says, "repository "+r.url()+": chart web 1.0.0")
			}
		})
	}
}

// TestWhatServersDo is told as what it is, and never as a chart that is not there.
func TestWhatServersDo(t *testing.T) {
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	for name, test := range map[string]struct {
		does func(w http.ResponseWriter)
		kind syncline.Kind
		says string
	}{
		"401":                       {status(401), syncline.Denied, "access was refused: server 127.0.0.1"},
		"403":                       {status(403), syncline.Denied, "answered 403"},
		"404":                       {status(404), syncline.NotFound, "has no /charts/"},
		"410":                       {status(410), syncline.NotFound, "has no /charts/"},
		"400":                       {status(400), syncline.Transient, "answered 400"},
		"418":                       {status(418), syncline.Transient, "answered 418"},
		"429":                       {status(429), syncline.Transient, "answered 429"},
		"500":                       {status(500), syncline.Transient, "answered 500"},
		"503":                       {status(503), syncline.Transient, "answered 503"},
		"304 that nobody asked for": {status(304), syncline.Transient, ""},
		"a page": {func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "<html><body>\n<h1>Log in</h1>\n</body></html>\n")
		}, "", ""},
		"dropped half way": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, "apiVersion: v1\nentries:\n")
			panic(http.ErrAbortHandler)
		}, syncline.Transient, "the connection was dropped: it ended too early"},
		"dropped at once": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, syncline.Transient, "the connection was dropped"},
		"round in a circle": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "/charts/index.yaml")
			w.WriteHeader(http.StatusFound)
		}, syncline.Transient, "redirects more than 10 times"},
		"a redirect to a service of the cloud": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
			w.WriteHeader(http.StatusFound)
		}, syncline.Invalid, "address that is not asked"},
		"a redirect to a file": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, syncline.Transient, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, store := newRepository(t), newStore(t, helmrepo.Options{})
			revision := r.publish(t, "web", "1.0.0", nil)
			r.answer(func(w http.ResponseWriter, _ *http.Request) bool { test.does(w); return true })
			_, err := store.Charts(t.Context(), r.upstream())
			kind := test.kind
			if kind == "" {
				kind = syncline.Invalid
			}
			fails(t, "Charts", err, kind, test.says, "repository "+r.url())
			r.answer(nil)
			if _, err := store.Charts(t.Context(), r.upstream()); err != nil {
				t.Fatalf("when it is back: %v", err)
			}
			r.answer(func(w http.ResponseWriter, _ *http.Request) bool { test.does(w); return true })
			err = store.Fetch(t.Context(), r.upstream(), of("web"), revision)
			if kind = test.kind; kind == "" {
				kind = syncline.Transient // it has another digest
			}
			fails(t, "Fetch", err, kind, test.says, "repository "+r.url()+": chart web 1.0.0")
			r.answer(nil)
			if err := store.Fetch(t.Context(), r.upstream(), of("web"), revision); err != nil {
				t.Errorf("when it is back: %v", err)
			}
		})
	}
}

func TestASlowServer(t *testing.T) {
	hangs := func(first string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.WriteString(w, first)
			if first != "" {
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
			return true
		}
	}
	drips := func(w http.ResponseWriter, r *http.Request) bool {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			_, _ = io.WriteString(w, "#\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return true
			case <-tick.C:
			}
		}
	}
	for name, test := range map[string]struct {
		does    func(w http.ResponseWriter, r *http.Request) bool
		options helmrepo.Options
		says    string
	}{
		"that says nothing":  {hangs(""), helmrepo.Options{StallTimeout: 100 * time.Millisecond}, "nothing came for too long"},
		"that stops":         {hangs("apiVersion: v1\n"), helmrepo.Options{StallTimeout: 100 * time.Millisecond}, "nothing came for too long"},
		"that never is done": {drips, helmrepo.Options{IndexTimeout: 300 * time.Millisecond}, "it was not done within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			r, store := newRepository(t), newStore(t, test.options)
			r.answer(test.does)
			_, err := store.Charts(t.Context(), r.upstream())
			fails(t, "Charts", err, syncline.Transient, test.says, "repository "+r.url())
		})
	}
}

// TestAServerThatWantsToBeLeftAlone is, as long as it said.
func TestAServerThatWantsToBeLeftAlone(t *testing.T) {
	for name, said := range map[string]string{"seconds": "3", "a date": "date"} {
		t.Run(name, func(t *testing.T) {
			r, store := newRepository(t), newStore(t, helmrepo.Options{})
			r.publish(t, "web", "1.0.0", nil)
			r.answer(func(w http.ResponseWriter, _ *http.Request) bool {
				if said == "date" {
					said = time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat)
				}
				w.Header().Set("Retry-After", said)
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			})
			_, err := store.Charts(t.Context(), r.upstream())
			fails(t, "first", err, syncline.Transient, "answered 429")
			r.answer(nil)
			for range 5 {
				_, err = store.Charts(t.Context(), r.upstream())
				fails(t, "then", err, syncline.Transient, "asked to be left alone until 20")
			}
			if n := r.count("/charts/index.yaml"); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			other := r.upstream()
			other.Username = "other"
			if _, err := store.Charts(t.Context(), other); err != nil {
				t.Errorf("who was not told so: %v", err)
			}
			deadline := time.After(20 * time.Second)
			for tick := time.NewTicker(50 * time.Millisecond); ; {
				if _, err := store.Charts(t.Context(), r.upstream()); err == nil {
					return
				}
				select {
				case <-tick.C:
				case <-deadline:
					t.Fatal("it is never asked again")
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	r := newRepository(t)
	r.publish(t, "web", "1.0.0", nil)
	endless := func(w http.ResponseWriter, first string) {
		line := []byte("  # nothing\n")
		for _, err := io.WriteString(w, first); err == nil; {
			_, err = w.Write(line)
		}
	}
	for name, test := range map[string]struct {
		does func(w http.ResponseWriter)
		says string
	}{
		"an index without end": {func(w http.ResponseWriter) { endless(w, "apiVersion: v1\nentries:\n") }, "its index has more than 1048576 bytes (1 MiB)"},
		"a line without end": {func(w http.ResponseWriter) {
			for _, err := io.WriteString(w, "x"); err == nil; {
				_, err = w.Write(bytes.Repeat([]byte("x"), 1<<16))
			}
		}, "line 1 has more than 1048576 bytes"},
		"a bomb": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			zip := gzip.NewWriter(w)
			for err := error(nil); err == nil; {
				_, err = zip.Write(bytes.Repeat([]byte("#\n"), 1<<19))
			}
		}, "its index has more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t, helmrepo.Options{MaxIndex: 1<<20 + 0})
			r.answer(func(w http.ResponseWriter, _ *http.Request) bool { test.does(w); return true })
			_, err := store.Charts(t.Context(), r.upstream())
			if name == "a line without end" {
				store = newStore(t, helmrepo.Options{})
				_, err = store.Charts(t.Context(), r.upstream())
			}
			fails(t, "Charts", err, syncline.Invalid, test.says, r.url())
		})
	}
	t.Run("an archive", func(t *testing.T) {
		r.answer(nil)
		revision := r.publish(t, "large", "1.0.0", map[string]string{"a": strings.Repeat("x", 3<<20)})
		archives, err := archive.Open(archive.Options{Dir: t.TempDir(), MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		store := helmrepo.New(archives, helmrepo.Options{})
		t.Cleanup(func() { _ = store.Close() })
		fails(t, "Fetch", store.Fetch(t.Context(), r.upstream(), of("large"), revision), syncline.Invalid,
			"repository "+r.url()+": chart large 1.0.0", `entry "large/a" is larger than an archive may be, which is 1048576 bytes (1 MiB)`)
	})
}

func TestAnArchiveThatIsNoChart(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	two := packed(t, "a", "1.0.0", nil)
	for name, test := range map[string]struct {
		data []byte
		says string
	}{
		"no archive":    {[]byte("text" + strings.Repeat(" ", 600)), "it is not a tar archive"},
		"another chart": {two, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r.put("/charts/"+name[:2]+".tgz", test.data)
			r.add(name[:2], "1.0.0", "urls: ", "- "+name[:2]+".tgz")
			charts, err := store.Charts(t.Context(), r.upstream())
			if err != nil {
				t.Fatal(err)
			}
			revision := charts[name[:2]][0].Revision()
			if err = store.Fetch(t.Context(), r.upstream(), of(name[:2]), revision); err == nil {
				_, err = store.Tree(t.Context(), r.upstream(), of(name[:2]), revision)
			}
			if test.says == "" && err != nil { // whatever its folder is called, as Helm does
				t.Error(err)
			} else if test.says != "" {
				fails(t, "Fetch", err, syncline.Invalid, test.says, "chart "+name[:2]+" 1.0.0")
			}
		})
	}
}

// TestReasonsReadAlike of addresses that no Secret names: nobody learns what is there.
func TestReasonsReadAlike(t *testing.T) {
	r := newRepository(t)
	closed := newRepository(t)
	closed.Close()
	undeclared := func(url string) upstream.Repository { return upstream.Repository{Address: upstream.AddressOf(url)} }
	said := map[string]bool{}
	for code, url := range map[int]string{401: r.url(), 404: r.url(), 500: r.url(), 200: r.url(), 1: closed.url(), 2: "http://169.254.169.254/charts", 3: "http://none.invalid/charts"} {
		store := newStore(t, helmrepo.Options{HideReasons: true})
		r.answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "an internal page")
			return true
		})
		_, err := store.Charts(t.Context(), undeclared(url))
		fails(t, fmt.Sprint(code), err, syncline.Transient, "access was refused, or it is not there, or it cannot be reached")
		said[strings.ReplaceAll(syncline.Explain(err), url, "URL")] = true
	}
	if len(said) != 1 {
		t.Errorf("reasons differ: %v", said)
	}
}

func TestWhoGivesUp(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	began, ended := make(chan struct{}), make(chan struct{})
	r.answer(func(_ http.ResponseWriter, request *http.Request) bool {
		close(began)
		<-request.Context().Done()
		close(ended)
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := store.Charts(ctx, r.upstream())
		done <- err
	}()
	<-began
	cancel()
	fails(t, "Charts", <-done, syncline.Transient, "repository "+r.url())
	<-ended // the server is not asked on
}

// TestMessagesHaveNoSecrets, whatever a server echoes.
func TestMessagesHaveNoSecrets(t *testing.T) {
	r, store := newRepository(t), newStore(t, helmrepo.Options{})
	repo := r.upstream()
	repo.Username, repo.Password = "s3cr3t-user", sealed.Text("s3cr3t-canary")
	for _, code := range []int{200, 302, 401, 404, 500} {
		r.answer(func(w http.ResponseWriter, request *http.Request) bool {
			_, password, _ := request.BasicAuth()
			w.Header().Set("Location", "http://"+password+"@127.0.0.1:1/"+password)
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, "%s\x1b[2J", password)
			return true
		})
		_, err := store.Charts(t.Context(), repo)
		if text := fmt.Sprintf("%v %+v %s", err, err, syncline.Explain(err)); err == nil || strings.Contains(text, "s3cr3t") || strings.Contains(text, "\x1b") {
			t.Errorf("%d: %s", code, text)
		}
	}
}

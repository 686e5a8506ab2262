package engine_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/archive"
	"github.com/syncline-io/syncline/internal/edge/bucket"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// TestAnAppOfABucket has turns for the objects that it reads, and keeps what it delivered
// when the bucket is empty.
func TestAnAppOfABucket(t *testing.T) {
	server, err := testenv.StartBuckets(t.Context(), "keys")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.AccessKey = "" // whoever asks is let in
	archives, err := archive.Open(archive.Options{Dir: filepath.Join(t.TempDir(), "archives")})
	if err != nil {
		t.Fatal(err)
	}
	store := bucket.New(bucket.Options{Archives: archives})
	t.Cleanup(func() { _ = store.Close() })
	w := newWorld()
	resolver := source.NewResolver(source.Fetchers{syncline.SourceBucket: source.NewBucket(store, store)}, source.Options{})
	t.Cleanup(resolver.Close)
	w.engine = engine.New(source.New(resolver, anonymous{}, nil), render.New(render.Tools{Dialects: syncline.Dialects{convention.Dialect()}}, render.Options{}), w, w,
		engine.Options{Now: func() time.Time { return w.now }})
	w.app.Sources = []syncline.Source{{RepoURL: server.URL + "/apps", Path: "apps/web", Bucket: upstream.Bucket{Provider: upstream.BucketGeneric, Prefix: "apps/"}}}
	w.automate()
	content := map[string]string{"apps/web/a.yaml": configMapOf("a"), "apps/web/b.yaml": configMapOf("b"), "apps/api/c.yaml": configMapOf("c"), "other/d.yaml": configMapOf("d")}
	publish := func(path, text string) (touched bool) {
		content[path] = text
		server.Set("apps", content)
		_, err := resolver.Resolve(t.Context(), w.app.Sources[0], upstream.Repository{Address: upstream.AddressOf(server.URL + "/apps").OfCharts()}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(w.engine.Touched(t.Context(), w.app.Sources[0].Key()), w.app.ID)
	}
	publish("apps/web/a.yaml", configMapOf("a"))
	w.settle(t)
	if wrote := w.wrote(); !slices.Equal(wrote, []string{"create ConfigMap/shop/a", "create ConfigMap/shop/b"}) {
		t.Errorf("it wrote %q: %v", wrote, w.last.Conditions)
	}
	w.expectSync(t, syncline.Synced, w.app.Past.Revisions...)
	if got := w.last.Revisions; len(got) != 1 || !strings.HasPrefix(got[0], "sha256:") {
		t.Errorf("it is at %q", got)
	}
	if publish("apps/api/c.yaml", configMapOf("changed")) || publish("other/d.yaml", configMapOf("changed")) {
		t.Error("it is touched by what it does not read")
	}
	if !publish("apps/web/b.yaml", configMapOf("b")+"data: {color: blue}\n") {
		t.Error("it is not touched by what it reads")
	}
	w.settle(t)
	if wrote := w.wrote(); !slices.Equal(wrote, []string{"update ConfigMap/shop/b"}) {
		t.Errorf("after the change it wrote %q: %v", wrote, w.last.Conditions)
	}
	server.Set("apps", map[string]string{"apps/": ""})
	w.after(time.Hour)
	w.app.Refresh = syncline.RefreshNormal
	result := w.turn(t)
	if wrote := w.wrote(); len(wrote) > 0 || syncline.KindOf(result.Err) != syncline.NotFound {
		t.Errorf("of an empty bucket it wrote %q: %v", wrote, result.Err)
	}
}

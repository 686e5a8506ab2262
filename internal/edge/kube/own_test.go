package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

var configMaps = corev1.SchemeGroupVersion.WithResource("configmaps")

// listen watches until the test ends and returns what was told.
func listen(t *testing.T, cluster *kube.Client, options kube.WatchOptions) <-chan string {
	t.Helper()
	told := make(chan string, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		cluster.WatchObjects(ctx, configMaps, options, kube.Handler{
			Set: func(u *unstructured.Unstructured) {
				color, _, _ := unstructured.NestedString(u.Object, "data", "color")
				told <- "set " + u.GetName() + " " + color
			},
			Gone:   func(name types.NamespacedName) { told <- "gone " + name.Name },
			Synced: func() { told <- "synced" },
			Failed: func(err error) { told <- "failed " + string(syncline.KindOf(err)) },
		})
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return told
}

// expect fails unless the next things told are these.
func expect(t *testing.T, told <-chan string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told was %q, want %q", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%q was not told in time", want)
		}
	}
}

func TestWatchObjects(t *testing.T) {
	b := newBench(t)
	chosen := func(name, color string) syncline.Object { return b.configMap(name, color).WithLabel("chosen", "yes") }
	b.create(chosen("before", "blue"))
	b.create(b.configMap("other", "blue"))
	told := listen(t, b.Client, kube.WatchOptions{Namespace: b.namespace, LabelSelector: "chosen=yes"})
	expect(t, told, "set before blue", "synced")
	b.create(chosen("later", "blue"))
	expect(t, told, "set later blue")
	b.somebody.Patch(t, chosen("later", "").Ref(), `{"data": {"color": "red"}}`)
	expect(t, told, "set later red")
	b.somebody.Delete(t, chosen("before", "").Ref())
	expect(t, told, "gone before")
	b.somebody.Patch(t, chosen("later", "").Ref(), `{"metadata": {"labels": {"chosen": "no"}}}`)
	expect(t, told, "gone later")
}

// A field may be told as its text, by a watch and by the answer to a write, however long it
// is; what follows a large object is told too.
func TestWatchObjectsVerbatim(t *testing.T) {
	b := newBench(t)
	data := "data"
	told := make(chan string, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		b.WatchObjects(ctx, configMaps, kube.WatchOptions{Namespace: b.namespace, LabelSelector: "!kubernetes.io/ignore", Verbatim: data}, kube.Handler{
			Set: func(u *unstructured.Unstructured) {
				text, _ := u.Object["data"].(json.RawMessage)
				if u.GetName() != "kube-root-ca.crt" { // which comes with every namespace, some time
					told <- fmt.Sprint("set ", u.GetName(), " ", len(text) > 400<<10, " ", json.Valid(text))
				}
			},
			Synced: func() { told <- "synced" },
		})
	})
	defer running.Wait()
	defer cancel()
	expect(t, told, "synced")
	b.create(b.configMap("large", strings.Repeat("x", 400<<10)))
	expect(t, told, "set large true true")
	b.create(b.configMap("small", "blue"))
	expect(t, told, "set small false true")
	name := types.NamespacedName{Namespace: b.namespace, Name: "small"}
	u, err := b.Patch(t.Context(), configMaps, name, kube.Patch{Type: types.MergePatchType, Data: []byte(`{"data": {"color": "red"}}`), Verbatim: data})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := u.Object["data"].(json.RawMessage); string(text) != `{"color":"red"}` {
		t.Errorf("the answer says %v", u.Object["data"])
	}
	expect(t, told, "set small false true")
	name.Name = "../secrets/small"
	if _, err := b.Patch(t.Context(), configMaps, name, kube.Patch{Type: types.MergePatchType, Data: []byte(`{}`)}); err == nil {
		t.Error("something else was written")
	}
}

// What happens while a watch is away is told when it is back, and nothing twice.
func TestWatchObjectsCatchesUp(t *testing.T) {
	gate := newGate()
	b := newBench(t, gate.through)
	for _, name := range []string{"changed", "kept", "removed"} {
		b.create(b.configMap(name, "blue"))
	}
	told := listen(t, b.Client, kube.WatchOptions{Namespace: b.namespace, LabelSelector: "!kubernetes.io/ignore"})
	seen := map[string]bool{}
	for !seen["synced"] {
		seen[<-told] = true
	}
	gate.shut()
	for next := ""; next != "failed denied"; {
		next = <-told
	}
	b.somebody.Patch(t, b.configMap("changed", "").Ref(), `{"data": {"color": "red"}}`)
	b.somebody.Delete(t, b.configMap("removed", "").Ref())
	gate.open()
	var after []string
	for len(after) < 2 {
		if next := <-told; next != "failed denied" && next != "set kube-root-ca.crt " { // which comes with every namespace, some time
			after = append(after, next)
		}
	}
	if after[0] != "set changed red" || after[1] != "gone removed" {
		t.Errorf("told were %q, want the change and the removal", after)
	}
}

// gate cuts the watches and refuses new ones while it is shut.
type gate struct {
	mu     sync.Mutex
	closed bool
	cut    []context.CancelFunc
}

func newGate() *gate { return &gate{} }

func (g *gate) through(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	if !request.URL.Query().Has("watch") {
		return next.RoundTrip(request)
	}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return kubetest.Answer(request, http.StatusForbidden, "Forbidden"), nil
	}
	ctx, cancel := context.WithCancel(request.Context())
	g.cut = append(g.cut, cancel)
	g.mu.Unlock()
	return next.RoundTrip(request.WithContext(ctx))
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, cancel := range g.cut {
		cancel()
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

func TestOwnObjects(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	name := types.NamespacedName{Namespace: b.namespace, Name: "own"}
	object := b.configMap("own", "blue").Reveal()
	for range 2 {
		if err := b.CreateMissing(ctx, configMaps, object); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Create(ctx, configMaps, object); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("the second creation ends with %v", err)
	}
	stale, err := b.GetObject(ctx, configMaps, name)
	if err != nil {
		t.Fatal(err)
	}
	patch := kube.Patch{Type: types.MergePatchType, Data: []byte(`{"data": {"color": "red"}, "metadata": {"resourceVersion": "` + stale.GetResourceVersion() + `"}}`)}
	if _, err := b.Patch(ctx, configMaps, name, patch); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Patch(ctx, configMaps, name, patch); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("the patch of an old version ends with %v", err)
	}
	if list, err := b.ListObjects(ctx, configMaps, kube.WatchOptions{Namespace: b.namespace}); err != nil || len(list) == 0 {
		t.Errorf("listed are %d objects, %v", len(list), err)
	}
	if err := b.Delete(ctx, configMaps, name, otherUID); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("the deletion of another object ends with %v", err)
	}
	if err := b.Delete(ctx, configMaps, name, stale.GetUID()); err != nil {
		t.Error(err)
	}
	if _, err := b.GetObject(ctx, configMaps, name); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("reading what is gone ends with %v", err)
	}
}

func TestTellMakesAnEvent(t *testing.T) {
	b := newBench(t)
	object := b.write(syncline.Write{Action: syncline.Create, Object: b.configMap("about", "blue")})
	about := corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: b.namespace, Name: "about", UID: object.Reveal().GetUID()}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := b.Tell(context.Background(), kube.Happening{About: about, Reason: "OperationStarted", Message: "a sync began", At: at}); err != nil {
		t.Fatal(err)
	}
	events, err := b.ListObjects(context.Background(), corev1.SchemeGroupVersion.WithResource("events"), kube.WatchOptions{Namespace: b.namespace})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		name, _, _ := unstructured.NestedString(event.Object, "involvedObject", "name")
		if name == "about" && event.Object["reason"] == "OperationStarted" && event.Object["type"] == "Normal" {
			return
		}
	}
	t.Errorf("none of %d events is ours", len(events))
}

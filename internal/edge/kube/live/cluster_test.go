package live_test

import (
	"context"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// control is the control plane that all tests of the package share.
var control *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, "live", func(c *testenv.Cluster) { control = c }))
}

// patience bounds the wait for something that has to happen.
const patience = 30 * time.Second

// connect connects to the control plane through the given functions.
func connect(t testing.TB, through ...kubetest.Through) *kube.Client {
	t.Helper()
	cluster, err := kube.Connect(kubetest.Config(t, control, through...), kube.Options{Dialects: syncline.Dialects{convention.Dialect()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func newSomebody(t testing.TB) kubetest.Somebody {
	t.Helper()
	return kubetest.NewSomebody(t, control)
}

// namespace makes a namespace for one test.
func namespace(t testing.TB) string {
	t.Helper()
	return newSomebody(t).Namespace(t)
}

// watcher is a cache together with what it told.
type watcher struct {
	*live.Cache
	cluster *kube.Client
	changes chan live.Change
	turns   chan schema.GroupKind
	sweeps  chan struct{}
}

// watch returns a cache of a cluster.
func watch(t testing.TB, cluster *kube.Client, options live.Options) *watcher {
	t.Helper()
	w := &watcher{cluster: cluster, changes: make(chan live.Change, 10000), turns: make(chan schema.GroupKind, 10000), sweeps: make(chan struct{}, 10000)}
	options.Dialects = syncline.Dialects{convention.Dialect()}
	options.OnChange = func(c live.Change) { w.changes <- c }
	options.OnReady = func(gk schema.GroupKind) { w.turns <- gk }
	options.OnSwept = func() { w.sweeps <- struct{}{} }
	w.Cache = live.New(cluster, options)
	t.Cleanup(w.Close)
	return w
}

// need watches kinds and waits until they are known.
func (w *watcher) need(t testing.TB, kinds ...schema.GroupVersionKind) {
	t.Helper()
	w.Need(kinds...)
	groups := make([]schema.GroupKind, len(kinds))
	for i, kind := range kinds {
		groups[i] = kind.GroupKind()
	}
	w.until(t, func() bool {
		for _, group := range groups {
			if w.Err(group) != nil {
				return false
			}
		}
		return len(w.Ready(groups...)) == 0
	})
}

// until waits until a condition about what is remembered holds.
func (w *watcher) until(t testing.TB, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-w.turns:
		case <-w.changes:
		case <-deadline:
			t.Fatal("what is remembered did not become as expected in time")
		}
	}
}

// owned returns the known objects of an instance.
func (w *watcher) owned(instance string) []syncline.Live {
	owned, _ := w.Owned(instance)
	return owned
}

// change waits for a change that matches, and returns it. It passes over others.
func (w *watcher) change(t testing.TB, matches func(live.Change) bool) live.Change {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case change := <-w.changes:
			if matches(change) {
				return change
			}
		case <-deadline:
			t.Fatal("no such change was told in time")
		}
	}
}

func about(ref syncline.Ref) func(live.Change) bool {
	return func(c live.Change) bool { return c.Ref == ref }
}

// remove deletes an object without waiting for its end.
func remove(t testing.TB, cluster *kube.Client, object syncline.Object) {
	t.Helper()
	if _, err := cluster.Write(context.Background(), syncline.Write{
		Action: syncline.Prune, Ref: object.Ref(), Version: object.GroupVersionKind().Version, UID: object.Reveal().GetUID(),
		Steering: live.SteeringOf(object.Reveal(), syncline.Dialects{convention.Dialect()}), Options: option.List{"PrunePropagationPolicy=background"},
	}); err != nil {
		t.Error(err)
	}
}

// write performs a write. Ref and Version default to those of its object.
func write(t testing.TB, cluster interface {
	Write(context.Context, syncline.Write) (syncline.Object, error)
}, w syncline.Write) syncline.Object {
	t.Helper()
	if !w.Object.IsZero() {
		w.Ref, w.Version = w.Object.Ref(), w.Object.GroupVersionKind().Version
	}
	object, err := cluster.Write(context.Background(), w)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

package stage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/edge/kube"
)

// Watch mirrors the objects of one resource, in all namespaces. It looks at the
// API server alone; what a contender says of itself is not asked.
type Watch struct {
	resource schema.GroupVersionResource
	stop     context.CancelFunc
	done     chan struct{}

	mu      sync.Mutex
	seen    map[types.NamespacedName]sighting
	waiting map[*wait]struct{}
}

// sighting is an object and when the watch told it.
type sighting struct {
	object *unstructured.Unstructured
	at     time.Time
}

// wait is somebody who waits for objects to satisfy a condition.
type wait struct {
	holds   func(*unstructured.Unstructured) bool
	pending map[types.NamespacedName]bool
	held    map[types.NamespacedName]time.Time
	done    chan struct{}
}

// Watch begins to mirror a resource, until Stop. It returns when all of its
// objects are known.
func (s *Stage) Watch(ctx context.Context, resource schema.GroupVersionResource) (*Watch, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &Watch{
		resource: resource, stop: stop, done: make(chan struct{}),
		seen: map[types.NamespacedName]sighting{}, waiting: map[*wait]struct{}{},
	}
	synced := make(chan struct{})
	go func() {
		defer close(w.done)
		s.API.WatchObjects(running, resource, kube.WatchOptions{}, kube.Handler{
			Set: w.set, Gone: w.gone, Synced: func() { close(synced) },
		})
	}()
	select {
	case <-synced:
		return w, nil
	case <-ctx.Done():
		w.Stop()
		return nil, fmt.Errorf("watching %s: %w", resource.Resource, context.Cause(ctx))
	}
}

// Resource returns what is watched.
func (w *Watch) Resource() schema.GroupVersionResource { return w.resource }

// Stop ends the watch.
func (w *Watch) Stop() {
	w.stop()
	<-w.done
}

func (w *Watch) set(u *unstructured.Unstructured) {
	now := time.Now()
	name := types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
	u.SetManagedFields(nil) // half of the object, and nobody looks at it
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = sighting{u, now}
	for waiting := range w.waiting {
		w.offer(waiting, name)
	}
}

func (w *Watch) gone(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seen, name)
}

// offer notes that an object holds, if it is waited for and does.
func (w *Watch) offer(waiting *wait, name types.NamespacedName) {
	seen, exists := w.seen[name]
	if !exists || !waiting.pending[name] || !waiting.holds(seen.object) {
		return
	}
	delete(waiting.pending, name)
	waiting.held[name] = seen.at
	if len(waiting.pending) == 0 {
		close(waiting.done)
		delete(w.waiting, waiting)
	}
}

// Get returns an object as it was last seen.
func (w *Watch) Get(name types.NamespacedName) (*unstructured.Unstructured, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, exists := w.seen[name]
	return seen.object, exists
}

// Await waits until each of the objects has satisfied the condition once, and
// returns when that was seen.
func (w *Watch) Await(ctx context.Context, names []types.NamespacedName, holds func(*unstructured.Unstructured) bool) (map[types.NamespacedName]time.Time, error) {
	waiting := &wait{
		holds: holds, done: make(chan struct{}),
		pending: make(map[types.NamespacedName]bool, len(names)),
		held:    make(map[types.NamespacedName]time.Time, len(names)),
	}
	if len(names) == 0 {
		return waiting.held, nil
	}
	for _, name := range names {
		waiting.pending[name] = true
	}
	w.mu.Lock()
	w.waiting[waiting] = struct{}{}
	for _, name := range names {
		w.offer(waiting, name)
	}
	w.mu.Unlock()
	select {
	case <-waiting.done:
		return waiting.held, nil
	case <-ctx.Done():
		return nil, w.giveUp(ctx, waiting)
	}
}

// giveUp ends a wait, and says what it waited for.
func (w *Watch) giveUp(ctx context.Context, waiting *wait) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, waiting)
	for name := range waiting.pending {
		seen := "which does not exist"
		if s, exists := w.seen[name]; exists {
			seen = fmt.Sprintf("whose status is %v", s.object.Object["status"])
		}
		return fmt.Errorf("waiting for %d %s, such as %s, %s: %w", len(waiting.pending), w.resource.Resource, name, seen, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// Last returns the latest of the times.
func Last(times map[types.NamespacedName]time.Time) time.Time {
	var last time.Time
	for _, at := range times {
		if at.After(last) {
			last = at
		}
	}
	return last
}

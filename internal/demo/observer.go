package demo

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/edge/kube"
)

// key names an object by its resource.
type key struct {
	resource schema.GroupVersionResource
	name     types.NamespacedName
}

// view is what the API server has told of the watched resources.
type view map[key]*unstructured.Unstructured

// condition says why something does not hold, or "" when it does.
type condition func(view) string

// all holds when every one of the conditions does. It names the first that does not.
func all(conditions ...condition) condition {
	return func(v view) string {
		for _, holds := range conditions {
			if why := holds(v); why != "" {
				return why
			}
		}
		return ""
	}
}

// lookup returns an object as a type of Go, and whether it is there.
func lookup[T any](v view, resource schema.GroupVersionResource, namespace, name string) (T, bool) {
	var object T
	u, ok := v[key{resource, types.NamespacedName{Namespace: namespace, Name: name}}]
	if !ok {
		return object, false
	}
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &object)
	return object, err == nil
}

// uid is that of an object, "" when it is not there.
func (v view) uid(object key) types.UID {
	if u := v[object]; u != nil {
		return u.GetUID()
	}
	return ""
}

// observer mirrors resources of the API server by watching them, and lets others wait for what it sees. Nothing that
// Syncline remembers or says is between.
type observer struct {
	cluster *kube.Client

	mu      sync.Mutex
	seen    view
	changed chan struct{} // closed at the next change
	watches sync.WaitGroup
}

func newObserver(cluster *kube.Client) *observer {
	return &observer{cluster: cluster, seen: view{}, changed: make(chan struct{})}
}

// watch begins to mirror resources, until ctx ends. It returns when all of their objects are known.
func (o *observer) watch(ctx context.Context, resources ...schema.GroupVersionResource) error {
	for _, resource := range resources {
		synced := make(chan struct{})
		o.watches.Go(func() {
			o.cluster.WatchObjects(ctx, resource, kube.WatchOptions{}, kube.Handler{
				Set:    func(u *unstructured.Unstructured) { o.change(func() { o.seen[key{resource, nameOf(u)}] = u }) },
				Gone:   func(name types.NamespacedName) { o.change(func() { delete(o.seen, key{resource, name}) }) },
				Synced: func() { close(synced) },
			})
		})
		select {
		case <-synced:
		case <-ctx.Done():
			return fmt.Errorf("watching %s: %w", resource.Resource, context.Cause(ctx))
		}
	}
	return nil
}

// wait returns when the watches have ended, which they do with their contexts.
func (o *observer) wait() { o.watches.Wait() }

func (o *observer) change(apply func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	apply()
	close(o.changed)
	o.changed = make(chan struct{})
}

// now returns what is known, and what is closed when that changes.
func (o *observer) now() (view, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.seen), o.changed
}

// await returns when the condition holds. When it does not within the limit, the error says why.
func (o *observer) await(ctx context.Context, limit time.Duration, holds condition) error {
	expired := time.NewTimer(limit)
	defer expired.Stop()
	for {
		seen, changed := o.now()
		why := holds(seen)
		if why == "" {
			return nil
		}
		select {
		case <-changed:
		case <-expired.C:
			return fmt.Errorf("waited %s in vain: %s", limit, why)
		case <-ctx.Done():
			return fmt.Errorf("%w while %s", context.Cause(ctx), why)
		}
	}
}

// know returns what is known once all of the objects are. Resources are watched apart from one another: what one watch
// has told, such as that an Application is delivered, does not mean that another has caught up with it.
func (o *observer) know(ctx context.Context, limit time.Duration, objects ...key) (view, error) {
	var seen view
	err := o.await(ctx, limit, func(v view) string {
		seen = v
		for _, object := range objects {
			if why := present(object.resource, object.name.Namespace, object.name.Name)(v); why != "" {
				return why
			}
		}
		return ""
	})
	return seen, err
}

package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// Resource returns how to list and watch the objects of a kind; see [live.API].
func (c *Cluster) Resource(ctx context.Context, kind schema.GroupVersionKind) (live.Resource, error) {
	r, err := c.schemas.find(ctx, kind)
	if err != nil {
		return live.Resource{}, err
	}
	if !r.watchable() {
		return live.Resource{}, syncline.Errorf(syncline.Invalid, "kind %s: %w", r.kind.GroupKind(), live.ErrUnwatchable)
	}
	if c.scope.excludes(r) {
		return live.Resource{}, syncline.Errorf(syncline.NotFound, "kind %s is of the whole cluster, of which Syncline may look at some namespaces only", r.kind.GroupKind())
	}
	return live.Resource{
		Objects:  c.objectsOf(r),
		Metadata: c.metadataOf(r),
		Classify: func(err error) error { return failedAll(r.path.GroupResource(), err) },
	}, nil
}

// objectsOf reads the full objects of a kind, wherever they may be looked at.
func (c *Cluster) objectsOf(r resource) stream.Source {
	all := c.dynamic.Resource(r.path)
	if !c.scope.splits(r) {
		return narrowed(all, WatchOptions{})
	}
	sources := make([]stream.Source, 0, len(c.scope.Namespaces))
	for _, namespace := range c.scope.Namespaces {
		sources = append(sources, narrowed(all.Namespace(namespace), WatchOptions{}))
	}
	return stream.Join(sources...)
}

// metadataOf reads the metadata of the objects of a kind.
func (c *Cluster) metadataOf(r resource) stream.Source {
	read := func(objects metadata.ResourceInterface) stream.Source {
		return stream.Source{
			List: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				return objects.List(ctx, options)
			},
			Watch: objects.Watch,
		}
	}
	all := c.metadata.Resource(r.path)
	if !c.scope.splits(r) {
		return read(all)
	}
	sources := make([]stream.Source, 0, len(c.scope.Namespaces))
	for _, namespace := range c.scope.Namespaces {
		sources = append(sources, read(all.Namespace(namespace)))
	}
	return stream.Join(sources...)
}

// failedAll classifies an error about all objects of a kind.
func failedAll(objects schema.GroupResource, err error) error {
	var classified *syncline.Error
	if err == nil || errors.As(err, &classified) {
		return err
	}
	kind, hint := classify(err)
	return &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("watch %s failed: %w", objects, err)}
}

// Kinds returns every kind that can be listed and watched, in all versions that
// are served, sorted, of each kind the preferred version first. The error is
// Transient when there are groups of which nothing is known, because what serves
// them does not answer; the kinds of the others are returned all the same.
func (c *Cluster) Kinds(ctx context.Context) ([]schema.GroupVersionKind, error) {
	known, err := c.schemas.all(ctx)
	if err != nil {
		return nil, err
	}
	groups := slices.SortedFunc(maps.Keys(known.versions), func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
	var kinds []schema.GroupVersionKind
	for _, gk := range groups {
		for _, version := range known.versions[gk] {
			r, _ := known.find(gk.WithVersion(version))
			if r.watchable() && !c.scope.excludes(r) {
				kinds = append(kinds, r.kind)
			}
		}
	}
	return kinds, known.unanswered()
}

// Served reports whether the cluster is known to serve a kind. It asks nothing.
func (c *Cluster) Served(kind schema.GroupKind) bool {
	known, _ := c.schemas.look()
	return known != nil && len(known.versions[kind]) > 0
}

// Outdated says that kinds may have come, gone or changed, so that they are
// found out again.
func (c *Cluster) Outdated() { c.schemas.invalidate() }

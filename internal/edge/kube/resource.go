package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
	"github.com/syncline-io/syncline/internal/edge/kube/served"
)

// Resource returns how to list and watch the objects of a kind; see [live.API].
func (c *Client) Resource(ctx context.Context, kind schema.GroupVersionKind) (live.Resource, error) {
	r, err := c.kinds.Find(ctx, kind)
	if err != nil {
		return live.Resource{}, err
	}
	if !r.Watchable() {
		return live.Resource{}, syncline.Errorf(syncline.Invalid, "kind %s: %w", r.Kind.GroupKind(), live.ErrUnwatchable)
	}
	if c.scope.excludes(r) {
		return live.Resource{}, syncline.Errorf(syncline.NotFound, "kind %s is of the whole cluster, of which Syncline may look at some namespaces only", r.Kind.GroupKind())
	}
	return live.Resource{
		Objects:  c.objectsOf(r),
		Metadata: c.metadataOf(r),
		Classify: func(err error) error { return failedAll(r.Path.GroupResource(), err) },
	}, nil
}

// objectsOf reads the full objects of a kind, wherever they may be looked at.
func (c *Client) objectsOf(r served.Resource) stream.Source {
	all := c.dynamic.Resource(r.Path)
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
func (c *Client) metadataOf(r served.Resource) stream.Source {
	read := func(objects metadata.ResourceInterface) stream.Source {
		return stream.Source{
			List: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
				return objects.List(ctx, options)
			},
			Watch: objects.Watch,
		}
	}
	all := c.metadata.Resource(r.Path)
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
	kind, hint := failure.Classify(err)
	return &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("watch %s failed: %w", objects, err)}
}

// Kinds returns every kind that can be listed and watched, in all versions that
// are served, sorted, of each kind the preferred version first. The error is
// Transient when there are groups of which nothing is known, because what serves
// them does not answer; the kinds of the others are returned all the same.
func (c *Client) Kinds(ctx context.Context) ([]schema.GroupVersionKind, error) {
	all, err := c.kinds.All(ctx)
	var kinds []schema.GroupVersionKind
	for _, r := range all {
		if r.Watchable() && !c.scope.excludes(r) {
			kinds = append(kinds, r.Kind)
		}
	}
	return kinds, err
}

// Served reports whether the cluster is known to serve a kind. It asks nothing.
func (c *Client) Served(kind schema.GroupKind) bool { return c.kinds.Has(kind) }

// Outdated says that kinds may have come, gone or changed, so that they are
// found out again.
func (c *Client) Outdated() { c.kinds.Invalidate() }

// Scope returns where objects of a kind live. It is a NotFound error when the
// cluster does not know the kind, and a Transient one when that cannot be told
// because its API does not answer.
func (c *Client) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	r, err := c.kinds.Find(ctx, kind)
	return r.Scope, err
}

// Unanswered says why nothing can be known of the objects of a kind; see
// [served.Kinds.Unanswered].
func (c *Client) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	return c.kinds.Unanswered(ctx, kind)
}

// Version returns the version of the API server, such as "v1.36.3", as it was
// at most a minute ago.
func (c *Client) Version(ctx context.Context) (string, error) { return c.kinds.Version(ctx) }

// APIVersions returns the group versions and kinds that the cluster serves,
// sorted, as Helm names them: "apps/v1" and "apps/v1/Deployment". Callers do
// not change them.
func (c *Client) APIVersions(ctx context.Context) ([]string, error) { return c.kinds.Names(ctx) }

package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// Target is a cluster together with what is remembered of it. What is written
// through it is remembered at once.
type Target struct {
	*Cluster
	Live *live.Cache
}

// NewTarget begins to remember a cluster. Close ends it.
func NewTarget(cluster *Cluster, options live.Options) *Target {
	return &Target{Cluster: cluster, Live: live.New(cluster, options)}
}

// Close ends the watches and the idle connections.
func (t *Target) Close() {
	t.Live.Close()
	t.Cluster.Close()
}

// Write performs one write as [Cluster.Write] does.
func (t *Target) Write(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	object, err := t.Cluster.Write(ctx, w)
	switch {
	case !object.IsZero():
		t.Live.Observe(object)
	case err == nil:
		t.Live.ObserveGone(w.Ref, w.UID)
	}
	return object, err
}

// Resource returns how to list and watch the objects of a kind; see [live.API].
func (c *Cluster) Resource(ctx context.Context, kind schema.GroupVersionKind) (live.Resource, error) {
	r, err := c.schemas.find(ctx, kind)
	if err != nil {
		return live.Resource{}, err
	}
	if !r.watchable() {
		return live.Resource{}, syncline.Errorf(syncline.Invalid, "kind %s: %w", r.kind.GroupKind(), live.ErrUnwatchable)
	}
	return live.Resource{
		Objects:  c.dynamic.Resource(r.path),
		Metadata: c.metadata.Resource(r.path),
		Classify: func(err error) error { return failedAll(r.path.GroupResource(), err) },
	}, nil
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
			if r.watchable() {
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

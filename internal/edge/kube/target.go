package kube

import (
	"context"
	"errors"
	"fmt"
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

// Kinds returns every kind that can be listed and watched, in its preferred
// version, sorted.
func (c *Cluster) Kinds(ctx context.Context) ([]schema.GroupVersionKind, error) {
	known, err := c.schemas.all(ctx)
	if err != nil {
		return nil, err
	}
	var kinds []schema.GroupVersionKind
	for gk := range known.versions {
		r, _ := known.find(gk.WithVersion(""))
		if slices.Contains(r.verbs, "list") && slices.Contains(r.verbs, "watch") {
			kinds = append(kinds, r.kind)
		}
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	return kinds, nil
}

// Outdated says that kinds may have come, gone or changed, so that they are
// found out again.
func (c *Cluster) Outdated() { c.schemas.invalidate() }

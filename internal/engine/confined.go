package engine

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// confined is a cluster as one App may see it: an object that the project does
// not let it have is not there, cannot be asked for, and its kind is not watched.
// A turn has no other way to a cluster, so that no stage can look past the
// project, whatever a manifest or a status names. Each method says what becomes of
// it: nothing is passed on unjudged because it was added to Cluster.
type confined struct {
	cluster Cluster
	judge   *policy.Judge
	// scope is the cluster's, within the turn.
	scope func(schema.GroupVersionKind) (syncline.Scope, error)
}

func confine(ctx context.Context, cluster Cluster, judge *policy.Judge) Cluster {
	return confined{cluster: cluster, judge: judge, scope: func(kind schema.GroupVersionKind) (syncline.Scope, error) {
		return cluster.Scope(ctx, kind)
	}}
}

// Scope tells of kinds, which are nobody's.
func (c confined) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	return c.cluster.Scope(ctx, kind)
}

// Capabilities tell of the cluster and of kinds.
func (c confined) Capabilities(ctx context.Context) (syncline.Capabilities, error) {
	return c.cluster.Capabilities(ctx)
}

// DryRun is Denied for an object that the App may not have.
func (c confined) DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error) {
	if err := c.judge.Object(object.Ref()); err != nil {
		return syncline.Object{}, err
	}
	return c.cluster.DryRun(ctx, object, options)
}

// Read is Denied for an object that the App may not have.
func (c confined) Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	if err := c.judge.Object(ref); err != nil {
		return syncline.Object{}, err
	}
	return c.cluster.Read(ctx, ref, version)
}

// DryRunReplace is Denied for an object that the App may not have.
func (c confined) DryRunReplace(ctx context.Context, object, live syncline.Object, options option.List) (syncline.Object, error) {
	if err := c.judge.Object(object.Ref()); err != nil {
		return syncline.Object{}, err
	}
	return c.cluster.DryRunReplace(ctx, object, live, options)
}

// Merge is Denied for an object that the App may not have.
func (c confined) Merge(
	ctx context.Context, object, live syncline.Object, options option.List,
) (merged, after syncline.Object, err error) {
	if err := c.judge.Object(object.Ref()); err != nil {
		return syncline.Object{}, syncline.Object{}, err
	}
	return c.cluster.Merge(ctx, object, live, options)
}

// Rehearse is Denied for an object that the App may not have.
func (c confined) Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error {
	if err := c.judge.Object(object.Ref()); err != nil {
		return err
	}
	return c.cluster.Rehearse(ctx, object, live, options)
}

// confinedWriter is what writes to a cluster for one App.
type confinedWriter struct {
	writer apply.Writer
	judge  *policy.Judge
}

// writer returns what writes to the App's destination, for the gate alone.
func (t *turn) writer() (apply.Writer, error) {
	writer, err := t.Clusters.Writer(t.target.ID, t.app.As)
	return confinedWriter{writer, t.judge}, err
}

// Write is Denied for an object that the App may not have, whatever was granted.
func (c confinedWriter) Write(ctx context.Context, write syncline.Write) (syncline.Object, error) {
	if err := c.judge.Object(write.Ref); err != nil {
		return syncline.Object{}, err
	}
	return c.writer.Write(ctx, write)
}

// Get knows of nothing that the App may not have, but for its own destination
// namespace: whether that has to be made.
func (c confined) Get(ref syncline.Ref) (syncline.Live, bool) {
	if c.judge.Object(ref) == nil {
		return c.cluster.Get(ref)
	}
	if home, permitted := c.judge.Home(); permitted && ref == home {
		live, exists := c.cluster.Get(ref)
		return syncline.Live{Ref: ref, UID: live.UID, Terminating: live.Terminating}, exists
	}
	return syncline.Live{}, false
}

// Owned leaves out what the App may not have: that an object says whose it is
// does not make it so. Kinds of which it may have none need not be known.
func (c confined) Owned(instance string) ([]syncline.Live, error) {
	owned, err := c.cluster.Owned(instance)
	if unseen, ok := syncline.Unseen(err); ok && !slices.ContainsFunc(slices.Collect(maps.Keys(unseen)), c.mayHave) {
		err = nil
	}
	return slices.DeleteFunc(slices.Clone(owned), func(live syncline.Live) bool { return c.judge.Object(live.Ref) != nil }), err
}

// Follow follows an object that the App may have.
func (c confined) Follow(object syncline.Object) syncline.Digest {
	if c.judge.Object(object.Ref()) != nil {
		return ""
	}
	return c.cluster.Follow(object)
}

// Inside tells who made objects in a container that the App may have: they would go
// with it, whoever may have them.
func (c confined) Inside(container syncline.Ref) []string {
	if c.judge.Object(container) != nil {
		return nil
	}
	return c.cluster.Inside(container)
}

// Watch remembers those of the kinds of which the App may have objects, and
// namespaces, without which nothing can be delivered.
func (c confined) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	var permitted []schema.GroupVersionKind
	verdicts := map[schema.GroupVersionKind]bool{{Version: "v1", Kind: "Namespace"}: true}
	for _, kind := range kinds {
		verdict, judged := verdicts[kind]
		if !judged {
			var err error
			if verdict, err = c.mayWatch(kind); err != nil {
				return nil, err
			}
			verdicts[kind] = verdict
		}
		if verdict {
			permitted = append(permitted, kind)
		}
	}
	return c.cluster.Watch(permitted)
}

// Unanswered tells of kinds of which the App may have objects.
func (c confined) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	if !c.judge.Kind(kind.GroupKind(), syncline.Namespaced) && !c.judge.Kind(kind.GroupKind(), syncline.ClusterScoped) {
		return nil
	}
	return c.cluster.Unanswered(ctx, kind)
}

// mayHave reports whether the App may have objects of a kind, as far as can be told.
func (c confined) mayHave(kind schema.GroupKind) bool {
	may, err := c.mayWatch(kind.WithVersion(""))
	return may || err != nil
}

// mayWatch reports whether the App may have objects of the kind. One that the
// cluster does not have is watched if that would be so in either scope: it may
// come with the App.
func (c confined) mayWatch(kind schema.GroupVersionKind) (bool, error) {
	scope, err := c.scope(kind)
	switch syncline.KindOf(err) {
	case "":
		return c.judge.Kind(kind.GroupKind(), scope), nil
	case syncline.NotFound:
		return c.judge.Kind(kind.GroupKind(), syncline.Namespaced) || c.judge.Kind(kind.GroupKind(), syncline.ClusterScoped), nil
	}
	return false, err
}

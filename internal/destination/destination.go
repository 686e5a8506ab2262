// Package destination is a cluster as the engine looks at it: the memory and the
// requests of kube behind the interfaces of the engine.
package destination

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// Cluster is a cluster that an App may be delivered to. It satisfies [engine.Cluster].
type Cluster struct{ target *kube.Target }

var _ engine.Cluster = Cluster{}

// New returns the cluster of a target.
func New(target *kube.Target) Cluster { return Cluster{target} }

// Scope says whether objects of a kind are in namespaces.
func (d Cluster) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	return d.target.Scope(ctx, kind)
}

// DryRun returns what an apply would make of an object.
func (d Cluster) DryRun(ctx context.Context, object syncline.Object, options syncline.SyncOptions) (syncline.Object, error) {
	return d.target.DryRun(ctx, object, options)
}

// DryRunReplace returns what a replacement would make of an object.
func (d Cluster) DryRunReplace(ctx context.Context, object, live syncline.Object, options syncline.SyncOptions) (syncline.Object, error) {
	return d.target.DryRunReplace(ctx, object, live, options)
}

// Merge returns what a client-side apply would write, and make of the object.
func (d Cluster) Merge(
	ctx context.Context, object, live syncline.Object, options syncline.SyncOptions,
) (merged, after syncline.Object, err error) {
	return d.target.Merge(ctx, object, live, options)
}

// Rehearse returns why an object could not be deleted and created anew.
func (d Cluster) Rehearse(ctx context.Context, object, live syncline.Object, options syncline.SyncOptions) error {
	return d.target.Rehearse(ctx, object, live, options)
}

// Read returns an object as it is now.
func (d Cluster) Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	return d.target.Cluster.Get(ctx, ref, version)
}

// Get returns what is remembered of an object.
func (d Cluster) Get(ref syncline.Ref) (syncline.Live, bool) { return d.target.Live.Get(ref) }

// Owned returns the objects that tracking says are of an instance.
func (d Cluster) Owned(instance string) ([]syncline.Live, error) {
	return d.target.Live.Owned(instance)
}

// Inside returns the instances that have objects in a container.
func (d Cluster) Inside(container syncline.Ref) []string { return d.target.Live.Inside(container) }

// Watch remembers the kinds. One that the cluster does not have holds nothing
// up; one that cannot be watched is an error, because what is not known must
// not be taken for missing.
func (d Cluster) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	d.target.Live.Need(kinds...)
	var pending []schema.GroupVersionKind
	for _, kind := range kinds {
		if err := d.target.Live.Err(kind.GroupKind()); err != nil && syncline.KindOf(err) != syncline.NotFound {
			return nil, err
		}
		if len(d.target.Live.Ready(kind.GroupKind())) > 0 {
			pending = append(pending, kind)
		}
	}
	return pending, nil
}

// Unanswered does not concern a kind whose objects are known all the same. One that
// it concerns is watched as soon as its API answers.
func (d Cluster) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	err := d.target.Unanswered(ctx, kind)
	if err == nil {
		return nil
	}
	d.target.Live.Need(kind)
	if gk := kind.GroupKind(); len(d.target.Live.Ready(gk)) == 0 && d.target.Live.Err(gk) == nil {
		return nil
	}
	return err
}

// Capabilities returns what charts may ask of the cluster.
func (d Cluster) Capabilities(ctx context.Context) (render.Cluster, error) {
	version, err := d.target.Version(ctx)
	if err != nil {
		return render.Cluster{}, err
	}
	apis, err := d.target.APIVersions(ctx)
	return render.Cluster{KubeVersion: version, APIVersions: apis}, err
}

// The names of the cluster that Syncline runs in.
const (
	localServer = "https://kubernetes.default.svc"
	localName   = "in-cluster"
)

// Local knows the cluster that Syncline runs in, and no other.
type Local struct{ target *kube.Target }

// NewLocal returns what knows the cluster of a target.
func NewLocal(target *kube.Target) Local { return Local{target} }

// Cluster returns the cluster of a destination, or a NotFound error.
func (c Local) Cluster(to syncline.Destination) (engine.Cluster, error) {
	if err := known(to); err != nil {
		return nil, err
	}
	return Cluster(c), nil
}

// Writer returns what writes to the cluster of a destination, or a NotFound error.
func (c Local) Writer(to syncline.Destination) (apply.Writer, error) {
	if err := known(to); err != nil {
		return nil, err
	}
	return c.target, nil
}

// known returns an error for another cluster than the local one.
func known(to syncline.Destination) error {
	if to.Name == localName || to.Server == localServer {
		return nil
	}
	name := to.Name
	if name == "" {
		name = to.Server
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.NotFound, "there is no cluster %q", name),
		fmt.Sprintf("use server %s or name %s: other clusters are not supported yet", localServer, localName))
}

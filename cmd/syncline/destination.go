package main

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
)

// destination is a cluster as the engine looks at it.
type destination struct{ target *kube.Target }

func (d destination) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	return d.target.Scope(ctx, kind)
}

func (d destination) DryRun(ctx context.Context, object syncline.Object, options syncline.SyncOptions) (syncline.Object, error) {
	return d.target.DryRun(ctx, object, options)
}

func (d destination) DryRunReplace(ctx context.Context, object, live syncline.Object, options syncline.SyncOptions) (syncline.Object, error) {
	return d.target.DryRunReplace(ctx, object, live, options)
}

func (d destination) Merge(
	ctx context.Context, object, live syncline.Object, options syncline.SyncOptions,
) (merged, after syncline.Object, err error) {
	return d.target.Merge(ctx, object, live, options)
}

func (d destination) Rehearse(ctx context.Context, object, live syncline.Object, options syncline.SyncOptions) error {
	return d.target.Rehearse(ctx, object, live, options)
}

func (d destination) Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	return d.target.Cluster.Get(ctx, ref, version)
}

func (d destination) Get(ref syncline.Ref) (syncline.Live, bool) { return d.target.Live.Get(ref) }

func (d destination) Owned(instance string) ([]syncline.Live, error) {
	return d.target.Live.Owned(instance)
}

func (d destination) Inside(container syncline.Ref) []string { return d.target.Live.Inside(container) }

// Watch remembers the kinds. One that the cluster does not have holds nothing
// up; one that cannot be watched is an error, because what is not known must
// not be taken for missing.
func (d destination) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
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
func (d destination) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
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

func (d destination) Capabilities(ctx context.Context) (syncline.Capabilities, error) {
	version, err := d.target.Version(ctx)
	if err != nil {
		return syncline.Capabilities{}, err
	}
	apis, err := d.target.APIVersions(ctx)
	return syncline.Capabilities{KubeVersion: version, APIVersions: apis}, err
}

// local is the cluster that Syncline runs in.
func local() syncline.Target {
	return syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: "https://kubernetes.default.svc"}
}

// clusters knows the local cluster only.
type clusters struct{ local destination }

func (c clusters) Target(to syncline.Destination) (syncline.Target, error) {
	if local().Is(to) {
		return local(), nil
	}
	return syncline.Target{Name: to.Name, Server: to.Server}, syncline.WithHint(
		syncline.Errorf(syncline.NotFound, "there is no cluster %q", cmp.Or(to.Name, to.Server)),
		fmt.Sprintf("use server %s or name %s: other clusters are not supported yet", local().Server, local().Name))
}

func (c clusters) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) {
	return c.local, nil
}

func (c clusters) Writer(syncline.ClusterID, syncline.Identity) (apply.Writer, error) {
	return c.local.target, nil
}

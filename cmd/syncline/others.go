package main

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// others tells each App of the others.
type others struct {
	apps    *application.Store
	catalog *catalog.Catalog
	// namespace is that of the projects.
	namespace string
	// wake makes Apps due.
	wake func(ids []syncline.AppID)
}

// listOthers reads what the Applications of a control plane declare, by what their
// statuses say. For who may not read them there are none.
func listOthers(ctx context.Context, cluster *kube.Cluster, namespace string) (others, error) {
	o := others{application.NewStore(nil, namespace), catalog.New(), namespace, func([]syncline.AppID) {}}
	listed, err := cluster.ListObjects(ctx, v1alpha1.ApplicationResource(), kube.WatchOptions{Namespace: namespace})
	if syncline.KindOf(err) == syncline.Denied {
		return o, nil
	}
	for i := range listed {
		app, _ := o.apps.Put(&listed[i])
		if !local().Is(app.Destination) {
			continue
		}
		plan := syncline.Plan{App: app.ID, Cluster: syncline.LocalCluster}
		for _, object := range app.Past.Objects {
			if !object.Hook && !object.RequiresPruning {
				plan.Changes = append(plan.Changes, syncline.Change{Ref: object.Ref, Action: syncline.Keep})
			}
		}
		o.catalog.Plan(app, plan)
	}
	return o, err
}

// Planned takes note of a plan, and makes the Apps due to which it leaves objects.
func (o others) Planned(app syncline.App, plan syncline.Plan) { o.wake(o.catalog.Plan(app, plan)) }

// Declaring returns the Apps that declare an object of a cluster.
func (o others) Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.App {
	var apps []syncline.App
	for _, id := range o.catalog.Declaring(on, ref) {
		if app, ok := o.apps.App(id); ok {
			apps = append(apps, app)
		}
	}
	return apps
}

// InsideOf calls visit with each App that declares objects in a container of a cluster.
func (o others) InsideOf(on syncline.ClusterID, container syncline.Ref, visit func(syncline.App, []syncline.Ref)) {
	for id, refs := range o.catalog.Inside(on, container) {
		if app, ok := o.apps.App(id); ok {
			visit(app, refs)
		}
	}
}

// Users returns the Apps that need an object: those of a project.
func (o others) Users(ref syncline.Ref) []syncline.App {
	if !ref.ServesApps() || ref.Namespace != o.namespace {
		return nil
	}
	var apps []syncline.App
	for _, id := range o.apps.OfProject(ref.Name) {
		if app, ok := o.apps.App(id); ok {
			apps = append(apps, app)
		}
	}
	return apps
}

// ByInstance returns the App that tracking calls so.
func (o others) ByInstance(instance string) (syncline.App, bool) { return o.apps.ByInstance(instance) }

// Abandoned reports whether an App that tracking called so had the object of a
// cluster and is gone, and whether it was deleted with its objects and left this one
// to another.
func (o others) Abandoned(instance string, on syncline.ClusterID, ref syncline.Ref) (gone, bequeathed bool) {
	return o.catalog.Abandoned(instance, on, ref)
}

// Wake makes an App due that waited for turns of others.
func (o others) Wake(id syncline.AppID) { o.wake([]syncline.AppID{id}) }

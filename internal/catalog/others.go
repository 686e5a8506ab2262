package catalog

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// Apps are the Apps as they are declared.
type Apps interface {
	App(id syncline.AppID) (syncline.App, bool)
	// ByInstance returns the App that tracking calls so.
	ByInstance(instance string) (syncline.App, bool)
	OfProject(name string) []syncline.AppID
}

// Others tells each App of the others, by a Catalog and what is declared.
type Others struct {
	Catalog *Catalog
	Apps    Apps
	// Namespace is that of the projects, and Projects their kind.
	Namespace string
	Projects  schema.GroupKind
	// Mark makes Apps due. Default: nobody is.
	Mark func(ids []syncline.AppID)
}

// Planned takes note of a plan, and makes the Apps due to which it leaves objects.
func (o Others) Planned(app syncline.App, plan syncline.Plan) { o.mark(o.Catalog.Plan(app, plan)) }

// Wake makes an App due that waited for turns of others.
func (o Others) Wake(id syncline.AppID) { o.mark([]syncline.AppID{id}) }

func (o Others) mark(ids []syncline.AppID) {
	if o.Mark != nil {
		o.Mark(ids)
	}
}

// Declaring returns the Apps that declare an object of a cluster.
func (o Others) Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.App {
	return o.known(o.Catalog.Declaring(on, ref))
}

// InsideOf calls visit with each App that declares objects in a container of a cluster.
func (o Others) InsideOf(on syncline.ClusterID, container syncline.Ref, visit func(syncline.App, []syncline.Ref)) {
	for id, refs := range o.Catalog.Inside(on, container) {
		if app, ok := o.Apps.App(id); ok {
			visit(app, refs)
		}
	}
}

// Users returns the Apps that need an object: those of a project.
func (o Others) Users(ref syncline.Ref) []syncline.App {
	if ref.GroupKind() != o.Projects || ref.Namespace != o.Namespace {
		return nil
	}
	return o.known(o.Apps.OfProject(ref.Name))
}

// ByInstance returns the App that tracking calls so.
func (o Others) ByInstance(instance string) (syncline.App, bool) { return o.Apps.ByInstance(instance) }

// Abandoned reports whether an App that tracking called so had the object of a cluster
// and is gone, and whether it was deleted with its objects and left this one to another.
func (o Others) Abandoned(instance string, on syncline.ClusterID, ref syncline.Ref) (gone, bequeathed bool) {
	return o.Catalog.Abandoned(instance, on, ref)
}

// known returns those Apps that are still declared.
func (o Others) known(ids []syncline.AppID) []syncline.App {
	var apps []syncline.App
	for _, id := range ids {
		if app, ok := o.Apps.App(id); ok {
			apps = append(apps, app)
		}
	}
	return apps
}

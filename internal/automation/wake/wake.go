// Package wake says which event makes which App due, and how urgent its turn is. It
// looks up whom an event concerns and tells the queue; it runs no turn and reads no
// cluster.
package wake

import (
	"cmp"
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// Queue is where turns are due.
type Queue interface {
	// Add makes a turn due now.
	Add(id syncline.AppID, project string, priority queue.Priority)
	// AddAt makes a turn due at a time, unless one is due sooner.
	AddAt(id syncline.AppID, at time.Time)
}

// Turns are the turns that run.
type Turns interface {
	// Interrupt ends the turn of an App that runs, if one does.
	Interrupt(id syncline.AppID)
	// ClusterReady makes the Apps due that wait for more of a cluster to be known.
	ClusterReady(on syncline.ClusterID)
}

// Apps are the Apps as they are declared.
type Apps interface {
	App(id syncline.AppID) (syncline.App, bool)
	// ByInstance returns the App that tracking calls so.
	ByInstance(instance string) (syncline.App, bool)
}

// Declarations find Apps by what their declarations name.
type Declarations interface {
	OfProject(name string) []syncline.AppID
	// OfRepository returns the Apps that read the repository of that key, or something
	// that names it, and OfRepositories those of any whose key begins so.
	OfRepository(key string) []syncline.AppID
	OfRepositories(prefix string) []syncline.AppID
	// OfTarget returns the Apps that deliver to a cluster.
	OfTarget(target syncline.Target) []syncline.AppID
}

// Clusters know which cluster a destination names.
type Clusters interface {
	Target(to syncline.Destination) (syncline.Target, error)
}

// Plans find Apps by the objects of their last plans.
type Plans interface {
	Wanting(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID
	WantingKind(on syncline.ClusterID, kind schema.GroupKind) []syncline.AppID
	// Declaring returns those of Wanting that declare the object.
	Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID
}

// Departures find Apps by what their last plans are to delete.
type Departures interface {
	// Leaving returns the Apps that have such a namespace, or definition of kinds, and
	// do not declare it.
	Leaving(on syncline.ClusterID, container syncline.Container) []syncline.AppID
	// LeavingServing returns the Apps that have something which Apps need, such as a
	// project, and do not declare it.
	LeavingServing() []syncline.AppID
	// Planned reports whether the App has a plan.
	Planned(id syncline.AppID) bool
}

// Commits follow what Apps read of repositories.
type Commits interface {
	// Expect takes note that what the App declares is not known until its next turn.
	Expect(app syncline.App)
	// Touched returns the Apps that read something else at the commits which their
	// sources in a repository mean now.
	Touched(ctx context.Context, repoKey string) []syncline.AppID
	// Followers returns all Apps that read something of the repository.
	Followers(repoKey string) []syncline.AppID
}

// Waker tells the queue which Apps events concern. It is safe for concurrent use; its
// fields are set before.
type Waker struct {
	Queue        Queue
	Turns        Turns
	Apps         Apps
	Declarations Declarations
	Plans        Plans
	Departures   Departures
	Commits      Commits
	Clusters     Clusters
	// RecordAfter is how long after a commit an App that it does not touch records the
	// revision; negative means with the next change.
	RecordAfter time.Duration
	// Pending are the keys of repositories whose refs changed and which [Waker.Follow]
	// has not looked at; see [MaxPending].
	Pending chan string
}

// Mark makes Apps due whose projects, repositories or neighbours are otherwise now.
func (w *Waker) Mark(ids []syncline.AppID) { w.markAll(ids, Allowed) }

// Declared makes an App due that is new or declared otherwise.
func (w *Waker) Declared(app syncline.App) {
	w.Mark(w.Departures.LeavingServing()) // it may name another project now
	w.Commits.Expect(app)
	w.tell(app.ID, app.Project, Declared)
}

// Asked makes an App due of which a person asks for something. A deletion waits for
// no repository.
func (w *Waker) Asked(app syncline.App) {
	if app.Deleting != nil {
		w.Turns.Interrupt(app.ID)
	}
	w.tell(app.ID, app.Project, Asked)
}

// Gone makes an App due whose resource is gone, and those that had to do with it.
func (w *Waker) Gone(id syncline.AppID, concerned []syncline.AppID) {
	w.Mark(w.Departures.LeavingServing())
	w.Mark(concerned)
	w.tell(id, "", Gone)
}

// Project makes the Apps of a project due.
func (w *Waker) Project(name string) { w.Mark(w.Declarations.OfProject(name)) }

// Projects makes the Apps of projects due.
func (w *Waker) Projects(names []string) {
	for _, name := range names {
		w.Project(name)
	}
}

// Keys makes the Apps of a project due, of which what is encrypted may be readable now,
// or not any more; those of all projects when there is no name.
func (w *Waker) Keys(project string) {
	if project == "" {
		w.Mark(w.Declarations.OfRepositories(""))
		return
	}
	w.Project(project)
}

// Repository makes the Apps due that may reach the repository of that key otherwise
// now, or with a prefix all whose keys begin so.
func (w *Waker) Repository(key string, prefix bool) {
	if prefix {
		w.Mark(w.Declarations.OfRepositories(key))
		return
	}
	w.Mark(w.Declarations.OfRepository(key))
}

// Cluster makes the Apps due that deliver to a cluster, which came, went or can be
// reached otherwise now.
func (w *Waker) Cluster(target syncline.Target) {
	w.Turns.ClusterReady(target.ID)
	w.Mark(w.Declarations.OfTarget(target))
}

// Live makes the Apps due of a cluster that an object belongs to or that want it, and
// those that wait for it to go. Whoever wrote the change itself knows it already.
func (w *Waker) Live(on syncline.ClusterID, change syncline.LiveChange) {
	writer := cmp.Or(change.After, change.Before)
	for _, instance := range [...]string{change.Before, change.After} {
		if app, ok := w.deliversTo(on, instance); ok && !(change.Ours && instance == writer) {
			w.changed(app, on, change)
		}
	}
	if leaves(change) {
		for _, container := range change.Ref.Containers() {
			w.Mark(w.Departures.Leaving(on, container))
		}
	}
	for _, id := range w.Plans.Wanting(on, change.Ref) {
		if app, ok := w.Apps.App(id); ok && !(change.Ours && app.Instance == writer) {
			w.changed(app, on, change)
		}
	}
}

// deliversTo returns the App that tracking calls so, if it delivers to the cluster.
func (w *Waker) deliversTo(on syncline.ClusterID, instance string) (syncline.App, bool) {
	app, ok := w.Apps.ByInstance(instance)
	if !ok {
		return syncline.App{}, false
	}
	target, err := w.Clusters.Target(app.Destination)
	return app, err == nil && target.ID == on
}

func (w *Waker) changed(app syncline.App, on syncline.ClusterID, change syncline.LiveChange) {
	w.tell(app.ID, app.Project, of(&app, change, func() bool {
		return slices.Contains(w.Plans.Declaring(on, change.Ref), app.ID)
	}))
}

// Kind makes the Apps due that wait for a kind of a cluster to be known, and those that
// want or own objects of it, by the instances that are known: what happened to them
// while the kind was not known was not told. The first turn of an App needs no telling.
func (w *Waker) Kind(on syncline.ClusterID, kind schema.GroupKind, instances []string) {
	w.Turns.ClusterReady(on)
	for _, instance := range instances {
		if app, ok := w.deliversTo(on, instance); ok && w.Departures.Planned(app.ID) {
			w.tell(app.ID, app.Project, Known)
		}
	}
	w.markAll(w.Plans.WantingKind(on, kind), Known)
}

// markAll tells the queue the same of several Apps. One that is gone is passed over.
func (w *Waker) markAll(ids []syncline.AppID, event Event) {
	for _, id := range ids {
		if app, ok := w.Apps.App(id); ok {
			w.tell(id, app.Project, event)
		}
	}
}

// tell tells the queue.
func (w *Waker) tell(id syncline.AppID, project string, event Event) {
	due := event.due(w.RecordAfter)
	if due.Ends {
		w.Turns.Interrupt(id)
	}
	switch {
	case !due.Later:
		w.Queue.Add(id, project, due.Lane)
	case due.After >= 0:
		w.Queue.AddAt(id, time.Now().Add(due.After))
	}
}

// Package catalog is the memory of the Apps: each as it is declared, with what its last
// turn came to and its last Plan, and which Apps want which objects. Who shows Apps
// lists and follows them here. It decides nothing, and forgets everything when the
// process ends.
package catalog

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/few"
)

// Catalog is safe for concurrent use. The zero value is not; use New.
type Catalog struct {
	// Apps are the Apps, with their plans.
	Apps *Apps

	mu    sync.RWMutex
	plans map[syncline.AppID]*syncline.Plan
	// clusters are those of which plans have objects.
	clusters map[syncline.ClusterID]*cluster
}

// cluster is what the plans have of one cluster. An object of another one that has
// its name is another object.
type cluster struct {
	// wanting holds the Apps whose plans have an object, and whether they declare it.
	wanting map[syncline.Ref]few.Map[syncline.AppID, bool]
	// inside counts, for each container, the objects that the plans have in it.
	inside counts
	// leaving counts the containers that the plans have and do not declare.
	leaving counts
	// unserving counts what Apps of this cluster need that the plans have and do not
	// declare.
	unserving map[syncline.AppID]int
	// abandoned are the Apps that had objects which others want, and are gone.
	abandoned map[syncline.Ref]late
}

// late is an App that is no more, by what tracking called it. It may have been
// deleted with its objects, but for those that it left to others.
type late struct {
	instance string
	cascade  bool
}

// counts say how many objects each App has.
type counts map[syncline.Container]few.Map[syncline.AppID, int]

func (c counts) add(container syncline.Container, id syncline.AppID, n int) {
	of := c[container]
	before, _ := of.Get(id)
	if of.Set(id, before+n); before+n == 0 {
		of.Delete(id)
	}
	if c[container] = of; of.Len() == 0 {
		delete(c, container)
	}
}

// of returns the Apps that have something in a container.
func (c counts) of(container syncline.Container) []syncline.AppID {
	apps := c[container]
	return slices.Collect(apps.Keys())
}

// New returns an empty Catalog.
func New() *Catalog {
	return &Catalog{Apps: NewApps(), plans: map[syncline.AppID]*syncline.Plan{}, clusters: map[syncline.ClusterID]*cluster{}}
}

func newCluster() *cluster {
	return &cluster{
		wanting: map[syncline.Ref]few.Map[syncline.AppID, bool]{},
		inside:  counts{},
		leaving: counts{}, unserving: map[syncline.AppID]int{}, abandoned: map[syncline.Ref]late{},
	}
}

// on returns what the plans have of a cluster, which callers do not change; nothing
// where there is none.
func (c *Catalog) on(id syncline.ClusterID) *cluster {
	if known := c.clusters[id]; known != nil {
		return known
	}
	return &cluster{}
}

// Plan takes note of a plan of an App that is declared. It returns the Apps that may have
// to act on it: they have objects in their plans that this App declared until now.
func (c *Catalog) Plan(id syncline.AppID, plan syncline.Plan) (concerned []syncline.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Apps.has(id) { // it is gone, and nobody would forget the plan
		return nil
	}
	before := c.plans[id]
	after := kept(plan, before)
	c.reindex(id, before, after)
	c.plans[id] = after
	c.Apps.planned(id, after)
	return c.left(id, before)
}

// Restore takes note of what an App declares in a cluster by its status, before a plan
// of it is made.
func (c *Catalog) Restore(app syncline.App, on syncline.ClusterID) {
	plan := syncline.Plan{App: app.ID, Cluster: on, Changes: make([]syncline.Change, 0, len(app.Past.Objects))}
	for _, object := range app.Past.Objects {
		if !object.Hook && !object.RequiresPruning {
			plan.Changes = append(plan.Changes, syncline.Change{Ref: object.Ref, Action: syncline.Keep})
		}
	}
	c.Plan(app.ID, plan)
}

// left returns who has objects of a plan of an App that it declares no more.
func (c *Catalog) left(id syncline.AppID, before *syncline.Plan) []syncline.AppID {
	if before == nil {
		return nil
	}
	on, concerned := c.on(before.Cluster), map[syncline.AppID]struct{}{}
	for _, change := range changesOf(before) {
		wanting := on.wanting[change.Ref]
		if still, _ := wanting.Get(id); still || !declares(change) {
			continue
		}
		for other := range wanting.Keys() {
			if other != id {
				concerned[other] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(concerned))
}

// kept returns what is kept of a plan, without the objects to write. Where it is not
// known what the App declares beyond it, what was known before is kept: what an App was
// seen to declare is not let go because that cannot be looked up.
func kept(plan syncline.Plan, before *syncline.Plan) *syncline.Plan {
	if plan.AheadUnknown != nil && before != nil && before.Cluster == plan.Cluster {
		plan.Ahead = declaredBeside(changesOf(before), plan.Changes)
	}
	plan.Changes = slices.Clone(plan.Changes)
	for i := range plan.Changes {
		plan.Changes[i].Desired, plan.Changes[i].Merged = syncline.Object{}, syncline.Object{}
	}
	return &plan
}

// declaredBeside returns what changes declare and others do not, each once.
func declaredBeside(before, now []syncline.Change) (refs []syncline.Ref) {
	told := map[syncline.Ref]bool{}
	for _, change := range now {
		told[change.Ref] = told[change.Ref] || declares(change)
	}
	for _, change := range before {
		if declares(change) && !told[change.Ref] {
			told[change.Ref] = true
			refs = append(refs, change.Ref)
		}
	}
	return refs
}

// Delete forgets an App. It returns whom that concerns, as [Catalog.Plan] does.
func (c *Catalog) Delete(id syncline.AppID) (concerned []syncline.AppID) {
	app, _ := c.Apps.App(id)
	c.Apps.Remove(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	plan := c.plans[id]
	c.reindex(id, plan, nil)
	delete(c.plans, id)
	cascade := app.Deleting != nil && app.Deleting.Cascade
	for _, change := range changesOf(plan) {
		on := c.on(plan.Cluster)
		if _, wanted := on.wanting[change.Ref]; wanted {
			on.abandoned[change.Ref] = late{app.Instance, cascade}
		}
	}
	return c.left(id, plan)
}

// Abandoned reports whether an App that tracking called so had the object of a
// cluster, which another wants, and is gone, and whether it was deleted with its
// objects but for those that it left to others.
func (c *Catalog) Abandoned(instance string, on syncline.ClusterID, ref syncline.Ref) (gone, bequeathed bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	last, ok := c.on(on).abandoned[ref]
	gone = ok && last.instance == instance
	return gone, gone && last.cascade
}

// Wanting returns the Apps whose last plan has the object of a cluster.
func (c *Catalog) Wanting(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	wanting := c.on(on).wanting[ref]
	return slices.Collect(wanting.Keys())
}

// Declaring returns the Apps whose last plan declares the object of a cluster.
func (c *Catalog) Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []syncline.AppID
	wanting := c.on(on).wanting[ref]
	for id, declares := range wanting.All() {
		if declares {
			ids = append(ids, id)
		}
	}
	return ids
}

// Leaving returns the Apps whose last plan has such a namespace, or definition of
// kinds, of a cluster and does not declare it.
func (c *Catalog) Leaving(on syncline.ClusterID, container syncline.Container) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.on(on).leaving.of(container)
}

// LeavingServing returns the Apps whose last plan has something that Apps need, such
// as a project, and does not declare it.
func (c *Catalog) LeavingServing() []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Keys(c.on(syncline.LocalCluster).unserving))
}

// Inside returns what the last plans declare that goes with a namespace or with a
// definition of kinds of a cluster, by App. It looks at every object of those Apps.
func (c *Catalog) Inside(on syncline.ClusterID, container syncline.Ref) map[syncline.AppID][]syncline.Ref {
	c.mu.RLock()
	defer c.mu.RUnlock()
	inside := map[syncline.AppID][]syncline.Ref{}
	for _, id := range c.on(on).inside.of(container.Contains()) {
		for _, change := range changesOf(c.plans[id]) {
			if declares(change) && slices.Contains(change.Ref.Containers(), container.Contains()) {
				inside[id] = append(inside[id], change.Ref)
			}
		}
	}
	return inside
}

// Planned reports whether a plan of the App was made.
func (c *Catalog) Planned(id syncline.AppID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.plans[id] != nil
}

// Kinds returns those of which the last plans have objects in a cluster. It looks at
// every object, and is for what happens rarely.
func (c *Catalog) Kinds(on syncline.ClusterID) map[schema.GroupKind]struct{} {
	c.mu.RLock()
	defer c.mu.RUnlock()
	kinds := map[schema.GroupKind]struct{}{}
	for ref := range c.on(on).wanting {
		kinds[ref.GroupKind()] = struct{}{}
	}
	return kinds
}

// WantingKind returns the Apps whose last plan has objects of a kind in a cluster. It
// looks at every App, and is for what happens rarely.
func (c *Catalog) WantingKind(on syncline.ClusterID, kind schema.GroupKind) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []syncline.AppID
	for id, plan := range c.plans {
		if plan.Cluster == on && slices.ContainsFunc(plan.Changes, func(change syncline.Change) bool {
			return change.Ref.GroupKind() == kind
		}) {
			ids = append(ids, id)
		}
	}
	return ids
}

// reindex replaces the objects that an App wants by those of another plan, which may
// be in another cluster.
func (c *Catalog) reindex(id syncline.AppID, old, fresh *syncline.Plan) {
	if old != nil {
		c.on(old.Cluster).remove(id, old)
	}
	if len(changesOf(fresh)) > 0 {
		on := c.clusters[fresh.Cluster]
		if on == nil {
			on = newCluster()
			c.clusters[fresh.Cluster] = on
		}
		on.add(id, fresh)
	}
	if old == nil {
		return
	}
	on := c.on(old.Cluster)
	on.drop(old)
	if len(on.wanting) == 0 {
		delete(c.clusters, old.Cluster)
	}
}

// remove takes what an App wanted out of the indexes, but for objects that nobody
// wants any more: see drop.
func (c *cluster) remove(id syncline.AppID, plan *syncline.Plan) {
	for _, change := range changesOf(plan) {
		wanting := c.wanting[change.Ref]
		wanting.Delete(id)
		c.wanting[change.Ref] = wanting
		c.count(id, change, -1)
	}
}

func (c *cluster) add(id syncline.AppID, plan *syncline.Plan) {
	for _, change := range changesOf(plan) {
		wanting := c.wanting[change.Ref]
		declared, _ := wanting.Get(id)
		wanting.Set(id, declared || declares(change))
		c.wanting[change.Ref] = wanting
		c.count(id, change, 1)
	}
}

// drop forgets the objects of a plan that nobody wants any more.
func (c *cluster) drop(plan *syncline.Plan) {
	for _, change := range changesOf(plan) {
		if wanting := c.wanting[change.Ref]; wanting.Len() == 0 {
			delete(c.wanting, change.Ref)
			delete(c.abandoned, change.Ref)
		}
	}
}

// changesOf returns the changes of a plan, and a creation of each object that the App
// declares by now and that the plan does not have.
func changesOf(plan *syncline.Plan) []syncline.Change {
	if plan == nil {
		return nil
	}
	changes := plan.Changes
	for _, ref := range plan.Ahead {
		changes = append(slices.Clip(changes), syncline.Change{Ref: ref, Action: syncline.Create})
	}
	return changes
}

// count takes note of an object of an App in its containers, or of a container that
// it leaves.
func (c *cluster) count(id syncline.AppID, change syncline.Change, n int) {
	if !declares(change) {
		if change.ServesApps {
			if c.unserving[id] += n; c.unserving[id] == 0 {
				delete(c.unserving, id)
			}
		}
		if container := change.Ref.Contains(); container != (syncline.Container{}) {
			c.leaving.add(container, id, n)
		}
		return
	}
	for _, container := range change.Ref.Containers() {
		c.inside.add(container, id, n)
	}
}

// declares reports whether an App declares the object of a change, as far as its
// project lets it.
func declares(change syncline.Change) bool {
	return !change.Refused && !change.Leaves()
}

// Package catalog is the memory of what turns came to: the last Plan and Report
// of every App, and which Apps want which objects. It decides nothing, and
// forgets everything when the process ends.
package catalog

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// Entry is what is known of one App.
type Entry struct {
	App syncline.App
	// Plan is the last one that was made; nil before there was one. Its changes do
	// not have the desired objects, which are most of it: a render has them.
	Plan *syncline.Plan
	// Report is the last one; nil before there was one.
	Report *syncline.Report
}

// Catalog is safe for concurrent use. The zero value is not; use New.
type Catalog struct {
	mu      sync.RWMutex
	entries map[syncline.AppID]Entry
	// clusters are those of which plans have objects.
	clusters map[syncline.ClusterID]*cluster
}

// cluster is what the plans have of one cluster. An object of another one that has
// its name is another object.
type cluster struct {
	// wanting holds the Apps whose plans have an object, and whether they declare it.
	wanting map[syncline.Ref]map[syncline.AppID]bool
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
type counts map[syncline.Container]map[syncline.AppID]int

func (c counts) add(container syncline.Container, id syncline.AppID, n int) {
	if c[container] == nil {
		c[container] = map[syncline.AppID]int{}
	}
	if c[container][id] += n; c[container][id] == 0 {
		delete(c[container], id)
	}
	if len(c[container]) == 0 {
		delete(c, container)
	}
}

// New returns an empty Catalog.
func New() *Catalog {
	return &Catalog{entries: map[syncline.AppID]Entry{}, clusters: map[syncline.ClusterID]*cluster{}}
}

func newCluster() *cluster {
	return &cluster{
		wanting: map[syncline.Ref]map[syncline.AppID]bool{},
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

// Put takes note of what a turn came to. A nil Plan or Report leaves the last
// one. It returns what was known before.
func (c *Catalog) Put(entry Entry) (before Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.entries[entry.App.ID]
	if entry.Report == nil {
		entry.Report = before.Report
	}
	if entry.Plan == nil {
		entry.Plan = before.Plan
	} else {
		entry.Plan = kept(*entry.Plan, before.Plan)
		c.reindex(entry.App.ID, before.Plan, entry.Plan)
	}
	c.entries[entry.App.ID] = entry
	return before
}

// Plan takes note of a plan alone. It returns the Apps that may have to act on
// it: they have objects in their plans that this App declared until now.
func (c *Catalog) Plan(app syncline.App, plan syncline.Plan) (concerned []syncline.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[app.ID]
	before := entry.Plan
	entry.App, entry.Plan = app, kept(plan, before)
	c.reindex(app.ID, before, entry.Plan)
	c.entries[app.ID] = entry
	return c.left(app.ID, before)
}

// Restore takes note of what an App declares in a cluster by its status, before a plan
// of it is made.
func (c *Catalog) Restore(app syncline.App, on syncline.ClusterID) {
	plan := syncline.Plan{App: app.ID, Cluster: on}
	for _, object := range app.Past.Objects {
		if !object.Hook && !object.RequiresPruning {
			plan.Changes = append(plan.Changes, syncline.Change{Ref: object.Ref, Action: syncline.Keep})
		}
	}
	c.Plan(app, plan)
}

// left returns who has objects of a plan of an App that it declares no more.
func (c *Catalog) left(id syncline.AppID, before *syncline.Plan) []syncline.AppID {
	if before == nil {
		return nil
	}
	on, concerned := c.on(before.Cluster), map[syncline.AppID]struct{}{}
	for _, change := range changesOf(before) {
		if !declares(change) || on.wanting[change.Ref][id] {
			continue
		}
		for other := range on.wanting[change.Ref] {
			if other != id {
				concerned[other] = struct{}{}
			}
		}
	}
	return slices.Collect(maps.Keys(concerned))
}

// kept returns what is kept of a plan, without the desired objects. Where it is not
// known what the App declares beyond it, what was known before is kept: what an App was
// seen to declare is not let go because that cannot be looked up.
func kept(plan syncline.Plan, before *syncline.Plan) *syncline.Plan {
	if plan.AheadUnknown != nil && before != nil && before.Cluster == plan.Cluster {
		plan.Ahead = declaredBeside(changesOf(before), plan.Changes)
	}
	plan.Changes = slices.Clone(plan.Changes)
	for i := range plan.Changes {
		plan.Changes[i].Desired = syncline.Object{}
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
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.entries[id]
	c.reindex(id, entry.Plan, nil)
	delete(c.entries, id)
	cascade := entry.App.Deleting != nil && entry.App.Deleting.Cascade
	for _, change := range changesOf(entry.Plan) {
		if on := c.on(entry.Plan.Cluster); len(on.wanting[change.Ref]) > 0 {
			on.abandoned[change.Ref] = late{entry.App.Instance, cascade}
		}
	}
	return c.left(id, entry.Plan)
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

// Get returns what is known of an App.
func (c *Catalog) Get(id syncline.AppID) (Entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	entry, ok := c.entries[id]
	return entry, ok
}

// Wanting returns the Apps whose last plan has the object of a cluster.
func (c *Catalog) Wanting(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Keys(c.on(on).wanting[ref]))
}

// Declaring returns the Apps whose last plan declares the object of a cluster.
func (c *Catalog) Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []syncline.AppID
	for id, declares := range c.on(on).wanting[ref] {
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
	return slices.Collect(maps.Keys(c.on(on).leaving[container]))
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
	for id := range c.on(on).inside[container.Contains()] {
		for _, change := range changesOf(c.entries[id].Plan) {
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
	return c.entries[id].Plan != nil
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
	for id, entry := range c.entries {
		if entry.Plan != nil && entry.Plan.Cluster == on && slices.ContainsFunc(entry.Plan.Changes, func(change syncline.Change) bool {
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
		delete(c.wanting[change.Ref], id)
		c.count(id, change, -1)
	}
}

func (c *cluster) add(id syncline.AppID, plan *syncline.Plan) {
	for _, change := range changesOf(plan) {
		if c.wanting[change.Ref] == nil {
			c.wanting[change.Ref] = map[syncline.AppID]bool{}
		}
		c.wanting[change.Ref][id] = c.wanting[change.Ref][id] || declares(change)
		c.count(id, change, 1)
	}
}

// drop forgets the objects of a plan that nobody wants any more.
func (c *cluster) drop(plan *syncline.Plan) {
	for _, change := range changesOf(plan) {
		if len(c.wanting[change.Ref]) == 0 {
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
	return !change.Refused && change.Action != syncline.Prune && change.Action != syncline.Retain
}

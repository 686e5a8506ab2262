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
	wanting map[syncline.Ref]map[syncline.AppID]struct{}
}

// New returns an empty Catalog.
func New() *Catalog {
	return &Catalog{
		entries: map[syncline.AppID]Entry{},
		wanting: map[syncline.Ref]map[syncline.AppID]struct{}{},
	}
}

// Put takes note of what a turn came to. A nil Plan or Report leaves the last
// one. It returns what was known before.
func (c *Catalog) Put(entry Entry) (before Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := entry.App.ID
	before = c.entries[id]
	if entry.Report == nil {
		entry.Report = before.Report
	}
	if entry.Plan == nil {
		entry.Plan = before.Plan
	} else {
		entry.Plan = withoutDesired(*entry.Plan)
		c.reindex(id, before.Plan, entry.Plan)
	}
	c.entries[id] = entry
	return before
}

func withoutDesired(plan syncline.Plan) *syncline.Plan {
	plan.Changes = slices.Clone(plan.Changes)
	for i := range plan.Changes {
		plan.Changes[i].Desired = syncline.Object{}
	}
	return &plan
}

// Delete forgets an App.
func (c *Catalog) Delete(id syncline.AppID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reindex(id, c.entries[id].Plan, nil)
	delete(c.entries, id)
}

// Get returns what is known of an App.
func (c *Catalog) Get(id syncline.AppID) (Entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	entry, ok := c.entries[id]
	return entry, ok
}

// Wanting returns the Apps whose last plan has the object.
func (c *Catalog) Wanting(ref syncline.Ref) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Collect(maps.Keys(c.wanting[ref]))
}

// Planned reports whether a plan of the App was made.
func (c *Catalog) Planned(id syncline.AppID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[id].Plan != nil
}

// Kinds returns those of which the last plans have objects. It looks at every
// App, and is for what happens rarely.
func (c *Catalog) Kinds() map[schema.GroupKind]struct{} {
	c.mu.RLock()
	defer c.mu.RUnlock()
	kinds := map[schema.GroupKind]struct{}{}
	for ref := range c.wanting {
		kinds[ref.GroupKind()] = struct{}{}
	}
	return kinds
}

// WantingKind returns the Apps whose last plan has objects of a kind. It looks
// at every App, and is for what happens rarely.
func (c *Catalog) WantingKind(kind schema.GroupKind) []syncline.AppID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []syncline.AppID
	for id, entry := range c.entries {
		if entry.Plan != nil && slices.ContainsFunc(entry.Plan.Changes, func(change syncline.Change) bool {
			return change.Ref.GroupKind() == kind
		}) {
			ids = append(ids, id)
		}
	}
	return ids
}

// reindex replaces the objects that an App wants by those of another plan.
func (c *Catalog) reindex(id syncline.AppID, old, fresh *syncline.Plan) {
	if old != nil {
		for _, change := range old.Changes {
			delete(c.wanting[change.Ref], id)
			if len(c.wanting[change.Ref]) == 0 {
				delete(c.wanting, change.Ref)
			}
		}
	}
	if fresh == nil {
		return
	}
	for _, change := range fresh.Changes {
		if c.wanting[change.Ref] == nil {
			c.wanting[change.Ref] = map[syncline.AppID]struct{}{}
		}
		c.wanting[change.Ref][id] = struct{}{}
	}
}

package catalog

import (
	"iter"
	"slices"
	"sync/atomic"

	"github.com/syncline-io/syncline"
)

// Filter chooses Apps. The zero value chooses all; of each field, its zero value does.
type Filter struct {
	Project string
	// Target is the cluster that the Apps deliver to.
	Target syncline.Target
	// Namespace is that of their destination.
	Namespace string
	Sync      syncline.SyncStatus
	Health    syncline.HealthStatus
	// Repository is the [upstream.Address.Key] of one that they read, as though it were of
	// Git.
	Repository string
}

// Chooses reports whether an App is among those that the filter chooses.
func (f Filter) Chooses(app *syncline.App) bool {
	return (f.Project == "" || f.Project == app.Project) &&
		(f.Target == syncline.Target{} || f.Target.Is(app.Destination)) &&
		(f.Namespace == "" || f.Namespace == app.Destination.Namespace) &&
		(f.Sync == "" || f.Sync == app.Past.Sync) &&
		(f.Health == "" || f.Health == app.Past.Health.Status) &&
		(f.Repository == "" || slices.ContainsFunc(app.Sources, func(source syncline.Source) bool {
			address := source.Address()
			return address.OfGit().Key() == f.Repository
		}))
}

// List returns the chosen Apps in the order of their names, and from where
// [Apps.Watch] tells what changes in them after that.
func (a *Apps) List(filter Filter) (entries []*Entry, since uint64) {
	since = a.feed.last.Load() // first: what changes meanwhile is told again
	for entry := range a.shelf.all() {
		if filter.Chooses(entry.App) {
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return compareIDs(a.App.ID, b.App.ID) })
	return entries, since
}

// shelf holds the entries for those who read them without a lock. One at a time may
// change it.
type shelf struct {
	pages atomic.Pointer[[]*page]
	// free are places that nobody has.
	free []int
	used int
}

type page [256]atomic.Pointer[Entry]

// take returns a place for an entry.
func (s *shelf) take() int {
	if last := len(s.free) - 1; last >= 0 {
		place := s.free[last]
		s.free = s.free[:last]
		return place
	}
	if s.used%len(page{}) == 0 {
		var pages []*page
		if old := s.pages.Load(); old != nil {
			pages = *old
		}
		pages = append(slices.Clip(pages), &page{})
		s.pages.Store(&pages)
	}
	s.used++
	return s.used - 1
}

// put puts an entry in its place; nil leaves the place empty.
func (s *shelf) put(place int, entry *Entry) { s.at(place).Store(entry) }

// get returns the entry in a place, nil when there is none.
func (s *shelf) get(place int) *Entry { return s.at(place).Load() }

func (s *shelf) at(place int) *atomic.Pointer[Entry] {
	return &(*s.pages.Load())[place/len(page{})][place%len(page{})]
}

// all calls yield with each entry.
func (s *shelf) all() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		pages := s.pages.Load()
		if pages == nil {
			return
		}
		for _, page := range *pages {
			for i := range page {
				if entry := page[i].Load(); entry != nil && !yield(entry) {
					return
				}
			}
		}
	}
}

package catalog

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Apps are the Apps as they are declared, each with what was last kept of its turns, and
// with its last plan. They are found by name and by what they use, listed by a [Filter],
// and followed by [Apps.Watch]. Who lists or follows them takes no lock, and holds up
// nobody. They are safe for concurrent use; use [NewApps].
type Apps struct {
	// Left is told of a way to a repository that an App does not take any more, nor
	// any other; of no App where that is still as it was declared, and something else was
	// given to it from elsewhere. Set it before the first Declare. Default: nobody is told.
	Left func(id syncline.AppID, way Way)

	mu         sync.RWMutex
	rows       map[syncline.AppID]*row
	byInstance map[string]syncline.AppID
	// byProject and byRepository hold the Apps of each, so that who asks for them
	// does not look at the others.
	byProject    map[string]map[syncline.AppID]struct{}
	byRepository map[string]map[syncline.AppID]struct{}
	// byName holds the Apps of each repository that what they read names.
	byName map[string]map[syncline.AppID]struct{}
	// ways count, of each repository, the Apps by how they come to it.
	ways map[string]map[Way]int

	shelf shelf
	feed  feed
}

// row is one App.
type row struct {
	entry *Entry
	// place is that of the entry on the shelf.
	place int
	// ways are those to the App's repositories, and to those of what it is given from
	// elsewhere.
	ways      []Way
	elsewhere []syncline.Source
	// named are the keys of the repositories that what the App reads named when it was
	// last read, and naming those that it named since.
	named, naming map[string]struct{}
	// told is the App as people were last told of it; nil before they were.
	told *syncline.App
}

func (r *row) app() *syncline.App { return r.entry.App }

// Entry is what is known of one App. It is not changed, only replaced.
type Entry struct {
	// App is as its resource declares it, with what is kept there. It is not changed.
	App *syncline.App
	// Record is what its dialect needs to write into the resource; nobody else reads it.
	Record any
	// Plan is the last one that was made; nil before there was one. Its changes do
	// not have the desired objects, which are most of it: a render has them.
	Plan *syncline.Plan
}

// Way is by what project a repository is reached, and how it is spelled there.
type Way struct {
	Project string
	Address upstream.Address
}

// Change is what became of an App when its resource was seen.
type Change int

// The changes, by how much they matter.
const (
	// Same means that nothing changed that the engine reads.
	Same Change = iota
	// Declared means that the declaration changed, or that it is new.
	Declared
	// Asked means that a person asked for something: an operation, a refresh, an
	// approval, an end.
	Asked
)

// NewApps returns no Apps.
func NewApps() *Apps {
	a := &Apps{
		rows: map[syncline.AppID]*row{}, byInstance: map[string]syncline.AppID{}, ways: map[string]map[Way]int{},
		byProject: map[string]map[syncline.AppID]struct{}{}, byRepository: map[string]map[syncline.AppID]struct{}{},
		byName: map[string]map[syncline.AppID]struct{}{},
	}
	a.feed.open()
	return a
}

// Declare takes note of an App as its resource was seen, with what its dialect needs to
// write into that. What is not newer than what is known, by the resource version of its
// Past, is passed over. It returns the App as it is known then.
func (a *Apps) Declare(app syncline.App, record any) (syncline.App, Change) {
	return a.declare(app, record, false)
}

// Keep takes note of an App as its resource became by a write, while the App is known:
// a watch may have told its end before the answer to the write came.
func (a *Apps) Keep(app syncline.App, record any) (syncline.App, Change) {
	return a.declare(app, record, true)
}

func (a *Apps) declare(app syncline.App, record any, written bool) (syncline.App, Change) {
	a.mu.Lock()
	known := a.rows[app.ID]
	switch same := known != nil && known.app().UID == app.UID; {
	case written && !same:
		a.mu.Unlock()
		return app, Same
	case same && older(app.Past.ResourceVersion, known.app().Past.ResourceVersion):
		defer a.mu.Unlock()
		return *known.app(), Same
	}
	change := Declared
	if known == nil {
		known = &row{entry: &Entry{App: &syncline.App{}}, place: a.shelf.take()}
		a.rows[app.ID] = known
	} else {
		change = changeOf(*known.app(), app)
	}
	left := a.reindex(known, &app)
	a.replace(known, &Entry{App: &app, Record: record, Plan: known.entry.Plan})
	a.mu.Unlock()
	a.tell(app.ID, left)
	return app, change
}

// replace puts an entry in the place of what is known of an App, and has who follows
// them told.
func (a *Apps) replace(known *row, entry *Entry) {
	known.entry = entry
	a.shelf.put(known.place, entry)
	a.feed.add(entry.App.ID, known.place)
}

// planned takes note of the plan of an App that is declared.
func (a *Apps) planned(id syncline.AppID, plan *syncline.Plan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.rows[id]; known != nil {
		a.replace(known, &Entry{App: known.app(), Record: known.entry.Record, Plan: plan})
	}
}

// Remove forgets an App that is gone.
func (a *Apps) Remove(id syncline.AppID) {
	a.mu.Lock()
	known := a.rows[id]
	if known == nil {
		a.mu.Unlock()
		return
	}
	delete(a.rows, id)
	if instance := known.app().Instance; a.byInstance[instance] == id {
		delete(a.byInstance, instance)
	}
	a.leaveIndexes(known)
	a.leaveNames(known)
	left := a.untaken(known.ways)
	a.shelf.put(known.place, nil)
	a.feed.add(id, known.place)
	a.shelf.free = append(a.shelf.free, known.place)
	a.mu.Unlock()
	a.tell(id, left)
}

// Told returns what is kept of an App, and what was kept when people were last told of
// it, and takes note that they are told now. The first time it is nothing, and nothing
// of an App that is gone.
func (a *Apps) Told(id syncline.AppID) (before, now syncline.Report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.rows[id]
	if known == nil {
		return before, now
	}
	if known.told != nil {
		before = known.told.Past.Report
	}
	known.told = known.app()
	return before, known.told.Past.Report
}

// Seen returns an App when it is known as its resource is in a version, or as that
// became later.
func (a *Apps) Seen(id syncline.AppID, uid types.UID, version string) (syncline.App, bool) {
	app, known := a.App(id)
	if !known || version == "" || app.UID != uid || version != app.Past.ResourceVersion && !older(version, app.Past.ResourceVersion) {
		return syncline.App{}, false
	}
	return app, true
}

// older reports whether one resource version came before another. Kubernetes
// promises since 1.35 that they can be compared as numbers (KEP-5504).
func older(version, than string) bool {
	a, errA := strconv.ParseUint(version, 10, 64)
	b, errB := strconv.ParseUint(than, 10, 64)
	return errA == nil && errB == nil && a < b
}

// changeOf compares what two sightings of an App ask for. What the engine
// itself wrote down makes no difference.
func changeOf(old, seen syncline.App) Change {
	asked := seen.Refresh != syncline.NoRefresh && old.Refresh != seen.Refresh ||
		seen.Request != nil && !reflect.DeepEqual(old.Request, seen.Request) ||
		old.ApprovedPrune != seen.ApprovedPrune || !old.ApprovedAt.Equal(seen.ApprovedAt) || old.Paused != seen.Paused ||
		(old.Deleting == nil) != (seen.Deleting == nil) || terminating(seen) && !terminating(old)
	if asked {
		return Asked
	}
	old.Past, seen.Past = syncline.Past{}, syncline.Past{}
	old.Refresh, old.Request = seen.Refresh, seen.Request
	if reflect.DeepEqual(old, seen) {
		return Same
	}
	return Declared
}

func terminating(app syncline.App) bool {
	return app.Past.Operation != nil && app.Past.Operation.Phase == syncline.OperationTerminating
}

// tell tells of the ways that nobody takes any more, without the lock.
func (a *Apps) tell(id syncline.AppID, left []Way) {
	for _, way := range left {
		if a.Left != nil {
			a.Left(id, way)
		}
	}
}

// untaken returns those of the ways that nobody takes.
func (a *Apps) untaken(ways []Way) []Way {
	var left []Way
	for _, way := range ways {
		if a.ways[way.Address.Key()][way] == 0 {
			left = append(left, way)
		}
	}
	return left
}

// waysOf returns how an App comes to its repositories. One that is being deleted
// needs none.
func waysOf(app *syncline.App, elsewhere []syncline.Source) []Way {
	if app.Deleting != nil || len(app.Sources) == 0 {
		return nil
	}
	ways := make([]Way, 0, len(app.Sources)+len(elsewhere))
	for _, source := range slices.Concat(app.Sources, elsewhere) {
		ways = append(ways, Way{app.Project, source.Address()})
	}
	return ways
}

// Reads returns all that an App reads: its sources, and what it is given from elsewhere.
func (a *Apps) Reads(id syncline.AppID) []syncline.Source {
	a.mu.RLock()
	defer a.mu.RUnlock()
	known := a.rows[id]
	if known == nil {
		return nil
	}
	return slices.Concat(known.app().Sources, known.elsewhere)
}

// reindex finds an App by what it is declared to use now, and returns the ways that
// nobody takes any more.
func (a *Apps) reindex(known *row, app *syncline.App) []Way {
	if old := known.app().Instance; old != app.Instance && a.byInstance[old] == app.ID {
		delete(a.byInstance, old)
	}
	a.byInstance[app.Instance] = app.ID
	before, ways, fresh := known.ways, waysOf(app, known.elsewhere), known.app().ID == syncline.AppID{}
	if !fresh && known.app().Project == app.Project && slices.Equal(before, ways) {
		return nil
	}
	if !fresh {
		a.leaveIndexes(known)
	}
	known.ways = ways
	add(a.byProject, app.Project, app.ID)
	for _, way := range ways {
		key := way.Address.Key()
		add(a.byRepository, key, app.ID)
		if a.ways[key] == nil {
			a.ways[key] = map[Way]int{}
		}
		a.ways[key][way]++
	}
	return a.untaken(before)
}

func (a *Apps) leaveIndexes(known *row) {
	id := known.app().ID
	remove(a.byProject, known.app().Project, id)
	for _, way := range known.ways {
		key := way.Address.Key()
		remove(a.byRepository, key, id)
		if a.ways[key][way]--; a.ways[key][way] <= 0 {
			delete(a.ways[key], way)
		}
		if len(a.ways[key]) == 0 {
			delete(a.ways, key)
		}
	}
}

func add(index map[string]map[syncline.AppID]struct{}, key string, id syncline.AppID) {
	if index[key] == nil {
		index[key] = map[syncline.AppID]struct{}{}
	}
	index[key][id] = struct{}{}
}

func remove(index map[string]map[syncline.AppID]struct{}, key string, id syncline.AppID) {
	if delete(index[key], id); len(index[key]) == 0 {
		delete(index, key)
	}
}

// OfProject returns the Apps of a project, in the order of their names.
func (a *Apps) OfProject(name string) []syncline.AppID {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return sorted(a.byProject[name])
}

// OfTarget returns the Apps that deliver to a cluster, in the order of their names. It
// looks at every App, and is for what happens rarely.
func (a *Apps) OfTarget(target syncline.Target) []syncline.AppID {
	found := map[syncline.AppID]struct{}{}
	for entry := range a.shelf.all() {
		if target.Is(entry.App.Destination) {
			found[entry.App.ID] = struct{}{}
		}
	}
	return sorted(found)
}

func sorted(ids map[syncline.AppID]struct{}) []syncline.AppID {
	return slices.SortedFunc(maps.Keys(ids), compareIDs)
}

func compareIDs(a, b syncline.AppID) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
}

// App returns an App as it is declared now.
func (a *Apps) App(id syncline.AppID) (syncline.App, bool) {
	entry, ok := a.Entry(id)
	if !ok {
		return syncline.App{}, false
	}
	return *entry.App, true
}

// Entry returns what is known of an App.
func (a *Apps) Entry(id syncline.AppID) (Entry, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if known := a.rows[id]; known != nil {
		return *known.entry, true
	}
	return Entry{}, false
}

func (a *Apps) has(id syncline.AppID) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.rows[id] != nil
}

// ByInstance returns the App that tracking annotations call by that name.
func (a *Apps) ByInstance(instance string) (syncline.App, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if known := a.rows[a.byInstance[instance]]; known != nil {
		return *known.app(), true
	}
	return syncline.App{}, false
}

// ProjectOf returns the project of the App that tracking calls so, "" when there is
// none.
func (a *Apps) ProjectOf(instance string) string {
	app, _ := a.ByInstance(instance)
	return app.Project
}

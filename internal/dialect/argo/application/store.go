package application

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Resources writes Applications.
type Resources interface {
	// PatchApplication applies a JSON merge patch and returns what came of it. It
	// is a NotFound error when there is none any more.
	PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error)
}

// Store holds the Applications as they were last seen, and keeps reports in
// them. It is safe for concurrent use.
type Store struct {
	// Later asks for another turn of an App at a time, because a report of no
	// urgency was not written. Set it before the first Save. Default: nobody is
	// asked, and every report is written at once.
	Later func(id syncline.AppID, at time.Time)
	// Changed is told what somebody changed between the last sighting and our
	// write, whose answer shows it first: the watch has nothing new to tell then.
	// Set it before the first Save. Default: nobody is told.
	Changed func(app syncline.App, change Change)
	// Left is told of a way to a repository that an App does not take any more, nor
	// any other. Set it before the first Put. Default: nobody is told.
	Left func(id syncline.AppID, way Way)

	resources    Resources
	controlPlane string
	// writing has the place of the large Application that is written.
	writing chan struct{}

	mu         sync.RWMutex
	entries    map[syncline.AppID]entry
	byInstance map[string]syncline.AppID
	// byProject and byRepository hold the Apps of each, so that who asks for them
	// does not look at the others.
	byProject    map[string]map[syncline.AppID]struct{}
	byRepository map[string]map[syncline.AppID]struct{}
	// ways count, of each repository, the Apps by how they come to it.
	ways map[string]map[Way]int
}

// Way is by what project a repository is reached, and how it is spelled there.
type Way struct {
	Project string
	Address upstream.Address
}

// entry is one Application. Its cr is not changed, only replaced.
type entry struct {
	app syncline.App
	// cr is what [Patch] reads of it; see essence.
	cr      *v1alpha1.Application
	version string
	// large says that it takes so much memory to write it that only one such is
	// written at a time.
	large bool
	// ways are those to the App's repositories.
	ways []Way
	// written is when a report was last written.
	written time.Time
}

// NewStore returns an empty Store. The namespace controlPlane is the one where
// Applications are tracked by their bare name.
func NewStore(resources Resources, controlPlane string) *Store {
	return &Store{
		resources: resources, controlPlane: controlPlane, writing: make(chan struct{}, 1),
		entries: map[syncline.AppID]entry{}, byInstance: map[string]syncline.AppID{},
		byProject: map[string]map[syncline.AppID]struct{}{}, byRepository: map[string]map[syncline.AppID]struct{}{},
		ways: map[string]map[Way]int{},
	}
}

// Change is what became of an Application when it was seen.
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

// Put takes note of an Application as it was seen. What is not newer than what
// is known is passed over: a watch tells again what our own writes came to. The
// object is not kept, and may be changed.
func (s *Store) Put(u *unstructured.Unstructured) (syncline.App, Change) {
	return s.put(u, false)
}

// put takes note of an Application. One that was written is noted only while it is
// known: the watch may have told its end before the answer to the write came.
func (s *Store) put(u *unstructured.Unstructured, written bool) (syncline.App, Change) {
	large := textOf(u.Object) > largeText
	if app, known := s.knownSince(u); known {
		return app, Same
	}
	unstructured.RemoveNestedField(u.Object, "spec", "info") // what people tell each other is not for us
	app, cr := Read(u, s.controlPlane)
	seen := entry{app: app, cr: essence(cr), version: u.GetResourceVersion(), large: large, ways: waysOf(app)}
	var left []Way
	defer func() { s.tell(app.ID, left) }()
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.entries[app.ID]
	if written && (!known || old.app.UID != app.UID) {
		return app, Same
	}
	if known && old.app.UID == app.UID && older(seen.version, old.version) {
		return old.app, Same
	}
	seen.written = old.written
	left = s.replace(old, seen)
	if !known {
		return app, Declared
	}
	return app, changeOf(old.app, app)
}

// knownSince returns the App when it is known as it was seen, or as it became
// later.
func (s *Store) knownSince(u *unstructured.Unstructured) (syncline.App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[syncline.AppID{Kind: syncline.KindApplication, Namespace: u.GetNamespace(), Name: u.GetName()}]
	version := u.GetResourceVersion()
	if !ok || version == "" || e.app.UID != u.GetUID() || version != e.version && !older(version, e.version) {
		return syncline.App{}, false
	}
	return e.app, true
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

// Delete forgets an Application that is gone.
func (s *Store) Delete(id syncline.AppID) {
	s.tell(id, s.remove(id))
}

// remove forgets an App, and returns the ways that nobody takes any more.
func (s *Store) remove(id syncline.AppID) []Way {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if !ok {
		return nil
	}
	delete(s.byInstance, e.app.Instance)
	delete(s.entries, id)
	s.leaveIndexes(e)
	return s.untaken(e.ways)
}

// tell tells of the ways that nobody takes any more, without the lock.
func (s *Store) tell(id syncline.AppID, left []Way) {
	for _, way := range left {
		if s.Left != nil {
			s.Left(id, way)
		}
	}
}

// untaken returns those of the ways that nobody takes.
func (s *Store) untaken(ways []Way) []Way {
	var left []Way
	for _, way := range ways {
		if s.ways[way.Address.Key()][way] == 0 {
			left = append(left, way)
		}
	}
	return left
}

// waysOf returns how an App comes to its repositories. One that is being deleted
// needs none.
func waysOf(app syncline.App) []Way {
	if app.Deleting != nil {
		return nil
	}
	return each(app.Sources, func(source syncline.Source) Way { return Way{app.Project, source.Address()} })
}

// replace puts an entry, and its indexes, in the place of the old one, and returns
// the ways that nobody takes any more.
func (s *Store) replace(old, seen entry) []Way {
	id := seen.app.ID
	s.entries[id] = seen
	s.byInstance[seen.app.Instance] = id
	if old.app.Project == seen.app.Project && slices.Equal(old.ways, seen.ways) && old.cr != nil {
		return nil
	}
	if old.cr != nil {
		s.leaveIndexes(old)
	}
	add(s.byProject, seen.app.Project, id)
	for _, way := range seen.ways {
		key := way.Address.Key()
		add(s.byRepository, key, id)
		if s.ways[key] == nil {
			s.ways[key] = map[Way]int{}
		}
		s.ways[key][way]++
	}
	return s.untaken(old.ways)
}

func (s *Store) leaveIndexes(e entry) {
	remove(s.byProject, e.app.Project, e.app.ID)
	for _, way := range e.ways {
		key := way.Address.Key()
		remove(s.byRepository, key, e.app.ID)
		if s.ways[key][way]--; s.ways[key][way] <= 0 {
			delete(s.ways[key], way)
		}
		if len(s.ways[key]) == 0 {
			delete(s.ways, key)
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
func (s *Store) OfProject(name string) []syncline.AppID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sorted(s.byProject[name])
}

// OfRepository returns the Apps that read the repository of that
// [upstream.Address.Key], in the order of their names.
func (s *Store) OfRepository(key string) []syncline.AppID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sorted(s.byRepository[key])
}

// OfRepositories returns the Apps that read a repository whose key begins so, in
// the order of their names. It looks at every repository.
func (s *Store) OfRepositories(prefix string) []syncline.AppID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[syncline.AppID]struct{}{}
	for key, ids := range s.byRepository {
		if strings.HasPrefix(key+"/", prefix) {
			maps.Copy(found, ids)
		}
	}
	return sorted(found)
}

// OfTarget returns the Apps that deliver to a cluster, in the order of their names. It
// looks at every App, and is for what happens rarely.
func (s *Store) OfTarget(target syncline.Target) []syncline.AppID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[syncline.AppID]struct{}{}
	for id, e := range s.entries {
		if target.Is(e.app.Destination) {
			found[id] = struct{}{}
		}
	}
	return sorted(found)
}

// Ways returns how Apps come to the repository of that key: once, however many
// they are.
func (s *Store) Ways(key string) []Way {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.ways[key]))
}

func sorted(ids map[syncline.AppID]struct{}) []syncline.AppID {
	return slices.SortedFunc(maps.Keys(ids), func(a, b syncline.AppID) int { return strings.Compare(a.String(), b.String()) })
}

// App returns an App as it is declared now.
func (s *Store) App(id syncline.AppID) (syncline.App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[id]
	return e.app, ok
}

// ByInstance returns the App that tracking annotations call by that name.
func (s *Store) ByInstance(instance string) (syncline.App, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[s.byInstance[instance]]
	return e.app, ok
}

// ProjectOf returns the project of the App that tracking calls so, "" when there is
// none.
func (s *Store) ProjectOf(instance string) string {
	app, _ := s.ByInstance(instance)
	return app.Project
}

// Save writes a report into its Application, when it says anything new. What
// the API server answers is known at once, so that the next turn builds on it.
// A report of which nothing but the health of single objects is new may have to
// wait for a pause after the last; see [Store.Later].
func (s *Store) Save(ctx context.Context, report syncline.Report) error {
	s.mu.RLock()
	e, ok := s.entries[report.App]
	s.mu.RUnlock()
	if !ok {
		return nil
	}
	patch, pause, err := Patch(report, e.cr)
	if err != nil || patch == nil {
		return err
	}
	if due := e.written.Add(pause); s.Later != nil && report.At.Before(due) {
		s.Later(report.App, due)
		return nil
	}
	u, err := s.write(ctx, e, patch)
	switch {
	case syncline.KindOf(err) == syncline.NotFound:
		s.Delete(report.App)
		return nil
	case err != nil:
		return fmt.Errorf("write the status of Application %s: %w", report.App, err)
	}
	app, change := s.put(u, true)
	s.noteWritten(report)
	if change != Same && s.Changed != nil {
		s.Changed(app, change)
	}
	return nil
}

// largeText is how many bytes of text people have to write into an Application for
// it to be large. What comes over the wire is in memory several times over until it
// is read.
const largeText = 256 << 10

// textOf returns about how many bytes of text people wrote into an Application:
// there may be much in its status, which is ours.
func textOf(content map[string]any) (bytes int) {
	for section, value := range content {
		if section != "status" {
			bytes += bytesOf(value)
		}
	}
	return bytes
}

func bytesOf(value any) (bytes int) {
	switch value := value.(type) {
	case string:
		return len(value)
	case map[string]any:
		for key, entry := range value {
			bytes += len(key) + bytesOf(entry)
		}
	case []any:
		for _, entry := range value {
			bytes += bytesOf(entry)
		}
	}
	return bytes
}

// write patches an Application, a large one when no other is patched.
func (s *Store) write(ctx context.Context, e entry, patch []byte) (*unstructured.Unstructured, error) {
	if e.large {
		select {
		case s.writing <- struct{}{}:
			defer func() { <-s.writing }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.resources.PatchApplication(ctx, e.app.ID, patch)
}

// noteWritten notes when a report was written.
func (s *Store) noteWritten(report syncline.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[report.App]; ok {
		e.written = report.At
		s.entries[report.App] = e
	}
}

package project

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Store holds the AppProjects as they were last seen. It is safe for concurrent use.
type Store struct {
	// Changed is told the name of a project that says something else now, or is gone.
	// Set it before the first Put. Default: nobody is told.
	Changed func(name string)

	mu      sync.RWMutex
	entries map[string]entry
	// impersonation is whether the accounts of projects count.
	impersonation Impersonation
	// inherits is the text of the setting by which projects inherit from globals, and
	// errGlobals why it cannot be read.
	inherits   string
	globals    []global
	errGlobals error
	// held are those that are being deleted and wait for their Applications to go.
	held map[string]*unstructured.Unstructured
	// look asks to look at those held; it has room for one.
	look chan struct{}
}

// Impersonation is whether projects say as whom their Applications write.
type Impersonation struct {
	// Enabled says that they do, and Enforced that nothing is written where they do not.
	Enabled, Enforced bool
}

// Impersonate has the accounts of projects count from now on, or not.
func (s *Store) Impersonate(now Impersonation) {
	s.mu.Lock()
	before := s.impersonation
	s.impersonation = now
	names := slices.Collect(maps.Keys(s.entries))
	s.mu.Unlock()
	if before != now {
		s.tell(names...)
	}
}

// entry is a project, or why it cannot be read.
type entry struct {
	project syncline.Project
	labels  labels.Set
	err     error
}

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{entries: map[string]entry{}, held: map[string]*unstructured.Unstructured{}, look: make(chan struct{}, 1)}
}

// Put takes note of an AppProject as it was seen. It is an Invalid error when it
// cannot be read: nothing of the project is delivered then, and [Store.Project] says
// why.
func (s *Store) Put(u *unstructured.Unstructured) error {
	name := u.GetName()
	e := entry{labels: u.GetLabels()}
	e.project, e.err = Read(u)
	s.mu.Lock()
	before, known := s.entries[name]
	s.entries[name] = e
	if delete(s.held, name); Held(u) {
		s.held[name] = u
		s.ask()
	}
	concerned := s.concerned(name)
	s.mu.Unlock()
	if !known || !before.equal(e) {
		s.tell(concerned...)
	}
	return e.err
}

// Delete forgets an AppProject that is gone.
func (s *Store) Delete(name types.NamespacedName) {
	s.mu.Lock()
	_, known := s.entries[name.Name]
	delete(s.entries, name.Name)
	delete(s.held, name.Name)
	concerned := s.concerned(name.Name)
	s.mu.Unlock()
	if known {
		s.tell(concerned...)
	}
}

func (s *Store) tell(names ...string) {
	for _, name := range names {
		if s.Changed != nil {
			s.Changed(name)
		}
	}
}

// concerned returns the projects that are something else when the one of that name is:
// all, where others inherit from it. The caller holds the lock.
func (s *Store) concerned(name string) []string {
	names := []string{name}
	if slices.ContainsFunc(s.globals, func(g global) bool { return g.name == name }) {
		for other := range s.entries {
			if other != name {
				names = append(names, other)
			}
		}
	}
	return names
}

// Project returns the project of that name, or a NotFound error.
func (s *Store) Project(name string) (syncline.Project, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.entries[name]
	if !ok {
		return syncline.Project{}, syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "Application referencing project %s which does not exist", name),
			fmt.Sprintf("create the AppProject %s, or name another in spec.project", name))
	}
	if found.err != nil || s.errGlobals != nil {
		return syncline.Project{}, cmp.Or(found.err, s.errGlobals)
	}
	project, err := s.inheriting(found)
	if project.AccountsOnly = s.impersonation.Enabled && s.impersonation.Enforced; !s.impersonation.Enabled {
		project.Accounts = nil
	}
	return project, err
}

// Signed returns the names of the projects that demand signatures.
func (s *Store) Signed() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name, e := range s.entries {
		if len(e.project.Signatures) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// equal reports whether two entries say the same.
func (e entry) equal(other entry) bool {
	if e.err != nil || other.err != nil {
		return e.err != nil && other.err != nil && e.err.Error() == other.err.Error()
	}
	return reflect.DeepEqual(e.project, other.project) && maps.Equal(e.labels, other.labels)
}

// leaving returns the projects that are held.
func (s *Store) leaving() []*unstructured.Unstructured {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.held))
}

// ask has a [Releaser] look at the projects that are held.
func (s *Store) ask() {
	select {
	case s.look <- struct{}{}:
	default: // it is asked already
	}
}

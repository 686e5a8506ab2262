package repository

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Store holds the repository Secrets as they were last seen. It is safe for
// concurrent use.
type Store struct {
	// Changed is told what a Secret is about that says something else now or is gone,
	// and what it was about before. Set it before the first Put. Default: nobody is told.
	Changed func(concerns []Concern)
	// Where says for messages where credentials are put of a repository that no Secret
	// names. Default: a Secret.
	Where string

	mu      sync.RWMutex
	entries map[string]entry
	// repositories are by the keys of their addresses, and templates by the servers
	// that theirs name; then by the names of the Secrets.
	repositories map[string]map[string]entry
	templates    map[string]map[string]entry
}

// entry is one Secret.
type entry struct {
	name       string
	template   bool
	project    string
	repository upstream.Repository
}

// Concern is what a Secret is about.
type Concern struct {
	// Repository is the repository's [upstream.Address.Key], and the beginning of
	// those that a template is about.
	Repository string
	Template   bool
}

// Covers reports whether the repository of that key is concerned.
func (c Concern) Covers(repoKey string) bool {
	return repoKey == c.Repository || c.Template && strings.HasPrefix(repoKey+"/", c.Repository)
}

// NewStore returns an empty Store.
func NewStore() *Store {
	return &Store{
		entries:      map[string]entry{},
		repositories: map[string]map[string]entry{},
		templates:    map[string]map[string]entry{},
	}
}

// Put takes note of a Secret as it was seen. It is an Invalid error when its address
// cannot be read: the Secret concerns nothing then.
func (s *Store) Put(u *unstructured.Unstructured) error {
	e := read(u)
	s.tell(s.put(e))
	return e.repository.Address.Err()
}

// put returns what an entry is about, and what it was about before when that is
// something else.
func (s *Store) put(e entry) []Concern {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, known := s.entries[e.name]; known && reflect.DeepEqual(old, e) {
		return nil
	}
	concerns := s.remove(e.name)
	s.entries[e.name] = e
	if e.repository.Address.Err() != nil {
		return concerns
	}
	index, key := s.index(e)
	if index[key] == nil {
		index[key] = map[string]entry{}
	}
	index[key][e.name] = e
	for _, now := range e.concerns() {
		if !slices.Contains(concerns, now) {
			concerns = append(concerns, now)
		}
	}
	return concerns
}

// Delete forgets a Secret that is gone.
func (s *Store) Delete(name types.NamespacedName) {
	s.mu.Lock()
	concerns := s.remove(name.String())
	s.mu.Unlock()
	s.tell(concerns)
}

func (s *Store) tell(concerns []Concern) {
	if s.Changed != nil && len(concerns) > 0 {
		s.Changed(concerns)
	}
}

func (s *Store) remove(name string) []Concern {
	e, known := s.entries[name]
	delete(s.entries, name)
	if !known || e.repository.Address.Err() != nil {
		return nil
	}
	index, key := s.index(e)
	if delete(index[key], name); len(index[key]) == 0 {
		delete(index, key)
	}
	return e.concerns()
}

// concerns are about the Git repository at the address, and about the Helm repository
// where that is another.
func (e entry) concerns() []Concern {
	var concerns []Concern
	for _, address := range []upstream.Address{e.repository.Address.OfGit(), e.repository.Address.OfCharts()} {
		concern := Concern{Repository: address.Key()}
		if e.template {
			concern = Concern{Repository: address.Key() + "/", Template: true}
		}
		if !slices.Contains(concerns, concern) {
			concerns = append(concerns, concern)
		}
	}
	return concerns
}

// index returns where an entry is found, and by what.
func (s *Store) index(e entry) (map[string]map[string]entry, string) {
	if e.template {
		return s.templates, e.repository.Address.Origin()
	}
	return s.repositories, e.repository.Address.OfGit().Key()
}

// For returns how a project reaches the repository at an address. The
// repository's own Secret says so, one of the project before one of none; where
// it has no credentials, those of the template with the longest matching prefix
// are used; where there is no Secret at all, nothing but the address is known.
func (s *Store) For(address upstream.Address, project string) upstream.Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.find(address, project)
	if !found.Declared {
		found.Where = cmp.Or(s.Where, "a Secret with the label "+Label+": "+TypeRepository)
	}
	return found
}

func (s *Store) find(address upstream.Address, project string) upstream.Repository {
	if address.Err() != nil {
		return upstream.Repository{Address: address}
	}
	own, found := best(s.repositories[address.OfGit().Key()], project, func(e entry) bool { return address.Is(e.repository.Address) })
	if found && hasCredentials(own.repository) {
		return at(own.repository, address)
	}
	template, ok := best(s.templates[address.Origin()], project, func(e entry) bool {
		return address.IsWithin(e.repository.Address)
	})
	switch {
	case ok && found:
		return at(merged(own.repository, template.repository), address)
	case ok:
		return at(template.repository, address)
	case found:
		return at(own.repository, address)
	}
	return upstream.Repository{Address: address}
}

// best returns the entry that matches most closely: with the longest address,
// then of the project itself, then by name so that the choice does not change.
func best(entries map[string]entry, project string, matches func(entry) bool) (entry, bool) {
	var candidates []entry
	for _, e := range entries {
		if (e.project == "" || e.project == project) && matches(e) {
			candidates = append(candidates, e)
		}
	}
	if candidates == nil {
		return entry{}, false
	}
	return slices.MinFunc(candidates, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(len(b.repository.Address.Key()), len(a.repository.Address.Key())),
			cmp.Compare(b.project, a.project), // of the project before of none
			cmp.Compare(a.name, b.name),
		)
	}), true
}

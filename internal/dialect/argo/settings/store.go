package settings

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Store holds the ConfigMap as it was last seen. It is safe for concurrent use.
type Store struct {
	// Changed is told the rules that count from now on. Set it before the first Put.
	// Default: nobody is told.
	Changed func(rules Rules)
	// Unread is told, once for each, the keys that would change what is delivered and
	// are not read. Set it before the first Put. Default: nobody is told.
	Unread func(key string)

	mu     sync.RWMutex
	rules  Rules
	unread map[string]struct{}
}

// NewStore returns an empty Store.
func NewStore() *Store { return &Store{unread: map[string]struct{}{}} }

// Put takes over the ConfigMap as it was seen. The error joins what cannot be read of
// it, as that of [Read] does; the rest counts all the same.
func (s *Store) Put(u *unstructured.Unstructured) error {
	s.mu.Lock()
	before := s.rules
	rules, err := Read(u, before)
	s.rules = rules
	unread := s.news(u)
	s.mu.Unlock()
	for _, key := range unread {
		if s.Unread != nil {
			s.Unread(key)
		}
	}
	s.tell(before, rules)
	return err
}

// news returns the keys that are not read and were not told yet.
func (s *Store) news(u *unstructured.Unstructured) (keys []string) {
	for _, key := range Unread(u) {
		if _, told := s.unread[key]; !told {
			s.unread[key] = struct{}{}
			keys = append(keys, key)
		}
	}
	return keys
}

// Delete takes note that there is no ConfigMap.
func (s *Store) Delete(types.NamespacedName) {
	s.mu.Lock()
	before := s.rules
	s.rules = Rules{}
	s.mu.Unlock()
	s.tell(before, Rules{})
}

func (s *Store) tell(before, after Rules) {
	if s.Changed != nil && !before.equal(after) {
		s.Changed(after)
	}
}

// Find returns the rule for a kind that counts now; see [Rules.Find].
func (s *Store) Find(kind schema.GroupKind) (syncline.HealthRule, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rules.Find(kind)
}

// Label returns the label by which Argo CD is to track objects now, "" when it is not to do
// so by label.
func (s *Store) Label() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rules.Label
}

// equal reports whether rules say the same.
func (r Rules) equal(other Rules) bool {
	return maps.Equal(r.inOne, other.inOne) && maps.Equal(r.single, other.single) &&
		r.Impersonation == other.Impersonation && r.Enforced == other.Enforced && r.GlobalProjects == other.GlobalProjects
}

package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Store holds the cluster Secrets as they were last seen. Of several for one address the
// oldest counts, and of those of one second the first by name. It is safe for concurrent
// use.
type Store struct {
	audience Audience

	mu sync.Mutex
	// named holds by the names of Secrets which cluster they are about, and entries the
	// Secrets by cluster and name.
	named   map[string]syncline.ClusterID
	entries map[syncline.ClusterID]map[string]entry
	// told are the entries that count.
	told map[syncline.ClusterID]entry
}

// Audience is told what counts, one change after the other.
type Audience interface {
	// Join is told a cluster that is there now, or is something else than before. The
	// error says why it cannot be used.
	Join(c Cluster) error
	// Leave is told one that is no more.
	Leave(id syncline.ClusterID)
}

// NewStore returns an empty Store, which tells an audience.
func NewStore(audience Audience) *Store {
	return &Store{
		audience: audience, named: map[string]syncline.ClusterID{}, entries: map[syncline.ClusterID]map[string]entry{}, told: map[syncline.ClusterID]entry{},
	}
}

// Put takes note of a Secret as it was seen. It is an error when the cluster cannot be
// used as the Secret says, and when there is another Secret for the same address.
func (s *Store) Put(u *unstructured.Unstructured) error {
	e := read(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, known := s.named[e.name]; known && before != e.ID {
		s.forget(e.name)
	}
	s.named[e.name] = e.ID
	if s.entries[e.ID] == nil {
		s.entries[e.ID] = map[string]entry{}
	}
	s.entries[e.ID][e.name] = e
	if err := s.tell(e.ID); err != nil {
		return err
	}
	if counts := s.told[e.ID]; e.Err == nil && len(s.entries[e.ID]) > 1 {
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%d Secrets say how %s is reached, of which %s is the oldest and counts", len(s.entries[e.ID]), e.Server, counts.name),
			"delete the others")
	}
	return e.Err
}

// Delete forgets a Secret that is gone.
func (s *Store) Delete(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(name.String())
}

func (s *Store) forget(name string) {
	id, known := s.named[name]
	if !known {
		return
	}
	delete(s.named, name)
	if delete(s.entries[id], name); len(s.entries[id]) == 0 {
		delete(s.entries, id)
	}
	_ = s.tell(id) // of one that counts now its own Put has said what is wrong
}

// tell tells what counts of a cluster, when that is something else now.
func (s *Store) tell(id syncline.ClusterID) error {
	if id == "" { // nobody can name it
		return nil
	}
	before, was := s.told[id]
	if len(s.entries[id]) == 0 {
		if delete(s.told, id); was {
			s.audience.Leave(id)
		}
		return nil
	}
	now := slices.MinFunc(slices.Collect(maps.Values(s.entries[id])), func(a, b entry) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.name, b.name))
	})
	s.told[id] = now
	if was && before.equal(now.Cluster) {
		return nil
	}
	return s.audience.Join(now.Cluster)
}

// equal reports whether two Secrets say the same of a cluster.
func (c Cluster) equal(other Cluster) bool {
	return c.Target == other.Target && slices.Equal(c.Namespaces, other.Namespaces) && c.ClusterResources == other.ClusterResources &&
		reflect.DeepEqual(c.access, other.access) && fmt.Sprint(c.Err) == fmt.Sprint(other.Err)
}

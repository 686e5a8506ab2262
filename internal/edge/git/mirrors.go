package git

import (
	linked "container/list"
	"runtime"
	"sync"
	"time"
	"weak"
)

// mirrors are what is in memory of mirrors, by their folders, of which there is at
// most one of each: those that were used last, and those that anybody has in hand, by
// a tree, a fetch or a process that reads. The zero value has none. It is safe for
// concurrent use.
type mirrors struct {
	mu     sync.Mutex
	known  map[string]weak.Pointer[mirror]
	recent linked.List // of *mirror, the last used first
	places map[*mirror]*linked.Element
}

// maxRecent is how many mirrors are remembered that nobody has in hand. Of another one
// the server is asked again whether it lets who reads it in.
const maxRecent = 5_000

// get returns the mirror in a folder, and whether it was not known.
func (k *mirrors) get(dir string, s *Store) (m *mirror, made bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m := k.known[dir].Value(); m != nil {
		return m, false
	}
	if k.known == nil {
		k.known, k.places = map[string]weak.Pointer[mirror]{}, map[*mirror]*linked.Element{}
	}
	m = newMirror(s, dir)
	k.known[dir] = weak.Make(m)
	runtime.AddCleanup(m, k.forget, dir)
	return m, true
}

// use takes note that a mirror is used.
func (k *mirrors) use(m *mirror) {
	m.used.Store(time.Now().UnixNano())
	k.mu.Lock()
	defer k.mu.Unlock()
	if place := k.places[m]; place != nil {
		k.recent.MoveToFront(place)
		return
	}
	k.places[m] = k.recent.PushFront(m)
	if k.recent.Len() > maxRecent {
		last := k.recent.Remove(k.recent.Back()).(*mirror) //nolint:forcetypeassert // nothing else is put in
		delete(k.places, last)
	}
}

// forget drops a mirror that nobody has in hand any more.
func (k *mirrors) forget(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known[dir].Value() == nil {
		delete(k.known, dir)
	}
}

// all returns the mirrors.
func (k *mirrors) all() []*mirror {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]*mirror, 0, len(k.known))
	for _, known := range k.known {
		if m := known.Value(); m != nil {
			all = append(all, m)
		}
	}
	return all
}

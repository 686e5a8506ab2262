package record

import (
	"container/list"
	"sync"

	"github.com/syncline-io/syncline"
)

// variants is how many results are remembered under one key: those of the
// revisions that an App moves between.
const variants = 3

// bytesPerRead is about what a noted read takes in memory.
const bytesPerRead = 200

// Memo remembers results within a bound of bytes. It forgets the least recently
// used ones first, of the owner who takes most. It is safe for concurrent use.
type Memo[T any] struct {
	capacity int64

	mu     sync.Mutex
	used   int64
	owners map[string]*share
	byKey  map[syncline.Digest][]*list.Element
	stats  Stats
}

// share is what is remembered for one owner.
type share struct {
	used  int64
	order *list.List // of *remembered[T], the most recently used first
}

// Stats counts what became of the questions to a Memo.
type Stats struct {
	// Hits were answered from memory, Misses were not.
	Hits, Misses int64
	// Entries and Bytes are what is remembered now.
	Entries int
	Bytes   int64
}

type remembered[T any] struct {
	key   syncline.Digest
	owner string
	reads Reads
	value T
	size  int64
}

// NewMemo returns a Memo that remembers results of up to capacity bytes.
func NewMemo[T any](capacity int64) *Memo[T] {
	return &Memo[T]{capacity: capacity, owners: map[string]*share{}, byKey: map[syncline.Digest][]*list.Element{}}
}

// Find returns the result remembered under key whose reads hold for inputs.
func (m *Memo[T]) Find(key syncline.Digest, inputs Inputs) (T, bool) {
	for _, candidate := range m.candidates(key) {
		if candidate.reads.Holds(inputs) {
			m.count(key, candidate)
			return candidate.value, true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Misses++
	var none T
	return none, false
}

// Near returns a result remembered under key that would hold for inputs if the
// given files had not changed.
func (m *Memo[T]) Near(key syncline.Digest, inputs Inputs) (value T, changed map[string]bool, found bool) {
	for _, candidate := range m.candidates(key) {
		if files, only := candidate.reads.Changed(inputs); only {
			return candidate.value, files, true
		}
	}
	return value, nil, false
}

// candidates returns what is remembered under key. The reads are checked
// without the lock, because that looks at trees.
func (m *Memo[T]) candidates(key syncline.Digest) []*remembered[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*remembered[T]
	for _, element := range m.byKey[key] {
		found = append(found, element.Value.(*remembered[T]))
	}
	return found
}

// count notes a hit, and that the entry was used if it is still there.
func (m *Memo[T]) count(key syncline.Digest, hit *remembered[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Hits++
	for _, element := range m.byKey[key] {
		if element.Value == hit {
			m.owners[hit.owner].order.MoveToFront(element)
		}
	}
}

// Put remembers a result of about size bytes that follows from reads, at the
// expense of its owner. Reads that nothing can be concluded from are not
// remembered.
func (m *Memo[T]) Put(key syncline.Digest, owner string, reads Reads, value T, size int64) {
	size += int64(len(reads.seen)) * bytesPerRead
	if reads.unsure || size > m.capacity {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owners[owner] == nil {
		m.owners[owner] = &share{order: list.New()}
	}
	element := m.owners[owner].order.PushFront(&remembered[T]{key: key, owner: owner, reads: reads, value: value, size: size})
	m.owners[owner].used += size
	m.used += size
	m.byKey[key] = append([]*list.Element{element}, m.byKey[key]...)
	if kept := m.byKey[key]; len(kept) > variants {
		m.remove(kept[len(kept)-1])
	}
	for m.used > m.capacity {
		m.remove(m.largest().order.Back())
	}
}

// Forget drops the results that are remembered under key.
func (m *Memo[T]) Forget(key syncline.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, element := range m.byKey[key] {
		m.remove(element)
	}
}

// largest returns the share that takes most.
func (m *Memo[T]) largest() *share {
	var found *share
	for _, s := range m.owners {
		if found == nil || s.used > found.used {
			found = s
		}
	}
	return found
}

func (m *Memo[T]) remove(element *list.Element) {
	gone := element.Value.(*remembered[T]) //nolint:forcetypeassert // nothing else is put into the lists
	from := m.owners[gone.owner]
	from.order.Remove(element)
	if from.used -= gone.size; from.order.Len() == 0 {
		delete(m.owners, gone.owner)
	}
	m.used -= gone.size
	var kept []*list.Element
	for _, other := range m.byKey[gone.key] {
		if other != element {
			kept = append(kept, other)
		}
	}
	if m.byKey[gone.key] = kept; len(kept) == 0 {
		delete(m.byKey, gone.key)
	}
}

// Stats returns the counts so far.
func (m *Memo[T]) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := m.stats
	stats.Bytes = m.used
	for _, s := range m.owners {
		stats.Entries += s.order.Len()
	}
	return stats
}

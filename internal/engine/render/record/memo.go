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

// Memo remembers results within a bound of bytes, and forgets the least
// recently used ones first. It is safe for concurrent use.
type Memo[T any] struct {
	capacity int64

	mu    sync.Mutex
	used  int64
	order *list.List // of *remembered[T], the most recently used first
	byKey map[syncline.Digest][]*list.Element
	stats Stats
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
	reads Reads
	value T
	size  int64
}

// NewMemo returns a Memo that remembers results of up to capacity bytes.
func NewMemo[T any](capacity int64) *Memo[T] {
	return &Memo[T]{capacity: capacity, order: list.New(), byKey: map[syncline.Digest][]*list.Element{}}
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
			m.order.MoveToFront(element)
		}
	}
}

// Put remembers a result of about size bytes that follows from reads. Reads
// that nothing can be concluded from are not remembered.
func (m *Memo[T]) Put(key syncline.Digest, reads Reads, value T, size int64) {
	size += int64(len(reads.seen)) * bytesPerRead
	if reads.unsure || size > m.capacity {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	element := m.order.PushFront(&remembered[T]{key: key, reads: reads, value: value, size: size})
	m.used += size
	m.byKey[key] = append([]*list.Element{element}, m.byKey[key]...)
	if kept := m.byKey[key]; len(kept) > variants {
		m.remove(kept[len(kept)-1])
	}
	for m.used > m.capacity {
		m.remove(m.order.Back())
	}
}

func (m *Memo[T]) remove(element *list.Element) {
	gone := m.order.Remove(element).(*remembered[T])
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
	stats.Entries, stats.Bytes = m.order.Len(), m.used
	return stats
}

// Package few has a map that takes no memory of its own for one entry: most of what is
// found by something is found by one only.
package few

import "iter"

// Map is a map with mostly one entry. The zero value is empty. It is copied as a slice is:
// who changes a copy keeps that.
type Map[K comparable, V any] struct {
	// key and value are the only entry when there is one and no more.
	key   K
	value V
	one   bool
	more  map[K]V
}

// Len is the number of entries.
func (m *Map[K, V]) Len() int {
	if m.one {
		return 1
	}
	return len(m.more)
}

// Get returns the value of a key, and whether it has one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	if m.one && m.key == key {
		return m.value, true
	}
	value, ok := m.more[key]
	return value, ok
}

// Set gives a key a value.
func (m *Map[K, V]) Set(key K, value V) {
	switch {
	case m.more != nil:
		m.more[key] = value
	case !m.one || m.key == key:
		m.key, m.value, m.one = key, value, true
	default:
		m.more = map[K]V{m.key: m.value, key: value}
		m.clear()
	}
}

// Delete takes a key out.
func (m *Map[K, V]) Delete(key K) {
	if m.one && m.key == key {
		m.clear()
	}
	if delete(m.more, key); len(m.more) == 0 {
		m.more = nil
	}
}

func (m *Map[K, V]) clear() {
	var key K
	var value V
	m.key, m.value, m.one = key, value, false
}

// All yields the entries.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if m.one {
			yield(m.key, m.value)
			return
		}
		for key, value := range m.more {
			if !yield(key, value) {
				return
			}
		}
	}
}

// Keys yields the keys.
func (m *Map[K, V]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for key := range m.All() {
			if !yield(key) {
				return
			}
		}
	}
}

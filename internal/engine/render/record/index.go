package record

import (
	"iter"
	"maps"

	"github.com/syncline-io/syncline/internal/base/few"
)

// Difference is what differs between the files of two revisions.
type Difference interface {
	// Each visits the paths that differ: where something came, went, or has
	// another type or permission (entry); where a file has other bytes, or is one
	// of these (content); and directories in which names differ (listing).
	Each(visit func(path string, entry, content, listing bool))
}

// Index finds those of many computations that looked at something which
// differs, without asking each of them.
type Index[K comparable] struct {
	reads map[K]Reads
	// by holds who looked at what.
	by map[read]few.Map[K, struct{}]
}

// NewIndex returns an empty Index.
func NewIndex[K comparable]() *Index[K] {
	return &Index[K]{reads: map[K]Reads{}, by: map[read]few.Map[K, struct{}]{}}
}

// Add adds a computation, which the Index does not hold yet. Its reads have to
// be [Reads.Traceable].
func (x *Index[K]) Add(key K, reads Reads) {
	x.reads[key] = reads
	for what := range reads.seen {
		readers := x.by[what]
		readers.Set(key, struct{}{})
		x.by[what] = readers
	}
}

// Remove removes a computation.
func (x *Index[K]) Remove(key K) {
	for what := range x.reads[key].seen {
		readers := x.by[what]
		if readers.Delete(key); readers.Len() == 0 {
			delete(x.by, what)
			continue
		}
		x.by[what] = readers
	}
	delete(x.reads, key)
}

// Len is the number of computations.
func (x *Index[K]) Len() int { return len(x.reads) }

// All yields the computations with their reads.
func (x *Index[K]) All() iter.Seq2[K, Reads] {
	return func(yield func(K, Reads) bool) {
		for key, reads := range x.reads {
			if !yield(key, reads) {
				return
			}
		}
	}
}

// Touched returns the computations that looked at something which differs.
func (x *Index[K]) Touched(d Difference) map[K]struct{} {
	touched := map[K]struct{}{}
	d.Each(func(path string, entryDiffers, contentDiffers, listingDiffers bool) {
		for kind, differs := range map[what]bool{entry: entryDiffers, content: contentDiffers, listing: listingDiffers} {
			if differs {
				readers := x.by[read{what: kind, path: path}]
				maps.Insert(touched, readers.All())
			}
		}
	})
	return touched
}

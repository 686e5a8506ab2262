package live

import (
	"sync"

	"github.com/syncline-io/syncline"
)

// names holds one copy of each text that many objects have: group, kind,
// namespace, and of the map of a single mark, such as a sync wave. Others write
// these texts, so what is held is bounded, and given back: texts that nobody saw
// for a while are forgotten, which costs only that they are no longer shared.
type names struct {
	mu    sync.Mutex
	texts generations[string, string]
	marks generations[[2]string, syncline.Marks]
}

const (
	// maxNames is how many texts a generation has, and maxMarks how many marks.
	// Two generations are held.
	maxNames, maxMarks = 8192, 1024
	// maxShared is how long a text may be that is shared.
	maxShared = 128
)

func newNames() *names {
	return &names{
		texts: generations[string, string]{most: maxNames, young: map[string]string{}},
		marks: generations[[2]string, syncline.Marks]{most: maxMarks, young: map[[2]string]syncline.Marks{}},
	}
}

func (n *names) one(text string) string {
	if len(text) > maxShared {
		return text
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.texts.one(text, text)
}

// shared returns the marks, as the same map for all objects that have one equal
// mark only.
func (n *names) shared(marks syncline.Marks) syncline.Marks {
	if len(marks) != 1 {
		return marks
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, value := range marks {
		if len(key)+len(value) <= maxShared {
			return n.marks.one([2]string{key, value}, marks)
		}
	}
	return marks
}

// generations remembers the values that were asked for lately: when as many are
// young as there may be, these become old, and the old ones are forgotten.
type generations[K comparable, V any] struct {
	most       int
	young, old map[K]V
}

// one returns the value that is remembered for a key, or else remembers this one.
func (g *generations[K, V]) one(key K, value V) V {
	if known, ok := g.young[key]; ok {
		return known
	}
	if known, ok := g.old[key]; ok {
		value = known
	}
	if len(g.young) >= g.most {
		g.young, g.old = map[K]V{}, g.young
	}
	g.young[key] = value
	return value
}

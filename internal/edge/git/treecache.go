package git

import (
	"container/list"
	"sync"

	"github.com/syncline-io/syncline"
)

// treeCache keeps the directories that were used last, up to a number of
// entries. A hash means the same in every repository. It is safe for concurrent use.
type treeCache struct {
	mu    sync.Mutex
	left  int
	order list.List // of *cachedTree, the last used first
	byKey map[string]*list.Element
}

type cachedTree struct {
	hash    string
	entries []syncline.Entry
}

// cost counts an empty directory too.
func (c *cachedTree) cost() int { return len(c.entries) + 1 }

func newTreeCache(entries int) *treeCache {
	return &treeCache{left: entries, byKey: map[string]*list.Element{}}
}

func (c *treeCache) get(hash string) ([]syncline.Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[hash]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cachedTree).entries, true //nolint:forcetypeassert // nothing else is put in
}

func (c *treeCache) put(hash string, entries []syncline.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[hash]; ok {
		return
	}
	cached := &cachedTree{hash: hash, entries: entries}
	c.byKey[hash] = c.order.PushFront(cached)
	c.left -= cached.cost()
	for c.left < 0 && c.order.Len() > 1 {
		oldest := c.order.Remove(c.order.Back()).(*cachedTree) //nolint:forcetypeassert // see above
		delete(c.byKey, oldest.hash)
		c.left += oldest.cost()
	}
}

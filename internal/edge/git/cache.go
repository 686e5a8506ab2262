package git

import (
	"container/list"
	"sync"

	"github.com/syncline-io/syncline"
)

// cache keeps what was used last of what objects hold, by the repository and
// their hashes. A hash means the same in every repository, but who may see one
// repository and names a hash of another must not get what it stands for. It is
// safe for concurrent use.
type cache[V any] struct {
	// cost is what a value takes of the capacity, at least 1.
	cost func(V) int64

	mu    sync.Mutex
	left  int64
	order list.List // of *cached[V], the last used first
	byKey map[objectKey]*list.Element
}

// objectKey names an object of a repository.
type objectKey struct{ repository, hash string }

type cached[V any] struct {
	key   objectKey
	value V
}

// newTreeCache keeps directories, up to a number of entries.
func newTreeCache(entries int) *cache[[]syncline.Entry] {
	return newCache(int64(entries), func(entries []syncline.Entry) int64 { return int64(len(entries)) + 1 })
}

// cachedFile is the size of the largest file that is kept: those that many Apps
// read are templates and manifests.
const cachedFile = 64 << 10

// newFileCache keeps files, up to a number of bytes.
func newFileCache(bytes int64) *cache[[]byte] {
	const overhead = 200
	return newCache(bytes, func(data []byte) int64 { return int64(len(data)) + overhead })
}

func newCache[V any](capacity int64, cost func(V) int64) *cache[V] {
	return &cache[V]{cost: cost, left: capacity, byKey: map[objectKey]*list.Element{}}
}

func (c *cache[V]) get(key objectKey) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached[V]).value, true //nolint:forcetypeassert // nothing else is put in
}

func (c *cache[V]) put(key objectKey, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(&cached[V]{key, value})
	c.left -= c.cost(value)
	for c.left < 0 && c.order.Len() > 1 {
		oldest := c.order.Remove(c.order.Back()).(*cached[V]) //nolint:forcetypeassert // see above
		delete(c.byKey, oldest.key)
		c.left += c.cost(oldest.value)
	}
}

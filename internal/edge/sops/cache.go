package sops

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// maxCached is how many unwrapped keys are kept at once.
const maxCached = 10_000

// cacheKey says whose unwrapped key it is, and of what it was unwrapped.
type cacheKey [32]byte

// cache keeps unwrapped keys for some time, and unwraps what several ask for at once
// only once. Who asks under another project, or after its keys have changed, asks for
// something else. What failed is not kept. It is safe for concurrent use.
type cache struct {
	keep time.Duration
	now  func() time.Time

	mu sync.Mutex
	// entries are in recent, too, whose first was used last.
	entries map[cacheKey]*list.Element
	recent  *list.List
	flights map[cacheKey]*flight
}

type entry struct {
	key   cacheKey
	data  []byte
	until time.Time
}

// flight is an unwrapping that goes on, until nobody waits for it.
type flight struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}
	data    []byte
	err     error
}

func newCache(keep time.Duration, now func() time.Time) *cache {
	return &cache{keep: keep, now: now, entries: map[cacheKey]*list.Element{}, recent: list.New(), flights: map[cacheKey]*flight{}}
}

// get returns what is kept. Its time does not begin anew.
func (c *cache) get(key cacheKey) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, found := c.entries[key]
	if !found {
		return nil, false
	}
	kept := element.Value.(*entry)
	if !c.now().Before(kept.until) {
		c.drop(element)
		return nil, false
	}
	c.recent.MoveToFront(element)
	return kept.data, true
}

// drop forgets an entry, with the lock held.
func (c *cache) drop(element *list.Element) {
	kept := element.Value.(*entry)
	delete(c.entries, kept.key)
	c.recent.Remove(element)
}

// unwrap returns what is kept, or what unwrapping yields, for which it waits until ctx
// ends.
func (c *cache) unwrap(ctx context.Context, key cacheKey, unwrap func(context.Context) ([]byte, error)) ([]byte, error) {
	if data, found := c.get(key); found {
		return data, nil
	}
	f := c.join(ctx, key, unwrap)
	defer c.leave(key, f)
	select {
	case <-f.done:
		return f.data, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join waits for the unwrapping that goes on, or begins one.
func (c *cache) join(ctx context.Context, key cacheKey, unwrap func(context.Context) ([]byte, error)) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[key]; f != nil {
		f.waiting++
		return f
	}
	wanted, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{waiting: 1, cancel: cancel, done: make(chan struct{})}
	c.flights[key] = f
	go func() {
		f.data, f.err = unwrap(wanted)
		c.mu.Lock()
		if c.flights[key] == f {
			delete(c.flights, key)
		}
		if f.err == nil {
			c.put(key, f.data)
		}
		c.mu.Unlock()
		close(f.done)
	}()
	return f
}

// leave gives an unwrapping up, which ends with the last who waits.
func (c *cache) leave(key cacheKey, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting > 0 {
		return
	}
	f.cancel()
	if c.flights[key] == f { // who comes now begins anew
		delete(c.flights, key)
	}
}

// put keeps an unwrapped key, with the lock held.
func (c *cache) put(key cacheKey, data []byte) {
	if element, found := c.entries[key]; found {
		c.drop(element)
	}
	c.entries[key] = c.recent.PushFront(&entry{key: key, data: data, until: c.now().Add(c.keep)})
	for c.recent.Len() > maxCached {
		c.drop(c.recent.Back())
	}
}

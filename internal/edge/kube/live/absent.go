package live

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

const (
	// maxAbsent is how many kinds that the cluster does not serve are looked for.
	// What is declared, and what a status says, may name any number.
	maxAbsent = 1000
	// maxKind is how long the name of a kind may be, its group included.
	maxKind = 512
	// scoutFirst is the wait before absent kinds are looked for again. Each further
	// one is twice as long, up to scoutLast.
	scoutFirst, scoutLast = 200 * time.Millisecond, 15 * time.Second
	// idle is how long a kind has to be needed by nobody before it is let go.
	idle = 10 * time.Minute
)

// refuses reports whether a kind that is not watched is not even looked for.
func (c *Cache) refuses(gk schema.GroupKind) bool {
	return len(gk.Group)+len(gk.Kind) > maxKind || len(c.absent) >= maxAbsent && !c.api.Served(gk)
}

// scouts watches the needed kinds as soon as they are served, until the cache is
// closed. Those that are not cost no goroutine and no request each.
func (c *Cache) scouts() {
	wait := scoutFirst
	for attempts := 1; ; attempts++ {
		more := c.scoutOnce(attempts)
		var again <-chan time.Time
		if more {
			timer := time.NewTimer(wait)
			again, wait = timer.C, min(2*wait, scoutLast)
		}
		select {
		case <-again:
		case <-c.scout:
			attempts, wait = 0, scoutFirst
		case <-c.ctx.Done():
			return
		}
	}
}

// scoutOnce looks for each absent kind, and reports whether some are absent still.
func (c *Cache) scoutOnce(attempts int) (more bool) {
	c.mu.RLock()
	absent := make([]*kind, 0, len(c.absent))
	for k := range c.absent {
		absent = append(absent, k)
	}
	c.mu.RUnlock()
	for _, k := range absent {
		_, err := k.open(c.ctx)
		if c.ctx.Err() != nil {
			return false
		}
		if syncline.KindOf(err) == syncline.NotFound {
			k.handle(stream.Event{Type: stream.Failed, Err: err, Attempts: attempts})
			more = true
			continue
		}
		c.mu.Lock()
		if _, still := c.absent[k]; still {
			delete(c.absent, k)
			c.running.Go(k.run)
		}
		c.mu.Unlock()
	}
	return more
}

// LetGo ends the watches of kinds that nobody asked for lately, of which nothing
// is tracked and that are not needed by what the caller knows.
func (c *Cache) LetGo(needed func(schema.GroupKind) bool) { c.letGo(needed, time.Now().Add(-idle)) }

func (c *Cache) letGo(needed func(schema.GroupKind) bool, before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for gk, k := range c.kinds {
		if k.asked.After(before) || needed(gk) || k.tracks() {
			continue
		}
		k.cancel()
		k.ended = true
		delete(c.absent, k)
		delete(c.kinds, gk)
	}
}

// tracks reports whether an object of the kind is tracked.
func (k *kind) tracks() bool {
	for _, r := range k.objects {
		if r.Owner != "" {
			return true
		}
	}
	return false
}

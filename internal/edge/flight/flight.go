// Package flight does what several want at the same time once. It knows nothing of what
// that is.
package flight

import (
	"context"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// Group is of flights, each of which ends when nobody wants it any more. It is safe for
// concurrent use.
type Group struct {
	life context.Context
	end  context.CancelFunc
	mu   sync.Mutex
	// going are by what is wanted.
	going map[any]*flight
}

// flight is one of them.
type flight struct {
	cancel context.CancelFunc
	// wanted counts who wants it; Group.mu guards it.
	wanted int
	done   chan struct{}
	err    error
}

// NewGroup returns a Group without flights. Close follows.
func NewGroup() *Group {
	life, end := context.WithCancel(context.Background())
	return &Group{life: life, end: end, going: map[any]*flight{}}
}

// Close ends the flights that go on.
func (g *Group) Close() { g.end() }

// Share does work, or waits for who does it already: what is wanted compares as that alone
// does. Who gives up waiting may want it all the same; see [demand.Until]. The error is
// that of work, or a Transient one of ctx.
func (g *Group) Share(ctx context.Context, what any, work func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return givenUp(err)
	}
	g.mu.Lock()
	one := g.going[what]
	if one == nil {
		life, cancel := context.WithCancel(g.life)
		one = &flight{cancel: cancel, done: make(chan struct{})}
		g.going[what] = one
		go func() {
			defer close(one.done)
			defer g.leave(what, one, true)
			one.err = work(demand.Of(ctx).In(life))
		}()
	}
	one.wanted++
	g.mu.Unlock()
	stop := context.AfterFunc(demand.Wanted(ctx), func() { g.leave(what, one, false) })
	select {
	case <-one.done:
		stop()
		return one.err
	case <-ctx.Done():
		return givenUp(ctx.Err())
	}
}

func givenUp(err error) error {
	return syncline.Errorf(syncline.Transient, "waiting for it: %w", err)
}

// leave takes note that a flight has ended, or that somebody does not want it any more.
// Who asks for the same from now on gets another.
func (g *Group) leave(what any, one *flight, ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if one.wanted--; !ended && one.wanted > 0 {
		return
	}
	one.cancel()
	if g.going[what] == one {
		delete(g.going, what)
	}
}

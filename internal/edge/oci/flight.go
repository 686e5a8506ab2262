package oci

import (
	"context"
	"sync"

	"github.com/syncline-io/syncline/internal/base/demand"
)

// flights do what several want at the same time once. It ends when nobody wants it any
// more.
type flights struct {
	life context.Context
	end  context.CancelFunc
	mu   *sync.Mutex
	// going are by what is wanted.
	going map[any]*flight
}

// flight is one of them.
type flight struct {
	cancel context.CancelFunc
	// wanted counts who wants it; flights.mu guards it.
	wanted int
	done   chan struct{}
	err    error
}

func newFlights() flights {
	life, end := context.WithCancel(context.Background())
	return flights{life: life, end: end, mu: &sync.Mutex{}, going: map[any]*flight{}}
}

func (f flights) close() { f.end() }

// share does work, or waits for who does it already. Who gives up waiting may want it
// all the same; see [demand.Until].
func (f flights) share(ctx context.Context, what any, work func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return givenUp(err)
	}
	f.mu.Lock()
	one := f.going[what]
	if one == nil {
		life, cancel := context.WithCancel(f.life)
		one = &flight{cancel: cancel, done: make(chan struct{})}
		f.going[what] = one
		go func() {
			defer close(one.done)
			defer f.leave(what, one, true)
			one.err = work(demand.Of(ctx).In(life))
		}()
	}
	one.wanted++
	f.mu.Unlock()
	stop := context.AfterFunc(demand.Wanted(ctx), func() { f.leave(what, one, false) })
	select {
	case <-one.done:
		stop()
		return one.err
	case <-ctx.Done():
		return givenUp(ctx.Err())
	}
}

// leave takes note that a flight has ended, or that somebody does not want it any more.
// Who asks for the same from now on gets another.
func (f flights) leave(what any, one *flight, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one.wanted--; !ended && one.wanted > 0 {
		return
	}
	one.cancel()
	if f.going[what] == one {
		delete(f.going, what)
	}
}

package source

import (
	"context"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// listed is what one listing showed. Its targets are looked for without the lock of
// the Resolver: that takes its time where much is listed. It is safe for concurrent
// use.
type listed struct {
	Listing
	// at is when the listing began, and number which of the repository's it is.
	at     time.Time
	number int

	mu sync.Mutex
	// going are the targets that somebody looks for now.
	going map[Target]*looking
	// looked counts how often a target was looked for.
	looked int
}

// looking is one look for a target, for all who want it at the same time.
type looking struct {
	done  chan struct{}
	found outcome
	err   error
}

// outcome is what a target stands for. Where that is nothing, none says so.
type outcome struct {
	Revision
	none error
}

func newListed(shown Listing, at time.Time) *listed {
	return &listed{Listing: shown, at: at, going: map[Target]*looking{}}
}

// look returns what a target stands for; what it found is told to keep before
// anybody looks for the same again. The only error is that of ctx.
func (l *listed) look(ctx context.Context, want Target, keep func(outcome)) (outcome, error) {
	for {
		l.mu.Lock()
		other := l.going[want]
		if other == nil {
			break
		}
		l.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
		if other.err == nil {
			return other.found, nil
		} // it gave up
	}
	own := &looking{done: make(chan struct{})}
	l.going[want] = own
	l.looked++
	l.mu.Unlock()
	own.found.Revision, own.err = l.Resolve(ctx, want)
	if syncline.KindOf(own.err) == syncline.NotFound {
		own.found, own.err = outcome{none: own.err}, nil
	}
	own.found.At = l.at
	if own.err == nil {
		keep(own.found)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.going, want)
	close(own.done)
	return own.found, own.err
}

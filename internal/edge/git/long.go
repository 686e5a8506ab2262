package git

import (
	"context"
	"sync"
)

// longList is how many bytes of branches and tags make a long list.
const longList = 256 << 10

// longPlace is the place of a list of refs among those of long lists, of which
// there are few: a list is in memory several times over while it is read. Git prints
// a list when it has all of it, so that no server decides how long that takes.
type longPlace struct {
	places chan struct{}

	mu         sync.Mutex
	has, ended bool
}

// enter waits for a place.
func (p *longPlace) enter(ctx context.Context) error {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		<-p.places
		return context.Canceled
	}
	p.has = true
	return nil
}

// leave gives the place back, if it has one. It gets no other: who reads for it
// may not have noticed yet that nobody wants the list any more.
func (p *longPlace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has {
		<-p.places
	}
	p.has, p.ended = false, true
}

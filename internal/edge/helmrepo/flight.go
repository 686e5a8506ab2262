package helmrepo

import (
	"context"
	"errors"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/fair"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// flight is one piece of work for all who want it at the same time. It ends when none of
// them wants it any more.
type flight struct {
	claim  *demand.Claim
	cancel context.CancelFunc
	// wanted counts who wants it, and stops lets go of them; Store.mu guards these.
	wanted int
	stops  []func() bool
	// done is closed when charts or err are there.
	done   chan struct{}
	charts upstream.Charts
	err    error
}

// share does work once for all who ask for the same at the same time. Who gives up waiting
// may want it all the same; see [demand.Until].
func (s *Store) share(ctx context.Context, r *remote, key chart, work func(context.Context) (upstream.Charts, error)) (*flight, error) {
	if err := ctx.Err(); err != nil {
		return nil, syncline.Errorf(syncline.Transient, "repository %s: %w", r.name, err)
	}
	f := s.board(ctx, key, work)
	f.claim.Join(demand.Of(ctx).Owners()...)
	select {
	case <-f.done:
		return f, f.err
	case <-ctx.Done():
		return nil, syncline.Errorf(syncline.Transient, "repository %s: waiting for its answer: %w", r.name, ctx.Err())
	}
}

// board joins the flight of that key, or begins it.
func (s *Store) board(ctx context.Context, key chart, work func(context.Context) (upstream.Charts, error)) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flights[key]
	if f == nil {
		life, cancel := context.WithCancel(s.life)
		f = &flight{claim: demand.New(demand.Of(ctx).Owners()...), cancel: cancel, done: make(chan struct{})}
		s.flights[key] = f
		s.group.Go(func() {
			defer close(f.done)
			f.charts, f.err = work(f.claim.In(life))
			s.land(key, f)
		})
	}
	f.wanted++
	f.stops = append(f.stops, context.AfterFunc(demand.Wanted(ctx), func() { s.leave(key, f) }))
	return f
}

// leave takes note that somebody does not want a flight any more. One that nobody wants
// ends, and who asks for the same from now on gets another.
func (s *Store) leave(key chart, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.wanted--; f.wanted == 0 {
		f.cancel()
		s.forget(key, f)
	}
}

// land forgets a flight that has ended.
func (s *Store) land(key chart, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.cancel()
	for _, stop := range f.stops {
		stop()
	}
	s.forget(key, f)
}

// forget drops a flight unless another has taken its place.
func (s *Store) forget(key chart, f *flight) {
	if s.flights[key] == f {
		delete(s.flights, key)
	}
}

// places are those of transfers that go on at once: so many with one host, and so many in
// all, of which no owner has all. It is safe for concurrent use.
type places struct {
	perHost int

	mu    sync.Mutex
	all   fair.Places
	hosts map[string]int
	// freed is closed when a place is given back.
	freed chan struct{}
}

func newPlaces(perHost, all int) places {
	return places{perHost: perHost, all: fair.New(all), hosts: map[string]int{}, freed: make(chan struct{})}
}

// enter waits until a transfer may begin. [places.leave] follows unless it is an error.
func (p *places) enter(ctx context.Context, host, owner string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hosts[host] >= p.perHost || !p.all.May(owner) {
		freed := p.freed
		p.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if ctx.Err() != nil {
			return errors.New("as many transfers go on as may at once, with its server or with all")
		}
	}
	p.hosts[host]++
	p.all.Take(owner)
	return nil
}

// leave gives the place of a transfer back.
func (p *places) leave(host, owner string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Leave(owner)
	if p.hosts[host]--; p.hosts[host] == 0 {
		delete(p.hosts, host)
	}
	close(p.freed)
	p.freed = make(chan struct{})
}

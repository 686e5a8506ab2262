package helmrepo

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
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

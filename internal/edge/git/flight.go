package git

import (
	"context"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// flight is one piece of work on a mirror for all who want it at the same time.
// It ends when none of them wants it any more.
type flight struct {
	ticket *ticket
	cancel context.CancelFunc
	// wanted counts who wants it, and stops lets go of them; mirror.mu guards both.
	wanted int
	stops  []func() bool
	// done is closed when text or err is there.
	done chan struct{}
	text string
	err  error
}

// share runs work once for all who ask for the same thing at the same time, in
// its turn. It waits for that no longer than fetches may take, and takes no longer.
// Who gives up waiting may want it all the same; see [demand.Until].
func (m *mirror) share(ctx context.Context, r *remote, key string, work func(context.Context) (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", syncline.Errorf(syncline.Transient, "repository %s: %w", r.name, err)
	}
	access := r.access()
	f := m.board(ctx, r, key+string(access[:]), work)
	f.ticket.claim.Join(demand.Of(ctx).Owners()...)
	select {
	case <-f.done:
		return f.text, classify(f.err, r)
	case <-ctx.Done():
	}
	what := m.store.gate.waitsFor(f.ticket)
	if what == "" {
		what = "waiting for a fetch"
	}
	return "", syncline.Errorf(syncline.Transient, "repository %s: %s: %w", r.name, what, ctx.Err())
}

// board joins the flight of that key, or begins it.
func (m *mirror) board(ctx context.Context, r *remote, key string, work func(context.Context) (string, error)) *flight {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.flights[key]
	if f == nil {
		life, cancel := context.WithCancel(m.store.life)
		f = &flight{ticket: newTicket(r.host, m, demand.New(demand.Of(ctx).Owners()...)), cancel: cancel, done: make(chan struct{})}
		m.flights[key] = f
		go m.fly(life, r, key, f, work)
	}
	f.wanted++
	f.stops = append(f.stops, context.AfterFunc(demand.Wanted(ctx), func() { m.leave(key, f) }))
	return f
}

// fly does the work of a flight.
func (m *mirror) fly(ctx context.Context, r *remote, key string, f *flight, work func(context.Context) (string, error)) {
	defer close(f.done)
	defer m.land(key, f)
	patience := m.store.options.FetchTimeout
	if f.err = m.store.enter(ctx, r, f.ticket, patience); f.err != nil {
		return
	}
	defer m.store.gate.leave(f.ticket)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.text, f.err = work(ctx)
}

// leave takes note that somebody does not want a flight any more. One that nobody
// wants ends, and who asks for the same from now on gets another.
func (m *mirror) leave(key string, f *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.wanted--; f.wanted == 0 {
		f.cancel()
		m.forget(key, f)
	}
}

// land forgets a flight that has ended.
func (m *mirror) land(key string, f *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.cancel()
	for _, stop := range f.stops {
		stop()
	}
	m.forget(key, f)
}

// forget drops a flight unless another has taken its place.
func (m *mirror) forget(key string, f *flight) {
	if m.flights[key] == f {
		delete(m.flights, key)
	}
}

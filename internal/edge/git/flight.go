package git

import (
	"context"
	"errors"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/edge/gate"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// flight is one piece of work on a mirror for all who want it at the same time.
// It ends when none of them wants it any more.
type flight struct {
	claim  *demand.Claim
	cancel context.CancelFunc
	// ticket is the last, wanted counts who wants it, and stops lets go of them;
	// mirror.mu guards these.
	ticket *gate.Ticket
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
func (m *mirror) share(ctx context.Context, r *program.Remote, key string, work func(context.Context, place) (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", syncline.Errorf(syncline.Transient, "repository %s: %w", r.Name, err)
	}
	access := r.Access()
	f := m.board(ctx, r, key+string(access[:]), work)
	f.claim.Join(demand.Of(ctx).Owners()...)
	select {
	case <-f.done:
		return f.text, classify(f.err)
	case <-ctx.Done():
	}
	m.mu.Lock()
	t := f.ticket
	m.mu.Unlock()
	what := m.store.gate.WaitsFor(t)
	if what == "" {
		what = "waiting for a fetch"
	}
	return "", syncline.Errorf(syncline.Transient, "repository %s: %s: %w", r.Name, what, ctx.Err())
}

// board joins the flight of that key, or begins it.
func (m *mirror) board(ctx context.Context, r *program.Remote, key string, work func(context.Context, place) (string, error)) *flight {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.flights[key]
	if f == nil {
		life, cancel := context.WithCancel(m.store.life)
		claim := demand.New(demand.Of(ctx).Owners()...)
		f = &flight{claim: claim, ticket: gate.NewTicket(r.Host, m, claim), cancel: cancel, done: make(chan struct{})}
		f.ticket.Searches = strings.HasPrefix(key, findKey)
		m.flights[key] = f
		go m.fly(life, r, key, f, work)
	}
	f.wanted++
	f.stops = append(f.stops, context.AfterFunc(demand.Wanted(ctx), func() { m.leave(key, f) }))
	return f
}

// fly does the work of a flight, again when it gave way to others.
func (m *mirror) fly(ctx context.Context, r *program.Remote, key string, f *flight, work func(context.Context, place) (string, error)) {
	defer close(f.done)
	defer m.land(key, f)
	patience := m.store.options.FetchTimeout
	ctx, cancel := context.WithTimeout(ctx, 2*patience) // it waits for its place, and has it
	defer cancel()
	for t := f.ticket; ; {
		if f.err = m.store.enter(ctx, r, t, patience); f.err != nil {
			return
		}
		m.charge(f.claim.Owners())
		f.text, f.err = m.work(ctx, t, work)
		if !errors.Is(f.err, errGaveWay) {
			return
		}
		if ctx.Err() != nil {
			f.err = syncline.Errorf(syncline.Transient, "repository %s: searching for a commit: %w", r.Name, f.err)
			return
		}
		t = gate.NewTicket(r.Host, m, f.claim)
		t.Searches = true
		m.mu.Lock()
		f.ticket = t
		m.mu.Unlock()
	}
}

// work does the work of a flight that has its place.
func (m *mirror) work(ctx context.Context, t *gate.Ticket, work func(context.Context, place) (string, error)) (string, error) {
	defer m.store.gate.Leave(t)
	ctx, cancel := context.WithTimeout(ctx, m.store.options.FetchTimeout)
	defer cancel()
	return work(ctx, place{m.store.gate, t})
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

package git

import (
	"context"
	"errors"
)

// A search for a commit of which only the first digits are known, or that no server
// sends by its name, fetches all branches with their history. It has the only place
// to write to a mirror as long as nobody else wants that: for a commit that is
// known, it is interrupted, and begins again when nobody waits any more.

// findKey begins the keys of flights that do nothing else than search.
const findKey = "find "

// errGaveWay says that a search was interrupted.
var errGaveWay = errors.New("other fetches of it come first")

// place is the place of a flight to write to a mirror.
type place struct {
	gate   *gate
	ticket *ticket
}

// search returns a context that ends when the place is wanted for something else
// than a search, until the function is called.
func (p place) search(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	p.gate.search(p.ticket, cancel)
	return ctx, func() {
		p.gate.search(p.ticket, nil)
		cancel()
	}
}

// search says how to interrupt a transfer that has begun; nil when that is to go
// on to its end.
func (g *gate) search(t *ticket, interrupt func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.interrupt = interrupt
	g.interruptSearches()
}

// interruptSearches ends the searches in mirrors that others may write to.
func (g *gate) interruptSearches() {
	for m, t := range g.writing {
		if t.interrupt != nil && g.contended(m) {
			t.interrupt()
			t.interrupt = nil
		}
	}
}

// contended reports whether anything but a search waits for nothing else than to
// write to a mirror.
func (g *gate) contended(m *mirror) bool {
	for _, h := range g.hosts {
		for owner, line := range h.waiting {
			if !g.may(h, owner) || !g.all.May(owner) {
				continue
			}
			for _, t := range line {
				if t.writes == m && !t.searches {
					return true
				}
			}
		}
	}
	return false
}

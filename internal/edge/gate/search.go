package gate

import "context"

// Search returns a context that ends when the place of a transfer which has begun is
// wanted to write to its mirror for something else than a search, until the function
// is called.
func (g *Gate) Search(ctx context.Context, t *Ticket) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	g.interruptBy(t, cancel)
	return ctx, func() {
		g.interruptBy(t, nil)
		cancel()
	}
}

// interruptBy says how to interrupt a transfer that has begun; nil when that is to go
// on to its end.
func (g *Gate) interruptBy(t *Ticket, interrupt func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.interrupt = interrupt
	g.interruptSearches()
}

// interruptSearches ends the searches in mirrors that others may write to.
func (g *Gate) interruptSearches() {
	for m, t := range g.writing {
		if t.interrupt != nil && g.contended(m) {
			t.interrupt()
			t.interrupt = nil
		}
	}
}

// contended reports whether anything but a search waits for nothing else than to
// write to a mirror.
func (g *Gate) contended(m any) bool {
	for _, h := range g.hosts {
		for owner, line := range h.waiting {
			if !g.may(h, owner) || !g.all.May(owner) {
				continue
			}
			for _, t := range line {
				if t.writes == m && !t.Searches {
					return true
				}
			}
		}
	}
	return false
}

// Package gate decides which transfers from the servers of repositories go on, and which
// wait.
package gate

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/fair"
)

// Gate lets transfers begin: so many at once with one host, so many in all, and
// of those that write to a mirror one at a time. Places are shared by project:
// none ever has more than half of a host's, or all of all hosts'. What several projects want
// waits in the line of each, and is charged to the one that has a place for it
// first. It is safe for concurrent use.
type Gate struct {
	perHost int

	mu    sync.Mutex
	all   fair.Places
	hosts map[string]*hostPlaces
	// writing are the mirrors that are written to, and by what.
	writing map[any]*Ticket
	// held says that somebody has a place at its host, and waits for another thing.
	held bool
}

// hostPlaces are the places of one host that is asked, and who waits for them.
type hostPlaces struct {
	places fair.Places
	taken  int
	// owners are those who wait: who was served last comes last. waiting are their
	// lines, first come first.
	owners  []string
	waiting map[string][]*Ticket
}

// Ticket is a transfer that waits at the gate, or has passed it.
type Ticket struct {
	host string
	// writes names the mirror that it writes to; nil for none.
	writes any
	claim  *demand.Claim

	// Searches says that it lets whatever else writes to the mirror go first; see
	// [Gate.Search]. It is set before Enter.
	Searches bool

	// The gate's lock guards these: the owners in whose lines it waits, the one that is
	// charged, and whether it has a place. interrupt ends a search.
	lines     []string
	charged   string
	begun     bool
	interrupt func()
	// admitted is closed when it begins.
	admitted chan struct{}
}

// New returns a gate with so many places for one host, and in all.
func New(perHost, all int) *Gate {
	return &Gate{perHost: perHost, all: fair.New(all), hosts: map[string]*hostPlaces{}, writing: map[any]*Ticket{}}
}

// NewTicket returns a transfer with a host, for whoever has a claim on it. writes names
// the mirror that it writes to, by what compares as that alone does; nil for none.
func NewTicket(host string, writes any, claim *demand.Claim) *Ticket {
	return &Ticket{host: host, writes: writes, claim: claim, admitted: make(chan struct{})}
}

// Enter waits until the transfer may begin, for which any of its owners will do,
// also one that comes to want it later. [Gate.Leave] follows. When ctx ends before,
// the error says what it waited for.
func (g *Gate) Enter(ctx context.Context, t *Ticket) error {
	t.claim.Notify(func() { g.line(t) })
	defer t.claim.Notify(nil)
	g.line(t)
	select {
	case <-t.admitted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.begun { // meanwhile
		g.release(t)
		return ctx.Err()
	}
	why := g.why(t)
	g.hosts[t.host].remove(t)
	t.begun = true // it does not come again
	g.admitHeld()
	g.forget(t.host)
	return errors.New(why)
}

// Leave gives the place of a transfer back.
func (g *Gate) Leave(t *Ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release(t)
}

// Hold reports whether nothing is written to a mirror, and keeps it so until
// [Gate.LetGo].
func (g *Gate) Hold(m any) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.writing[m] != nil {
		return false
	}
	g.writing[m] = &Ticket{}
	return true
}

// LetGo lets a mirror be written to again.
func (g *Gate) LetGo(m any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.writing, m)
	g.admitHeld()
}

// WaitsFor says what a transfer waits for, "" when it waits for nobody.
func (g *Gate) WaitsFor(t *Ticket) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.begun || len(t.lines) == 0 {
		return ""
	}
	return g.why(t)
}

// why says what a transfer waits for that has not begun. It names nothing of others.
func (g *Gate) why(t *Ticket) string {
	h := g.hosts[t.host]
	switch {
	case t.writes != nil && (g.writing[t.writes] != nil || t.Searches && g.contended(t.writes)):
		return "another fetch of it goes on"
	case !slices.ContainsFunc(t.lines, func(owner string) bool { return g.may(h, owner) }):
		return "the server " + t.host + " is busy with as many transfers as may go on at once"
	}
	return "as many transfers go on as may at once with all servers"
}

// line puts a transfer that waits into the lines of all its owners.
func (g *Gate) line(t *Ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.begun {
		return
	}
	h := g.hosts[t.host]
	if h == nil {
		h = &hostPlaces{places: fair.New(g.perHost), waiting: map[string][]*Ticket{}}
		g.hosts[t.host] = h
	}
	owners := t.claim.Owners()
	if len(owners) == 0 {
		owners = []string{""}
	}
	for _, owner := range owners {
		if !slices.Contains(t.lines, owner) {
			h.add(t, owner)
		}
	}
	g.admit(h)
}

// release gives the place of a transfer back, and to others.
func (g *Gate) release(t *Ticket) {
	h := g.hosts[t.host]
	h.places.Leave(t.charged)
	g.all.Leave(t.charged)
	h.taken--
	if t.writes != nil {
		delete(g.writing, t.writes)
	}
	g.admit(h)
	g.admitHeld()
	g.forget(t.host)
}

// admitHeld gives places to those who waited for another thing than one at their
// host, whatever the host.
func (g *Gate) admitHeld() {
	if !g.held {
		return
	}
	g.held = false
	for _, h := range g.hosts {
		g.admit(h)
	}
}

// admit gives the free places of a host to those who wait.
func (g *Gate) admit(h *hostPlaces) {
	for {
		t, owner := g.next(h)
		if t == nil {
			g.interruptSearches()
			return
		}
		h.remove(t)
		if at := slices.Index(h.owners, owner); at >= 0 { // it is the last now
			h.owners = append(slices.Delete(h.owners, at, at+1), owner)
		}
		h.places.Take(owner)
		g.all.Take(owner)
		h.taken++
		if t.writes != nil {
			g.writing[t.writes] = t
		}
		t.charged, t.begun = owner, true
		close(t.admitted)
	}
}

// next returns the transfer that may begin with a host, and who is charged for it:
// of those that may have a place the owner that has the fewest, and among these
// the one that was not served for longest. It is nil when there is none.
func (g *Gate) next(h *hostPlaces) (*Ticket, string) {
	var found *Ticket
	var charged string
	for _, owner := range h.owners {
		if !g.may(h, owner) || found != nil && h.places.Held(owner) >= h.places.Held(charged) {
			continue
		}
		if !g.all.May(owner) {
			g.held = true
			continue
		}
		if t := g.first(h.waiting[owner]); t != nil {
			found, charged = t, owner
		}
	}
	return found, charged
}

// may reports whether an owner may have another place of a host.
func (g *Gate) may(h *hostPlaces, owner string) bool {
	return h.places.May(owner) && h.places.Held(owner) < max(1, g.perHost/2)
}

// first returns the first transfer of a line whose mirror nobody writes to.
func (g *Gate) first(line []*Ticket) *Ticket {
	for _, t := range line {
		if t.writes == nil || g.writing[t.writes] == nil && !(t.Searches && g.contended(t.writes)) {
			return t
		}
		g.held = true
	}
	return nil
}

// forget drops a host that nobody asks or waits for.
func (g *Gate) forget(host string) {
	if h := g.hosts[host]; h.taken == 0 && len(h.owners) == 0 {
		delete(g.hosts, host)
	}
}

// add puts a transfer into the line of an owner.
func (h *hostPlaces) add(t *Ticket, owner string) {
	t.lines = append(t.lines, owner)
	if len(h.waiting[owner]) == 0 {
		h.owners = append(h.owners, owner)
	}
	h.waiting[owner] = append(h.waiting[owner], t)
}

// remove takes a transfer out of all lines.
func (h *hostPlaces) remove(t *Ticket) {
	for _, owner := range t.lines {
		line := h.waiting[owner]
		if at := slices.Index(line, t); at >= 0 {
			line = slices.Delete(line, at, at+1)
		}
		if h.waiting[owner] = line; len(line) == 0 {
			delete(h.waiting, owner)
			h.owners = slices.DeleteFunc(h.owners, func(o string) bool { return o == owner })
		}
	}
}

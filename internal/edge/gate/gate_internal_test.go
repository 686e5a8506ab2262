package gate

import (
	"context"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline/internal/base/demand"
)

// Whatever is asked for, joined, given up and ended: no bound is passed, nobody waits
// who may begin, and nothing is left in the end.
func TestTheGateServesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const perHost, all = 4, 6
		g := New(perHost, all)
		owners, hosts := rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"x", "y", "z"})
		mirrors := []any{nil, nil, "one", "another"}
		type asked struct {
			*Ticket
			cancel context.CancelFunc
			ended  chan error
		}
		var tickets []asked
		var group sync.WaitGroup
		drop := func(at int) {
			a := tickets[at]
			a.cancel()
			if <-a.ended == nil {
				g.Leave(a.Ticket)
			}
			tickets = slices.Delete(tickets, at, at+1)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				a := asked{Ticket: NewTicket(hosts.Draw(t, "host"), rapid.SampledFrom(mirrors).Draw(t, "mirror"), demand.New(owners.Draw(t, "owner")))}
				var ctx context.Context
				ctx, a.cancel = context.WithCancel(context.Background())
				a.ended = make(chan error, 1)
				group.Go(func() { a.ended <- g.Enter(ctx, a.Ticket) })
				for inLine := false; !inLine; { // enter gives no event for it
					g.mu.Lock()
					inLine = len(a.lines) > 0
					g.mu.Unlock()
				}
				tickets = append(tickets, a)
			case 2:
				if len(tickets) > 0 {
					rapid.SampledFrom(tickets).Draw(t, "joined").claim.Join(owners.Draw(t, "joins"))
				}
			case 3:
				if len(tickets) > 0 {
					drop(rapid.IntRange(0, len(tickets)-1).Draw(t, "ends"))
				}
			}
			checkGate(t, g)
		}
		for len(tickets) > 0 {
			drop(0)
			checkGate(t, g)
		}
		group.Wait()
		if len(g.hosts) > 0 || len(g.writing) > 0 {
			t.Fatalf("left: %v, %v", g.hosts, g.writing)
		}
	})
}

// checkGate fails unless the gate keeps its bounds, and lets in who may come.
func checkGate(t *rapid.T, g *Gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	inAll := 0
	for name, h := range g.hosts {
		inAll += h.taken
		for _, owner := range h.owners {
			if h.places.Held(owner) > g.perHost/2 || g.all.Held(owner) == 6 {
				t.Fatalf("%s has all places", owner)
			}
			for _, w := range h.waiting[owner] {
				if w.begun {
					t.Fatal("one that has begun waits")
				}
				if g.may(h, owner) && g.all.May(owner) && (w.writes == nil || g.writing[w.writes] == nil && !(w.Searches && g.contended(w.writes))) {
					t.Fatalf("%s waits at %s, and may begin", owner, name)
				}
			}
		}
		if h.taken > g.perHost {
			t.Fatalf("%d transfers go on with %s", h.taken, name)
		}
	}
	if inAll > 6 {
		t.Fatalf("%d transfers go on", inAll)
	}
}

// A search ends when its mirror is wanted for something else, and waits behind that;
// for other searches it goes on, and for whoever has no place anyway.
func TestASearchIsLast(t *testing.T) {
	g, m := New(4, 6), "a mirror"
	of := func(owner string, searches bool) *Ticket {
		made := NewTicket("x", m, demand.New(owner))
		made.Searches = searches
		g.line(made)
		return made
	}
	first := of("a", true)
	interrupted := 0
	g.interruptBy(first, func() { interrupted++ })
	other := of("b", true)
	g.line(NewTicket("x", nil, demand.New("c")))
	g.line(NewTicket("x", nil, demand.New("c")))
	barred := of("c", false) // who has half of the places
	if interrupted != 0 || !first.begun || barred.begun {
		t.Fatalf("it was interrupted %d times for a search, or for who has no place", interrupted)
	}
	known := of("d", false)
	if interrupted != 1 || known.begun {
		t.Fatalf("it was interrupted %d times, %v", interrupted, known.begun)
	}
	again := of("a", true)
	for i, next := range []*Ticket{known, other, again} {
		g.mu.Lock()
		g.release([]*Ticket{first, known, other}[i])
		g.mu.Unlock()
		if !next.begun {
			t.Errorf("%d did not begin", i)
		}
	}
}

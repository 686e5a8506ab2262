// Package pending knows which Apps may come to declare something else than is known of
// them, and which others wait for that. It runs no turn, and looks at no App.
package pending

import (
	"container/list"
	"maps"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// How long what an App deletes waits for another at most: since the first turn of
// that which failed, so that one that is broken holds up nothing for ever, and
// since it got pending where its turn does not come or does not get that far. Those of
// other projects are waited for no longer than patience in all: an object seldom moves to
// another project, and whoever may write there could hold up others by a repository that
// does not answer.
const (
	patience        = time.Minute
	longestPatience = 10 * time.Minute
)

// Set knows the Apps that may come to declare something else than is known of
// them, because they are new, declared otherwise, or touched by a commit: until
// their next turn has ended. It also knows who waits for that. It is safe for
// concurrent use.
//
// Every App that gets pending has a number, the next one. Who begins to wait does
// so for those with a number up to then, and never for one that waits for it in
// turn, directly or through others: what may be declared by then is not known, but
// both would stand still. Nothing here looks at all Apps.
type Set struct {
	mu      sync.Mutex
	last    int
	apps    map[syncline.AppID]*expected
	parties map[Party]*parties
	waits   map[syncline.AppID]*wait
}

// Party are Apps of which one may have what the others may.
type Party struct {
	Project string
	Target  syncline.Target
}

// parties are the Apps of a party that are pending.
type parties struct {
	party Party
	// order holds the *expected by their numbers.
	order *list.List
	// waiting are those who wait for some of them.
	waiting map[syncline.AppID]*wait
}

// expected is an App that is pending.
type expected struct {
	id    syncline.AppID
	party Party
	// number is that under which it is waited for, latest that of the last reason
	// why it is pending, and at the revision that was it, "" for another reason.
	number, latest int
	at             string
	// until is how long it is waited for.
	until time.Time
	place *list.Element
}

// Awaited is an App for which another waits.
type Awaited struct {
	ID    syncline.AppID
	Party Party
}

// wait is that of an App which wants to delete something.
type wait struct {
	// project is that of who waits, and cause tells one wait of it from another.
	project, cause string
	upTo           int
	since          time.Time
	// on is the App that is waited for now, and in its party; none when they are zero.
	on syncline.AppID
	in *parties
}

// New returns an empty Set.
func New() *Set {
	return &Set{
		apps: map[syncline.AppID]*expected{}, parties: map[Party]*parties{}, waits: map[syncline.AppID]*wait{},
	}
}

// Mark makes an App pending, or pending anew: because of a revision, by a name of it,
// or of "" for another reason. It returns who has nobody to wait for any more, because the App
// is of another party now.
func (p *Set) Mark(id syncline.AppID, of Party, at string, now time.Time) (free []syncline.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	known := p.apps[id]
	if known != nil && known.party != of {
		p.remove(known)
		free = p.released(p.parties[known.party])
		known = nil
	}
	if known != nil && at != "" && known.at == at {
		return nil
	}
	if known != nil {
		known.latest, known.at, known.until = p.last, at, now.Add(longestPatience)
		return nil
	}
	known = &expected{id: id, party: of, number: p.last, latest: p.last, at: at, until: now.Add(longestPatience)}
	group := p.parties[of]
	if group == nil {
		group = &parties{party: of, order: list.New(), waiting: map[syncline.AppID]*wait{}}
		p.parties[of] = group
	}
	known.place = group.order.PushBack(known)
	p.apps[id] = known
	return free
}

func (p *Set) remove(known *expected) {
	delete(p.apps, known.id)
	group := p.parties[known.party]
	group.order.Remove(known.place)
	p.drop(group)
}

// drop forgets a party in which nobody is pending or waited for.
func (p *Set) drop(group *parties) {
	if group.order.Len() == 0 && len(group.waiting) == 0 {
		delete(p.parties, group.party)
	}
}

// Has reports whether an App is pending.
func (p *Set) Has(id syncline.AppID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.apps[id] != nil
}

// Begin returns what End has to be told of a turn of an App that begins. Whether it
// still waits is for the turn to say.
func (p *Set) Begin(id syncline.AppID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(id)
	return p.last
}

// End takes note that a turn of an App has ended which began so, and came to those
// revisions. It returns who has nobody to wait for any more.
func (p *Set) End(id syncline.AppID, began int, cameTo func(at string) bool) (free []syncline.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.apps[id]
	if known == nil {
		return nil
	}
	group := p.parties[known.party]
	switch newest := known.at != "" && cameTo(known.at); {
	case known.latest <= began || newest:
		p.remove(known)
	case known.number <= began: // it is pending, but not for the reason it was
		known.number = known.latest
		group.order.MoveToBack(known.place)
	}
	return p.released(group)
}

// Fail takes note that a turn of an App which began so came to nothing, for a
// reason that may pass.
func (p *Set) Fail(id syncline.AppID, began int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.apps[id]
	if known == nil || known.latest > began {
		return
	}
	if end := now.Add(patience); end.Before(known.until) {
		known.until = end
	}
}

// released takes those out of a party who need not wait for it any more, nil for one
// in which nobody is, and lets the others wait for the next.
func (p *Set) released(group *parties) (free []syncline.AppID) {
	if group == nil {
		return nil
	}
	for id, w := range maps.Clone(group.waiting) {
		p.stop(id)
		if first := p.first(group, id, w.upTo, time.Time{}); first != nil {
			w.start(id, first, group)
		} else {
			free = append(free, id)
		}
	}
	return free
}

// stop lets an App wait for nobody.
func (p *Set) stop(id syncline.AppID) {
	if w := p.waits[id]; w != nil && w.in != nil {
		delete(w.in.waiting, id)
		p.drop(w.in)
		w.on, w.in = syncline.AppID{}, nil
	}
}

func (w *wait) start(id syncline.AppID, on *expected, in *parties) {
	in.waiting[id] = w
	w.on, w.in = on.id, in
}

// first returns the first of the Apps of a party up to a number that one has to
// wait for, and longer than now.
func (p *Set) first(group *parties, id syncline.AppID, upTo int, now time.Time) *expected {
	for place := group.order.Front(); place != nil; place = place.Next() {
		switch app := place.Value.(*expected); {
		case app.number > upTo:
			return nil
		case now.Before(app.until) && !p.waitsFor(app.id, id):
			return app
		}
	}
	return nil
}

// waitsFor reports whether an App waits for another, through any number of others,
// or is it. There are no circles to follow: nobody begins one.
func (p *Set) waitsFor(id, other syncline.AppID) bool {
	for id != other {
		w := p.waits[id]
		if w == nil || w.in == nil {
			return false
		}
		id = w.on
	}
	return true
}

// Forget drops an App that is gone. It returns who has nobody to wait for any more.
func (p *Set) Forget(id syncline.AppID) (free []syncline.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(id)
	delete(p.waits, id)
	known := p.apps[id]
	if known == nil {
		return nil
	}
	group := p.parties[known.party]
	p.remove(known)
	return p.released(group)
}

// Await returns for whom an App has to wait, and until when, which wants to delete
// something for a cause; for nobody when it need not wait. It waits for those Apps that
// were pending when it began to, in the parties that count, one after the other.
func (p *Set) Await(id syncline.AppID, project, cause string, now time.Time, counts func(Party) bool) (on *Awaited, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.begun(id, cause, now)
	w.project = project
	return p.next(id, w, now, counts)
}

// WouldAwait returns what Await would, and leaves everything as it is.
func (p *Set) WouldAwait(id syncline.AppID, project, cause string, now time.Time, counts func(Party) bool) (on *Awaited, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := wait{project: project, cause: cause, upTo: p.last, since: now}
	if known := p.waits[id]; known != nil && known.cause == cause {
		w = *known
	}
	w.in = &parties{} // so that nobody is noted to be waited for
	return p.next(id, &w, now, counts)
}

// next returns for whom a wait of an App is.
func (p *Set) next(id syncline.AppID, w *wait, now time.Time, counts func(Party) bool) (on *Awaited, until time.Time) {
	for of, group := range p.parties {
		longest := w.since.Add(longestPatience)
		if of.Project != w.project {
			longest = w.since.Add(patience)
		}
		first := p.first(group, id, w.upTo, now)
		if first == nil || !now.Before(longest) || !counts(of) {
			continue
		}
		if w.in == nil { // what else it waits for is asked again when that came
			w.start(id, first, group)
		}
		on, until = &Awaited{first.id, of}, longest
		if first.until.Before(longest) {
			until = first.until
		}
		return on, until
	}
	return nil, time.Time{}
}

// begun returns the wait of an App for a cause.
func (p *Set) begun(id syncline.AppID, cause string, now time.Time) *wait {
	w := p.waits[id]
	if w == nil || w.cause != cause {
		p.stop(id)
		w = &wait{cause: cause, upTo: p.last, since: now}
		p.waits[id] = w
	}
	return w
}

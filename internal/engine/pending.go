package engine

import (
	"container/list"
	"maps"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// How long what an App deletes waits for another at most: since the first turn of
// that which failed, so that one that is broken holds up nothing for ever, and
// since it got pending where its turn does not come or does not get that far.
const (
	patience        = time.Minute
	longestPatience = 10 * time.Minute
)

// pending knows the Apps that may come to declare something else than is known of
// them, because they are new, declared otherwise, or touched by a commit: until
// their next turn has ended. It also knows who waits for that. It is safe for
// concurrent use.
//
// Every App that gets pending has a number, the next one. Who begins to wait does
// so for those with a number up to then, and never for one that waits for it in
// turn, directly or through others: what may be declared by then is not known, but
// both would stand still. Nothing here looks at all Apps.
type pending struct {
	mu      sync.Mutex
	last    int
	apps    map[syncline.AppID]*expected
	parties map[party]*parties
	waits   map[syncline.AppID]*wait
}

// party are Apps of which one may have what the others may.
type party struct {
	project string
	target  syncline.Target
}

// partyOf is that of an App whose cluster may not be known: it may have nothing of
// any other.
func (e *Engine) partyOf(app syncline.App) party {
	target, _ := e.Clusters.Target(app.Destination)
	return party{app.Project, target}
}

// parties are the Apps of a party that are pending.
type parties struct {
	party party
	// order holds the *expected by their numbers.
	order *list.List
	// waiting are those who wait for some of them.
	waiting map[syncline.AppID]*wait
}

// expected is an App that is pending.
type expected struct {
	id    syncline.AppID
	party party
	// number is that under which it is waited for, latest that of the last reason
	// why it is pending, and at the revision that was it, by [revisionAt]; "" for
	// another reason.
	number, latest int
	at             string
	// until is how long it is waited for.
	until time.Time
	place *list.Element
}

// awaited is an App for which another waits.
type awaited struct {
	id    syncline.AppID
	party party
}

// wait is that of an App which wants to delete something.
type wait struct {
	// cause tells one wait of an App from another.
	cause string
	upTo  int
	since time.Time
	// on is the App that is waited for now, and in its party; none when they are zero.
	on syncline.AppID
	in *parties
}

// revisionAt names a revision of a source among those of all sources; "" stays "".
func revisionAt(source syncline.Source, revision string) string {
	if revision == "" {
		return ""
	}
	return source.Key() + " " + source.Chart + " " + revision
}

func newPending() *pending {
	return &pending{
		apps: map[syncline.AppID]*expected{}, parties: map[party]*parties{}, waits: map[syncline.AppID]*wait{},
	}
}

// mark makes an App pending, or pending anew: because of a revision, by [revisionAt],
// or of "" for another reason. It returns who has nobody to wait for any more, because the App
// is of another party now.
func (p *pending) mark(id syncline.AppID, of party, at string, now time.Time) (free []syncline.AppID) {
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

func (p *pending) remove(known *expected) {
	delete(p.apps, known.id)
	group := p.parties[known.party]
	group.order.Remove(known.place)
	p.drop(group)
}

// drop forgets a party in which nobody is pending or waited for.
func (p *pending) drop(group *parties) {
	if group.order.Len() == 0 && len(group.waiting) == 0 {
		delete(p.parties, group.party)
	}
}

// has reports whether an App is pending.
func (p *pending) has(id syncline.AppID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.apps[id] != nil
}

// begin returns what end has to be told of a turn of an App that begins. Whether it
// still waits is for the turn to say.
func (p *pending) begin(id syncline.AppID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop(id)
	return p.last
}

// end takes note that a turn of an App has ended which began so, and came to those
// revisions. It returns who has nobody to wait for any more.
func (p *pending) end(id syncline.AppID, began int, cameTo func(at string) bool) (free []syncline.AppID) {
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

// fail takes note that a turn of an App which began so came to nothing, for a
// reason that may pass.
func (p *pending) fail(id syncline.AppID, began int, now time.Time) {
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
func (p *pending) released(group *parties) (free []syncline.AppID) {
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
func (p *pending) stop(id syncline.AppID) {
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
func (p *pending) first(group *parties, id syncline.AppID, upTo int, now time.Time) *expected {
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
func (p *pending) waitsFor(id, other syncline.AppID) bool {
	for id != other {
		w := p.waits[id]
		if w == nil || w.in == nil {
			return false
		}
		id = w.on
	}
	return true
}

// forget drops an App that is gone. It returns who has nobody to wait for any more.
func (p *pending) forget(id syncline.AppID) (free []syncline.AppID) {
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

// await returns for whom an App has to wait, and until when, which wants to delete
// something for a cause; for nobody when it need not wait. It waits for those Apps that
// were pending when it began to, in the parties that count, one after the other.
func (p *pending) await(id syncline.AppID, cause string, now time.Time, counts func(party) bool) (on *awaited, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next(id, p.begun(id, cause, now), now, counts)
}

// wouldAwait returns what await would, and leaves everything as it is.
func (p *pending) wouldAwait(id syncline.AppID, cause string, now time.Time, counts func(party) bool) (on *awaited, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := wait{cause: cause, upTo: p.last, since: now}
	if known := p.waits[id]; known != nil && known.cause == cause {
		w = *known
	}
	w.in = &parties{} // so that nobody is noted to be waited for
	return p.next(id, &w, now, counts)
}

// next returns for whom a wait of an App is.
func (p *pending) next(id syncline.AppID, w *wait, now time.Time, counts func(party) bool) (on *awaited, until time.Time) {
	longest := w.since.Add(longestPatience)
	if !now.Before(longest) {
		return nil, longest
	}
	for of, group := range p.parties {
		first := p.first(group, id, w.upTo, now)
		if first == nil || !counts(of) {
			continue
		}
		if w.in == nil { // what else it waits for is asked again when that came
			w.start(id, first, group)
		}
		on, until = &awaited{first.id, of}, longest
		if first.until.Before(longest) {
			until = first.until
		}
		return on, until
	}
	return nil, longest
}

// begun returns the wait of an App for a cause.
func (p *pending) begun(id syncline.AppID, cause string, now time.Time) *wait {
	w := p.waits[id]
	if w == nil || w.cause != cause {
		p.stop(id)
		w = &wait{cause: cause, upTo: p.last, since: now}
		p.waits[id] = w
	}
	return w
}

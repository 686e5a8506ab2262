package source

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// begin starts a listing for some projects, which goes on when who asked for it
// gives up, and ends when nobody needs it or with the Resolver.
func (r *Resolver) begin(ctx context.Context, known *repository, owners []string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	going := &request{began: time.Now(), claim: demand.New(owners...), cancel: cancel, done: make(chan struct{})}
	known.listing = going
	key := known.access.Address.Key()
	if r.going[key] == nil {
		r.going[key] = map[*repository]struct{}{}
	}
	r.going[key][known] = struct{}{}
	stop := context.AfterFunc(r.life, cancel)
	r.group.Go(func() {
		defer cancel()
		defer stop()
		shown, err := known.fetcher.List(going.claim.In(ctx), known.access, known.scope)
		tell := r.settle(known, going, shown, err)
		close(going.done) // who waits for one target does not wait for all
		r.awaken()
		r.follow(known, going.shown, tell)
	})
}

// endListing takes note that a repository is not being listed any more.
func (r *Resolver) endListing(known *repository) {
	known.listing = nil
	key := known.access.Address.Key()
	if delete(r.going[key], known); len(r.going[key]) == 0 {
		delete(r.going, key)
	}
}

// telling says what those who asked before are told of a listing.
type telling struct {
	// now is that the repository cannot be reached any more, or can again, and moves
	// whether another revision of a target concerns them.
	now, moves bool
}

// settle remembers the outcome of a listing.
func (r *Resolver) settle(known *repository, going *request, listing Listing, err error) telling {
	var shown *listed
	if err == nil {
		shown = newListed(listing, going.began)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known.listing != going { // nobody needed it
		return telling{}
	}
	r.endListing(known)
	first := known.at.IsZero() && known.err == nil
	tell := telling{now: (err == nil) != (known.err == nil) && !first, moves: !first}
	known.err, known.moved = err, false
	if err != nil {
		known.failed = going.began
		known.failures++
		r.postpone(known, time.Now().Add(r.delay(known.failures)))
		return tell
	}
	known.failures = 0
	known.number++
	known.at, known.digest = going.began, shown.Digest()
	shown.number = known.number
	going.shown = shown
	r.kept.keep(known, shown)
	r.postpone(known, time.Now().Add(spread(r.options.Interval)))
	return tell
}

// follow finds what the targets that are declared mean by what was listed, and has
// it told when one of them means another revision. Those that take long come last, when
// the others were told of: who declares many of those keeps nobody waiting.
func (r *Resolver) follow(known *repository, shown *listed, tell telling) {
	if tell.now {
		r.options.Changed(known.access.Address.Key())
	}
	r.forgetUndeclared(known)
	if shown == nil {
		return
	}
	quick, slow := r.unsettled(known, shown)
	if r.lookFor(known, shown, quick) {
		r.tellMoved(known, tell)
		if r.lookFor(known, shown, slow) {
			r.tellMoved(known, tell)
		}
	}
	if shrinker, able := shown.Listing.(Shrinker); able {
		shrinker.Shrink()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known.last == shown {
		r.kept.dropLong(known)
	}
}

// forgetUndeclared forgets the targets of a repository that no App declares any more.
func (r *Resolver) forgetUndeclared(known *repository) {
	if r.options.Declared == nil {
		return
	}
	began := time.Now()
	declared := map[Target]struct{}{}
	for _, source := range r.options.Declared(known.access.Address.Key()) {
		if kind, err := source.Kind(); err == nil && kind == known.kind {
			declared[TargetOf(source)] = struct{}{}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for want, asked := range known.asked {
		if _, is := declared[want]; !is && asked.asked.Before(began) { // else it may have been declared since
			delete(known.asked, want)
		}
	}
	if known.scope != (Target{}) && len(known.asked) == 0 {
		r.forget(known) // it was listed for one target alone
	}
}

// unsettled returns the targets that were not looked for yet in what was listed:
// first those that were not for longest, then the short ones.
func (r *Resolver) unsettled(known *repository, shown *listed) (quick, slow []Target) {
	numbers := map[Target]int{}
	r.mu.Lock()
	for want, asked := range known.asked {
		if asked.number != shown.number {
			numbers[want] = asked.number
		}
	}
	r.mu.Unlock()
	sorter, sorts := shown.Listing.(Sorter)
	for want := range numbers {
		if sorts && sorter.Slow(want) {
			slow = append(slow, want)
		} else {
			quick = append(quick, want)
		}
	}
	slices.SortFunc(slow, func(a, b Target) int {
		return cmp.Or(numbers[a]-numbers[b], len(a.Revision)-len(b.Revision), strings.Compare(a.TagPrefix, b.TagPrefix))
	})
	return quick, slow
}

// lookFor looks for targets in what was listed, and reports whether it came to the
// end: not when a newer listing is there, or nobody needs the repository.
func (r *Resolver) lookFor(known *repository, shown *listed, wanted []Target) bool {
	for _, want := range wanted {
		if !r.wanted(known, shown) {
			return false
		}
		if _, err := shown.look(r.life, want, func(found outcome) { r.note(known, shown, want, found) }); err != nil {
			return false
		}
	}
	return true
}

// wanted reports whether what was listed is the newest of a repository that somebody
// needs.
func (r *Resolver) wanted(known *repository, shown *listed) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return known.number == shown.number && r.known[known.way()] == known
}

// note remembers what a target stands for by what was listed, if that is the newest.
func (r *Resolver) note(known *repository, shown *listed, want Target, found outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := known.asked[want]
	if asked == nil || asked.number == shown.number || known.number != shown.number {
		return
	}
	if found.ID == "" {
		found.ID = asked.found
	}
	known.moved = known.moved || asked.number > 0 && found.ID != asked.ID
	asked.outcome, asked.number = found, shown.number
}

// tellMoved tells those who asked before when a target means another revision than
// when they were told last.
func (r *Resolver) tellMoved(known *repository, tell telling) {
	r.mu.Lock()
	moved := known.moved
	known.moved = false
	r.mu.Unlock()
	if moved && tell.moves {
		r.options.Changed(known.access.Address.Key())
	}
}

// missedFor is how long it is believed, at most, that there is no such revision: a
// server may say so of the whole repository by mistake.
const missedFor = time.Hour

// search resolves a target that no listing shows, if the Fetcher can. What it finds
// does not change, so it is asked for once; and where there is nothing, once for the
// same listing.
func (r *Resolver) search(ctx context.Context, of way, repo upstream.Repository, want Target) (Revision, error) {
	searcher, able := r.fetchers[of.kind].(Searcher)
	if !able {
		return Revision{}, nil
	}
	r.mu.Lock()
	known := r.repository(of, repo)
	asked, digest := known.ask(want), known.digest
	missed := asked.missed
	if asked.digest != digest || time.Since(asked.missedAt) > missedFor {
		missed = nil
	}
	r.mu.Unlock()
	if missed != nil {
		return Revision{}, orNothing(missed)
	}
	found, err := searcher.Search(ctx, repo, want)
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind := syncline.KindOf(err); err != nil {
		if kind == syncline.NotFound || kind == syncline.Invalid {
			asked.missed, asked.missedAt, asked.digest = err, time.Now(), digest
		}
		return Revision{}, orNothing(err)
	}
	found.At = known.at
	asked.found, asked.outcome = found.ID, outcome{Revision: found}
	return found, nil
}

// orNothing returns no error where it only says that there is no such revision.
func orNothing(err error) error {
	if syncline.KindOf(err) == syncline.NotFound {
		return nil
	}
	return err
}

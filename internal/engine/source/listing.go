package source

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// begin starts a listing for some projects, which goes on when who asked for it
// gives up, and ends when nobody needs it or with the Resolver.
func (r *Resolver) begin(ctx context.Context, known *repository, owners []string) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	going := &listing{began: time.Now(), claim: demand.New(owners...), cancel: cancel, done: make(chan struct{})}
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
		refs, err := r.remote.Refs(going.claim.In(ctx), known.access)
		tell := r.settle(known, going, refs, err)
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
	// whether another commit of a target concerns them.
	now, moves bool
}

// settle remembers the outcome of a listing.
func (r *Resolver) settle(known *repository, going *listing, refs syncline.Refs, err error) telling {
	var shown *listed
	if err == nil {
		shown = newListed(refs, going.began)
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
	known.at, known.digest, known.head, known.empty = going.began, shown.digest, refs.Head, len(refs.Commits) == 0
	shown.number = known.number
	going.shown = shown
	r.kept.keep(known, shown)
	r.postpone(known, time.Now().Add(spread(r.options.Interval)))
	return tell
}

// follow finds what the targets that are declared mean by what was listed, and has
// it told when one of them means another commit. Names come first, and are told of
// before the constraints: who declares many of those keeps nobody waiting.
func (r *Resolver) follow(known *repository, shown *listed, tell telling) {
	if tell.now {
		r.options.Changed(known.access.Address.Key())
	}
	r.forgetUndeclared(known)
	if shown == nil {
		return
	}
	names, constraints := r.unsettled(known, shown)
	if r.lookFor(known, shown, names) {
		r.tellMoved(known, tell)
		if r.lookFor(known, shown, constraints) {
			r.tellMoved(known, tell)
		}
	}
	shown.forgetVersions()
	r.mu.Lock()
	defer r.mu.Unlock()
	if known.refs == shown {
		r.kept.dropLong(known)
	}
}

// forgetUndeclared forgets the targets of a repository that no App declares any more.
func (r *Resolver) forgetUndeclared(known *repository) {
	if r.options.Declared == nil {
		return
	}
	began := time.Now()
	declared := map[target]struct{}{}
	for _, source := range r.options.Declared(known.access.Address.Key()) {
		declared[targetOf(source)] = struct{}{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for want, asked := range known.asked {
		if _, is := declared[want]; !is && asked.asked.Before(began) { // else it may have been declared since
			delete(known.asked, want)
		}
	}
}

// unsettled returns the targets that were not looked for yet in what was listed:
// first those that were not for longest, then the short ones.
func (r *Resolver) unsettled(known *repository, shown *listed) (names, constraints []target) {
	numbers := map[target]int{}
	r.mu.Lock()
	for want, asked := range known.asked {
		if asked.number != shown.number {
			numbers[want] = asked.number
		}
	}
	r.mu.Unlock()
	for want := range numbers {
		if isConstraint(want) {
			constraints = append(constraints, want)
		} else {
			names = append(names, want)
		}
	}
	slices.SortFunc(constraints, func(a, b target) int {
		return cmp.Or(numbers[a]-numbers[b], len(a.revision)-len(b.revision), strings.Compare(a.tagPrefix, b.tagPrefix))
	})
	return names, constraints
}

// lookFor looks for targets in what was listed, and reports whether it came to the
// end: not when a newer listing is there, or nobody needs the repository.
func (r *Resolver) lookFor(known *repository, shown *listed, wanted []target) bool {
	for _, want := range wanted {
		if !r.wanted(known, shown) {
			return false
		}
		if _, err := shown.look(r.life, want, func(found Revision) { r.note(known, shown, want, found) }); err != nil {
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
	return known.number == shown.number && r.known[known.access.Access()] == known
}

// note remembers what a target stands for by what was listed, if that is the newest.
func (r *Resolver) note(known *repository, shown *listed, want target, found Revision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := known.asked[want]
	if asked == nil || asked.number == shown.number || known.number != shown.number {
		return
	}
	if found.Commit == "" {
		found.Commit = asked.found
	}
	known.moved = known.moved || asked.number > 0 && found.Commit != asked.Commit
	asked.Revision, asked.number = found, shown.number
}

// tellMoved tells those who asked before when a target means another commit than
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

// missedFor is how long it is believed, at most, that there is no such commit: a
// server may say so of the whole repository by mistake.
const missedFor = time.Hour

// find resolves an abbreviation that no ref begins with. A commit does not change its
// name, so it is asked for once; and where there is none, once for the same refs.
func (r *Resolver) find(ctx context.Context, repo syncline.Repository, want target) (Revision, error) {
	r.mu.Lock()
	known := r.repository(repo)
	asked, digest := known.ask(want), known.digest
	missed := asked.missed
	if asked.digest != digest || time.Since(asked.missedAt) > missedFor {
		missed = nil
	}
	r.mu.Unlock()
	if missed != nil {
		return Revision{}, orNothing(missed)
	}
	commit, err := r.remote.Find(ctx, repo, strings.ToLower(want.revision))
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind := syncline.KindOf(err); err != nil {
		if kind == syncline.NotFound || kind == syncline.Invalid {
			asked.missed, asked.missedAt, asked.digest = err, time.Now(), digest
		}
		return Revision{}, orNothing(err)
	}
	asked.found, asked.Revision = commit, Revision{Commit: commit, At: known.at}
	return asked.Revision, nil
}

// orNothing returns no error where it only says that there is no such commit.
func orNothing(err error) error {
	if syncline.KindOf(err) == syncline.NotFound {
		return nil
	}
	return err
}

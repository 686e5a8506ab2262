package source

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Options are the choices of a Resolver. The zero value works.
type Options struct {
	// Interval is how often Poll asks each repository, default 3 min, give or
	// take a tenth.
	Interval time.Duration
	// Backoff is how long after a failure a repository is asked again, default
	// 5 s. It doubles with each failure in a row, up to Interval.
	Backoff time.Duration
	// Changed is told the key of a repository of which a target that was asked for
	// came to mean another revision, or which cannot be reached any more, or
	// can again. It must not block. Default: nobody is told.
	Changed func(repoKey string)
	// Uses reports whether anybody still reaches a repository in that way, for
	// whatever kind of source. One that
	// nobody does is forgotten when it would be polled, or by [Resolver.Review]. It is
	// called without a lock. Default: somebody does.
	Uses func(repo upstream.Repository) bool
	// Owners returns the projects that reach a repository in that way, for which it is
	// polled. Default: nobody in particular.
	Owners func(repo upstream.Repository) []string
	// Declared returns the sources that Apps declare now in a repository, named by the
	// key of its address. What else was asked for is forgotten with the next listing.
	// It is called without a lock. Default: nothing is forgotten so.
	Declared func(repoKey string) []syncline.Source
	// Kept is how much of what was listed is kept of all repositories, by
	// [Listing.Size]: default 100,000, which take about 15 MiB. Of the others only what
	// was asked for is known: they are listed again when something else is.
	Kept int
}

// Resolver resolves target revisions. Whatever the number of Apps, it asks a
// repository once for each way to reach it: what one way shows, or fails with,
// is no other's. It is safe for concurrent use.
type Resolver struct {
	fetchers Fetchers
	options  Options
	// life ends with Close, and every request with it.
	life  context.Context
	end   context.CancelFunc
	group sync.WaitGroup

	mu    sync.Mutex
	known map[way]*repository
	due   dueQueue
	kept  keptListings
	// going are the repositories that are being listed, by the keys of their addresses.
	going map[string]map[*repository]struct{}
	// wake ends Poll's wait when there is a new repository.
	wake chan struct{}
}

// way is how a repository is reached, as what, and how much of it is listed.
type way struct {
	kind   syncline.SourceKind
	access upstream.Access
	scope  Target
}

// wayTo returns the way in which a target is looked for.
func wayTo(kind syncline.SourceKind, fetcher Fetcher, repo upstream.Repository, want Target) way {
	return way{kind, repo.Access(), fetcher.Scope(want)}
}

// repository is what is remembered of one, reached in one way, within one scope.
// Resolver.mu guards it.
type repository struct {
	kind    syncline.SourceKind
	fetcher Fetcher
	access  upstream.Repository
	scope   Target
	// last is what was last listed; nil when never, or when it is too much to keep and
	// what was asked for was looked for. See keptListings.
	last *listed
	// at is when that listing began, number how many went well, and digest the last's.
	at     time.Time
	number int
	digest uint64
	// err is what the last attempt, begun at failed, came to; nil when it went well.
	err      error
	failed   time.Time
	failures int
	// due is when to ask again by ourselves, and after a failure the earliest
	// time to ask for those who take what is remembered.
	due     time.Time
	listing *request
	asked   map[Target]*answer
	// moved says that a target came to mean another revision, and nobody was told yet.
	moved bool
}

// way is how it is reached.
func (k *repository) way() way { return way{k.kind, k.access.Access(), k.scope} }

// answer is what a target means.
type answer struct {
	outcome
	// number is that of the listing by which it is so; 0 when by none.
	number int
	// asked is when it was asked for last.
	asked time.Time
	// found is the revision that no listing shows. Where the search for it came to
	// nothing, missed says why, and digest is that of the listing then.
	found    string
	missed   error
	missedAt time.Time
	digest   uint64
}

// maxAsked is how many targets of a repository are remembered.
const maxAsked = 10_000

// request is one for a listing that goes on.
type request struct {
	began time.Time
	// claim is for whom.
	claim  *demand.Claim
	cancel context.CancelFunc
	// done is closed when it has ended, and shown is what it showed, if anything.
	done  chan struct{}
	shown *listed
}

// NewResolver returns a Resolver of the kinds of source that have a Fetcher.
func NewResolver(fetchers Fetchers, options Options) *Resolver {
	options.Interval = cmp.Or(options.Interval, 3*time.Minute)
	options.Backoff = cmp.Or(options.Backoff, 5*time.Second)
	options.Kept = cmp.Or(options.Kept, 100_000)
	if options.Changed == nil {
		options.Changed = func(string) {}
	}
	if options.Uses == nil {
		options.Uses = func(upstream.Repository) bool { return true }
	}
	if options.Owners == nil {
		options.Owners = func(upstream.Repository) []string { return []string{""} }
	}
	r := &Resolver{
		fetchers: fetchers, options: options,
		known: map[way]*repository{}, going: map[string]map[*repository]struct{}{},
		kept: keptListings{left: options.Kept}, wake: make(chan struct{}, 1),
	}
	r.life, r.end = context.WithCancel(context.Background())
	return r
}

// Close ends the requests that go on, and waits for them.
func (r *Resolver) Close() {
	r.end()
	r.group.Wait()
}

// Resolve returns what the source's target revision stands for. What was
// learned up to maxAge ago, in the same way, will do; 0 asks the server anew,
// together with whoever else asks from now on. Of what a target stands for by
// itself, see [Lister.Known], no server is asked.
//
// Errors: NotFound when nothing has that name, and those of the [Fetcher]. After a
// failure the same error is returned for a while, unless it is older than
// maxAge. What was known before then is left to [Resolver.Remembered].
func (r *Resolver) Resolve(ctx context.Context, source syncline.Source, repo upstream.Repository, maxAge time.Duration) (Revision, error) {
	kind, fetcher, err := r.fetchers.of(source)
	if err != nil {
		return Revision{}, err
	}
	want := TargetOf(source)
	of := wayTo(kind, fetcher, repo, want)
	if known, err := fetcher.Known(want); err != nil || known.ID != "" {
		return known, err
	}
	found, err := r.answer(ctx, of, repo, want, time.Now().Add(-maxAge))
	if err != nil || found.ID != "" {
		return found.Revision, err
	}
	searched, err := r.search(ctx, of, repo, want)
	if err == nil && searched.ID == "" {
		err = found.none
	}
	return searched, err
}

// Remembered returns what the target revision stood for when the repository
// could last be reached, however long ago; [Revision].At says when. It asks no
// server, and reports whether anything is known.
func (r *Resolver) Remembered(source syncline.Source, repo upstream.Repository) (Revision, bool) {
	kind, fetcher, err := r.fetchers.of(source)
	if err != nil {
		return Revision{}, false
	}
	want := TargetOf(source)
	found, last := r.remembered(wayTo(kind, fetcher, repo, want), want)
	if last == nil {
		return found, found.ID != ""
	}
	if _, err := fetcher.Known(want); err != nil {
		return Revision{}, false
	}
	looked, _ := last.look(r.life, want, func(outcome) {})
	return looked.Revision, looked.ID != ""
}

// remembered returns what is known of a target, or what was listed in which to look
// for it.
func (r *Resolver) remembered(of way, want Target) (Revision, *listed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.known[of]
	if known == nil || known.at.IsZero() {
		return Revision{}, nil
	}
	if asked := known.asked[want]; asked != nil && (asked.number == known.number || asked.ID != "" || known.last == nil) {
		return asked.Revision, nil
	}
	return Revision{}, known.last
}

// Outdate has repositories listed again before anything more is told of them:
// how those are reached changed whose [upstream.Address.Key] is concerned, and
// what one way showed before it was lost may be old when it is there again.
func (r *Resolver) Outdate(concerned func(repoKey string) bool) {
	for _, key := range r.outdate(concerned) {
		r.Review(key)
	}
}

// outdate does what [Resolver.Outdate] does, and returns the keys of those that are
// being listed, perhaps by a way that nobody takes any more.
func (r *Resolver) outdate(concerned func(repoKey string) bool) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, known := range r.known {
		if concerned(known.access.Address.Key()) {
			known.at, known.failed = time.Time{}, time.Time{}
		}
	}
	return slices.DeleteFunc(slices.Collect(maps.Keys(r.going)), func(key string) bool { return !concerned(key) })
}

// Review ends the listings of a repository, named by its [upstream.Address.Key],
// that nobody needs any more, and forgets it: Apps that read it are gone, or
// declare another. Who asks for it from now on has it listed anew.
func (r *Resolver) Review(repoKey string) {
	r.mu.Lock()
	going := slices.Collect(maps.Keys(r.going[repoKey]))
	r.mu.Unlock()
	for _, known := range going {
		if !r.options.Uses(known.access) {
			r.abandon(known)
		}
	}
}

// abandon ends the listing of a repository, and forgets it.
func (r *Resolver) abandon(known *repository) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known.listing != nil {
		known.listing.cancel()
		r.endListing(known)
	}
	r.forget(known)
}

// forget drops what is remembered of a repository.
func (r *Resolver) forget(known *repository) {
	r.kept.drop(known)
	if of := known.way(); r.known[of] == known {
		delete(r.known, of)
		if forgetter, remembers := known.fetcher.(Forgetter); remembers {
			forgetter.Forget(known.access)
		}
	}
}

// answer returns what a target stands for: listed not before a time, by asking the
// server when it was not.
func (r *Resolver) answer(ctx context.Context, of way, repo upstream.Repository, want Target, notBefore time.Time) (outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	known, shown, err := r.show(ctx, of, repo, want, notBefore)
	if err != nil {
		return outcome{}, err
	}
	if known.at.Before(now) {
		r.hasten(known, now.Sub(notBefore))
	}
	r.kept.use(known)
	if shown == nil {
		return known.ask(want).outcome, nil
	}
	r.mu.Unlock()
	found, err := shown.look(ctx, want, func(found outcome) { r.note(known, shown, want, found) })
	r.mu.Lock()
	if err != nil {
		return outcome{}, waitingFor(repo, err)
	}
	if asked := known.asked[want]; found.ID == "" && asked != nil {
		found.ID = asked.found
	}
	return found, nil
}

// show waits until it can be told what a target stands for: by what is known of
// it, or else by the listing that it returns. It gives up the lock meanwhile.
func (r *Resolver) show(ctx context.Context, of way, repo upstream.Repository, want Target, notBefore time.Time) (*repository, *listed, error) {
	known, owners := r.repository(of, repo), demand.Of(ctx).Owners()
	for {
		asked := known.ask(want)
		if known.fresh(notBefore) {
			if asked.number == known.number {
				return known, nil, nil
			}
			if known.last != nil {
				return known, known.last, nil
			}
		}
		if err := known.failure(notBefore); err != nil {
			return nil, nil, err
		}
		if known.listing == nil {
			r.begin(ctx, known, owners)
		}
		going := known.listing
		going.claim.Join(owners...) // it does not wait for who else wants it
		if err := r.await(ctx, going, repo); err != nil {
			return nil, nil, err
		}
		if going.shown != nil && !going.began.Before(notBefore) {
			return known, going.shown, nil
		}
		known = r.repository(of, repo) // it may have been forgotten
	}
}

// ask returns what is known of a target, which is remembered from now on, also
// when the server fails: to tell when it is back.
func (k *repository) ask(want Target) *answer {
	asked := k.asked[want]
	if asked == nil {
		for other := range k.asked {
			if len(k.asked) < maxAsked {
				break
			}
			delete(k.asked, other) // any: it is listed for again if need be
		}
		asked = &answer{}
		k.asked[want] = asked
	}
	asked.asked = time.Now()
	return asked
}

// hasten brings the next poll of a repository forward, because somebody who
// wanted nothing older than age got what was listed before they asked: what was
// pushed in between would be found an interval late.
func (r *Resolver) hasten(known *repository, age time.Duration) {
	due := time.Now().Add(age)
	if age >= r.options.Interval || !due.Before(known.due) {
		return
	}
	r.postpone(known, due)
	r.awaken()
}

// awaken lets Poll look again what is due.
func (r *Resolver) awaken() {
	select {
	case r.wake <- struct{}{}:
	default: // it wakes already
	}
}

// fresh reports whether what is known is not older than a time, and not put in
// doubt by a failure since: an App that says that it may be out of date does not
// take that back before it is not so.
func (k *repository) fresh(notBefore time.Time) bool {
	return !k.at.IsZero() && k.err == nil && !k.at.Before(notBefore)
}

// failure returns the error of the last attempt, if it is as new as is asked
// for, and too new to try again.
func (k *repository) failure(notBefore time.Time) error {
	if k.failed.Before(notBefore) || !time.Now().Before(k.due) {
		return nil
	}
	return k.err
}

// await waits for a listing to end, without the lock.
func (r *Resolver) await(ctx context.Context, going *request, repo upstream.Repository) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-going.done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil { // it is not for them that it would be listed again
		return waitingFor(repo, err)
	}
	return nil
}

func waitingFor(repo upstream.Repository, err error) error {
	return syncline.Errorf(syncline.Transient, "repository %s: waiting for its refs: %w", repo.Address, err)
}

// repository returns what is remembered of repo, which may be nothing.
func (r *Resolver) repository(of way, repo upstream.Repository) *repository {
	known := r.known[of]
	if known == nil {
		known = &repository{kind: of.kind, fetcher: r.fetchers[of.kind], access: repo, scope: of.scope, asked: map[Target]*answer{}}
		r.known[of] = known
	}
	return known
}

// delay is how long to wait after so many failures in a row.
func (r *Resolver) delay(failures int) time.Duration {
	delay := r.options.Backoff
	for range failures - 1 {
		if delay *= 2; delay >= r.options.Interval {
			return spread(r.options.Interval)
		}
	}
	return spread(delay)
}

// spread returns a time of about d, so that not all come at once.
func spread(d time.Duration) time.Duration {
	return d - d/10 + rand.N(max(d/5, 1)) //nolint:gosec // nothing is secret about it
}

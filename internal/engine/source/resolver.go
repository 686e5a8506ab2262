package source

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// Remote is what there is to ask a repository's server.
type Remote interface {
	// Refs lists the repository's refs, for those of [demand.Of]. Its errors name the
	// repository. It gives up by itself when there is no answer.
	Refs(ctx context.Context, repo syncline.Repository) (syncline.Refs, error)
	// Find returns the commit that an abbreviated name stands for, or a NotFound error.
	Find(ctx context.Context, repo syncline.Repository, abbreviation string) (string, error)
}

// Revision is what a target revision stands for.
type Revision struct {
	// Commit is a full name.
	Commit string
	// Ref is the full name of the branch or tag that led to the commit. It is ""
	// when the commit was named itself.
	Ref string
	// At is when that was so. It is zero for the full name of a commit.
	At time.Time
}

// Options are the choices of a Resolver. The zero value works.
type Options struct {
	// Interval is how often Poll asks each repository, default 3 min, give or
	// take a tenth.
	Interval time.Duration
	// Backoff is how long after a failure a repository is asked again, default
	// 5 s. It doubles with each failure in a row, up to Interval.
	Backoff time.Duration
	// Changed is told the key of a repository of which a revision that was asked
	// for came to mean another commit, or which cannot be reached any more, or
	// can again. It must not block. Default: nobody is told.
	Changed func(repoKey string)
	// Uses reports whether anybody still reaches a repository in that way. One that
	// nobody does is forgotten when it would be polled, or by [Resolver.Review]. It is
	// called without a lock. Default: somebody does.
	Uses func(repo syncline.Repository) bool
	// Owners returns the projects that reach a repository in that way, for which it is
	// polled. Default: nobody in particular.
	Owners func(repo syncline.Repository) []string
	// Declared returns the sources that Apps declare now in a repository, named by the
	// key of its address. What else was asked for is forgotten with the next listing.
	// It is called without a lock. Default: nothing is forgotten so.
	Declared func(repoKey string) []syncline.Source
	// Refs is how many refs are kept of all repositories, default 100,000, which
	// take about 15 MiB. Of the others only what was asked for is known: they are
	// listed again when something else is.
	Refs int
}

// Resolver resolves target revisions. Whatever the number of Apps, it asks a
// repository once for each way to reach it: what one way shows, or fails with,
// is no other's. It is safe for concurrent use.
type Resolver struct {
	remote  Remote
	options Options
	// life ends with Close, and every request with it.
	life  context.Context
	end   context.CancelFunc
	group sync.WaitGroup

	mu    sync.Mutex
	known map[syncline.Access]*repository
	due   dueQueue
	kept  keptRefs
	// going are the repositories that are being listed, by the keys of their addresses.
	going map[string]map[*repository]struct{}
	// wake ends Poll's wait when there is a new repository.
	wake chan struct{}
}

// repository is what is remembered of one, reached in one way. Resolver.mu
// guards it.
type repository struct {
	access syncline.Repository
	// refs are those that were last listed; nil when never, or when they are too
	// many to keep and what was asked for was looked for. See keptRefs.
	refs *listed
	// at is when listing them began, number how many listings went well, and digest,
	// head and empty what is told of them.
	at     time.Time
	number int
	digest uint64
	head   string
	empty  bool
	// err is what the last attempt, begun at failed, came to; nil when it went well.
	err      error
	failed   time.Time
	failures int
	// due is when to ask again by ourselves, and after a failure the earliest
	// time to ask for those who take what is remembered.
	due     time.Time
	listing *listing
	asked   map[target]*answer
	// moved says that a target came to mean another commit, and nobody was told yet.
	moved bool
}

// answer is what a target means. The commit is "" when that is nothing.
type answer struct {
	Revision
	// number is that of the listing by which it is so; 0 when by none.
	number int
	// asked is when it was asked for last.
	asked time.Time
	// found is the commit of an abbreviation that no ref begins with. Where the search
	// for it came to nothing, missed says why, and digest is that of the refs then.
	found    string
	missed   error
	missedAt time.Time
	digest   uint64
}

// maxAsked is how many targets of a repository are remembered.
const maxAsked = 10_000

// listing is one request for refs that goes on.
type listing struct {
	began time.Time
	// claim is for whom.
	claim  *demand.Claim
	cancel context.CancelFunc
	// done is closed when it has ended, and shown is what it showed, if anything.
	done  chan struct{}
	shown *listed
}

// NewResolver returns a Resolver that asks remote.
func NewResolver(remote Remote, options Options) *Resolver {
	if options.Interval == 0 {
		options.Interval = 3 * time.Minute
	}
	if options.Backoff == 0 {
		options.Backoff = 5 * time.Second
	}
	if options.Changed == nil {
		options.Changed = func(string) {}
	}
	if options.Uses == nil {
		options.Uses = func(syncline.Repository) bool { return true }
	}
	if options.Owners == nil {
		options.Owners = func(syncline.Repository) []string { return []string{""} }
	}
	if options.Refs == 0 {
		options.Refs = 100_000
	}
	r := &Resolver{
		remote: remote, options: options,
		known: map[syncline.Access]*repository{}, going: map[string]map[*repository]struct{}{},
		kept: keptRefs{left: options.Refs}, wake: make(chan struct{}, 1),
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
// together with whoever else asks from now on. The full name of a commit stands
// for itself, and no server is asked.
//
// Errors: NotFound when nothing has that name, and those of [Remote]. After a
// failure the same error is returned for a while, unless it is older than
// maxAge. What was known before then is left to [Resolver.Remembered].
func (r *Resolver) Resolve(ctx context.Context, source syncline.Source, repo syncline.Repository, maxAge time.Duration) (Revision, error) {
	if fullCommit.MatchString(source.TargetRevision) {
		return Revision{Commit: strings.ToLower(source.TargetRevision)}, nil
	}
	want := targetOf(source)
	if err := want.check(); err != nil {
		return Revision{}, err
	}
	found, missing, err := r.answer(ctx, repo, want, time.Now().Add(-maxAge))
	if err == nil && found.Commit == "" && abbreviation.MatchString(want.revision) {
		found, err = r.find(ctx, repo, want)
	}
	if err != nil {
		return Revision{}, err
	}
	if found.Commit == "" {
		return Revision{}, missing
	}
	return found, nil
}

// Remembered returns what the target revision stood for when the repository
// could last be reached, however long ago; [Revision].At says when. It asks no
// server, and reports whether anything is known.
func (r *Resolver) Remembered(source syncline.Source, repo syncline.Repository) (Revision, bool) {
	want := targetOf(source)
	found, refs := r.remembered(repo.Access(), want)
	if refs != nil && want.check() == nil {
		found, _ = refs.look(r.life, want, func(Revision) {})
	}
	return found, found.Commit != ""
}

// remembered returns what is known of a target, or the refs among which to look
// for it.
func (r *Resolver) remembered(access syncline.Access, want target) (Revision, *listed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.known[access]
	if known == nil || known.at.IsZero() {
		return Revision{}, nil
	}
	if asked := known.asked[want]; asked != nil && (asked.number == known.number || asked.Commit != "" || known.refs == nil) {
		return asked.Revision, nil
	}
	return Revision{}, known.refs
}

// Outdate has repositories listed again before anything more is told of them:
// how those are reached changed whose [syncline.Address.Key] is concerned, and
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

// Review ends the listings of a repository, named by its [syncline.Address.Key],
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
	if access := known.access.Access(); r.known[access] == known {
		delete(r.known, access)
	}
}

// answer returns what a target stands for, and an error to say when that is
// nothing: listed not before a time, by asking the server when it was not.
func (r *Resolver) answer(ctx context.Context, repo syncline.Repository, want target, notBefore time.Time) (found Revision, missing, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	known, shown, err := r.show(ctx, repo, want, notBefore)
	if err != nil {
		return Revision{}, nil, err
	}
	if known.at.Before(now) {
		r.hasten(known, now.Sub(notBefore))
	}
	r.kept.use(known)
	missing = noMatch(known.head, known.empty, want, repo.Address.String())
	if shown == nil {
		return known.ask(want).Revision, missing, nil
	}
	r.mu.Unlock()
	found, err = shown.look(ctx, want, func(found Revision) { r.note(known, shown, want, found) })
	r.mu.Lock()
	if err != nil {
		return Revision{}, nil, waitingFor(repo, err)
	}
	if asked := known.asked[want]; found.Commit == "" && asked != nil {
		found.Commit = asked.found
	}
	return found, missing, nil
}

// show waits until it can be told what a target stands for: by what is known of
// it, or else by the refs that it returns. It gives up the lock meanwhile.
func (r *Resolver) show(ctx context.Context, repo syncline.Repository, want target, notBefore time.Time) (*repository, *listed, error) {
	known, owners := r.repository(repo), demand.Of(ctx).Owners()
	for {
		asked := known.ask(want)
		if known.fresh(notBefore) {
			if asked.number == known.number {
				return known, nil, nil
			}
			if known.refs != nil {
				return known, known.refs, nil
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
		known = r.repository(repo) // it may have been forgotten
	}
}

// ask returns what is known of a target, which is remembered from now on, also
// when the server fails: to tell when it is back.
func (k *repository) ask(want target) *answer {
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
func (r *Resolver) await(ctx context.Context, going *listing, repo syncline.Repository) error {
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

func waitingFor(repo syncline.Repository, err error) error {
	return syncline.Errorf(syncline.Transient, "repository %s: waiting for its refs: %w", repo.Address, err)
}

// repository returns what is remembered of repo, which may be nothing.
func (r *Resolver) repository(repo syncline.Repository) *repository {
	access := repo.Access()
	known := r.known[access]
	if known == nil {
		known = &repository{access: repo, asked: map[target]*answer{}}
		r.known[access] = known
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

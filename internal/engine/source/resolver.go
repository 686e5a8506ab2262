package source

import (
	"context"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
)

// Remote is what there is to ask a repository's server.
type Remote interface {
	// Refs lists the repository's refs. Its errors name the repository. It gives
	// up by itself when there is no answer.
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
	// Uses reports whether anybody still uses the repository of that key. One
	// that nobody uses is forgotten when it would be polled. Default: somebody does.
	Uses func(repoKey string) bool
}

// Resolver resolves target revisions. Whatever the number of Apps, it asks a
// repository once. It is safe for concurrent use.
type Resolver struct {
	remote  Remote
	options Options

	mu    sync.Mutex
	known map[string]*repository // by syncline.RepoKey
	// wake ends Poll's wait when there is a new repository.
	wake chan struct{}
}

// repository is what is remembered of one. Resolver.mu guards it.
type repository struct {
	access syncline.Repository
	refs   *syncline.Refs // last listed; nil when never
	at     time.Time      // when listing them began
	// err is what the last attempt, begun at failed, came to; nil when it went well.
	err      error
	failed   time.Time
	failures int
	// due is when to ask again by ourselves, and after a failure the earliest
	// time to ask for those who take what is remembered.
	due     time.Time
	listing *listing
	// asked holds what each target that was asked for means by refs, without a
	// commit when that is nothing.
	asked map[target]Revision
	// found holds the commits of abbreviations that no ref begins with.
	found map[target]string
}

// listing is one request for refs that goes on.
type listing struct {
	began  time.Time
	access syncline.Repository
	done   chan struct{}
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
		options.Uses = func(string) bool { return true }
	}
	return &Resolver{remote: remote, options: options, known: map[string]*repository{}, wake: make(chan struct{}, 1)}
}

// Resolve returns what the source's target revision stands for. What was
// learned up to maxAge ago, with the same credentials, will do; 0 asks the
// server anew, together with whoever else asks from now on. The full name of a
// commit stands for itself, and no server is asked.
//
// Errors: NotFound when nothing has that name, and those of [Remote]. After a
// failure the same error is returned for a while, unless it is older than
// maxAge. What was known before then is left to [Resolver.Remembered].
func (r *Resolver) Resolve(ctx context.Context, source syncline.Source, repo syncline.Repository, maxAge time.Duration) (Revision, error) {
	if fullCommit.MatchString(source.TargetRevision) {
		return Revision{Commit: strings.ToLower(source.TargetRevision)}, nil
	}
	want := targetOf(source)
	refs, found, err := r.answer(ctx, repo, want, time.Now().Add(-maxAge))
	if err == nil && found.Commit == "" && abbreviation.MatchString(want.revision) {
		found, err = r.find(ctx, repo, want)
	}
	if err != nil {
		return Revision{}, err
	}
	if found.Commit == "" {
		return Revision{}, noMatch(refs, want, repo.Address.String())
	}
	return found, nil
}

// Remembered returns what the target revision stood for when the repository
// could last be reached, however long ago; [Revision].At says when. It asks no
// server, and reports whether anything is known.
func (r *Resolver) Remembered(source syncline.Source, repo syncline.Repository) (Revision, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.known[repo.Address.Key()]
	if known == nil || known.refs == nil || !sameAccess(known.access, repo) {
		return Revision{}, false
	}
	found, asked := known.asked[targetOf(source)]
	if !asked {
		found, _ = match(*known.refs, targetOf(source))
	}
	found.At = known.at
	return found, found.Commit != ""
}

// answer returns what a target stands for, with no commit when that is nothing,
// and the refs that say so: listed with repo's credentials and not before a
// time, by asking the server when there are none.
func (r *Resolver) answer(ctx context.Context, repo syncline.Repository, want target, notBefore time.Time) (syncline.Refs, Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	known := r.repository(repo)
	found, asked := known.asked[want]
	if !asked && known.refs != nil {
		found, _ = match(*known.refs, want)
	}
	known.asked[want] = found // also when the server fails, to tell when it is back
	for !known.fresh(repo, notBefore) {
		if err := known.failure(repo, notBefore); err != nil {
			return syncline.Refs{}, Revision{}, err
		}
		if known.listing == nil {
			r.begin(ctx, known, repo)
		}
		if err := r.await(ctx, known.listing, repo); err != nil {
			return syncline.Refs{}, Revision{}, err
		}
	}
	if known.at.Before(now) {
		r.hasten(known, now.Sub(notBefore))
	}
	found = known.asked[want]
	found.At = known.at
	return *known.refs, found, nil
}

// hasten brings the next poll of a repository forward, because somebody who
// wanted nothing older than age got what was listed before they asked: what was
// pushed in between would be found an interval late.
func (r *Resolver) hasten(known *repository, age time.Duration) {
	due := time.Now().Add(age)
	if age >= r.options.Interval || !due.Before(known.due) {
		return
	}
	known.due = due
	select {
	case r.wake <- struct{}{}:
	default: // it wakes already
	}
}

// fresh reports whether the refs are those that repo's credentials show, not
// older than a time, and not put in doubt by a failure since: an App that says
// that it may be out of date does not take that back before it is not so.
func (k *repository) fresh(repo syncline.Repository, notBefore time.Time) bool {
	return k.refs != nil && k.err == nil && !k.at.Before(notBefore) && sameAccess(k.access, repo)
}

// failure returns the error of the last attempt, if it is as new as is asked
// for, and too new to try again.
func (k *repository) failure(repo syncline.Repository, notBefore time.Time) error {
	if k.failed.Before(notBefore) || !time.Now().Before(k.due) || !sameAccess(k.access, repo) {
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
		return nil
	case <-ctx.Done():
		return syncline.Errorf(syncline.Transient, "repository %s: waiting for its refs: %w", repo.Address.String(), ctx.Err())
	}
}

// repository returns what is remembered of repo, which may be nothing.
func (r *Resolver) repository(repo syncline.Repository) *repository {
	key := repo.Address.Key()
	known := r.known[key]
	if known == nil {
		known = &repository{access: repo, asked: map[target]Revision{}, found: map[target]string{}}
		r.known[key] = known
	}
	return known
}

// begin starts a listing, which goes on when who asked for it gives up.
func (r *Resolver) begin(ctx context.Context, known *repository, repo syncline.Repository) {
	going := &listing{began: time.Now(), access: repo, done: make(chan struct{})}
	known.listing = going
	go func() {
		defer close(going.done)
		refs, err := r.remote.Refs(context.WithoutCancel(ctx), repo)
		if r.settle(known, refs, err) {
			r.options.Changed(repo.Address.Key())
		}
		select {
		case r.wake <- struct{}{}:
		default: // it wakes already
		}
	}()
}

// settle remembers the outcome of a listing, and reports whether it changes
// anything for those who asked before.
func (r *Resolver) settle(known *repository, refs syncline.Refs, err error) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	going := known.listing
	known.listing = nil
	first := known.refs == nil && known.err == nil
	if !sameAccess(known.access, going.access) {
		known.refs, known.found = nil, map[target]string{} // what others may see
	}
	known.access = going.access
	changed = (err == nil) != (known.err == nil)
	known.err = err
	if err != nil {
		known.failed = going.began
		known.failures++
		known.due = time.Now().Add(r.delay(known.failures))
		return changed && !first
	}
	known.failures = 0
	known.refs, known.at = &refs, going.began
	known.due = time.Now().Add(spread(r.options.Interval))
	for want, before := range known.asked {
		now, ok := match(refs, want)
		if !ok {
			now = Revision{Commit: known.found[want]}
		}
		known.asked[want] = now
		changed = changed || now.Commit != before.Commit
	}
	return changed && !first
}

// find resolves an abbreviation that no ref begins with. A commit does not
// change its name, so it is asked for once.
func (r *Resolver) find(ctx context.Context, repo syncline.Repository, want target) (Revision, error) {
	commit, err := r.remote.Find(ctx, repo, strings.ToLower(want.revision))
	if syncline.KindOf(err) == syncline.NotFound {
		return Revision{}, nil
	}
	if err != nil {
		return Revision{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.repository(repo)
	known.found[want] = commit
	known.asked[want] = Revision{Commit: commit}
	return Revision{Commit: commit, At: known.at}, nil
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

// sameAccess reports whether two ways to a repository show the same of it.
func sameAccess(a, b syncline.Repository) bool {
	sameKey := a.Address.Key() == b.Address.Key() && a.Address.User() == b.Address.User() && a.Address.Password() == b.Address.Password()
	a.Address, b.Address = syncline.Address{}, syncline.Address{}
	return sameKey && reflect.DeepEqual(a, b)
}

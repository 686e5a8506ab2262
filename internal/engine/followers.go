package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/record"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// Comparer is what Sources may be able to do besides: compare revisions without
// rendering them. Where they cannot, every commit is taken to touch every App.
type Comparer interface {
	// Difference returns how two commits of a source differ.
	Difference(ctx context.Context, app syncline.App, source syncline.Source, before, after string) (*source.Difference, error)
}

// Touched returns the Apps of a repository, named by its [syncline.RepoKey],
// that its revisions, as they are known now, may render to something else than
// their last turn did. It finds them by what differs, without asking each App. A
// turn of any other would come to the same, but for the revision. An App that is
// among them stays so until its next turn has ended.
func (e *Engine) Touched(ctx context.Context, repoKey string) []syncline.AppID {
	touched := e.followRepository(ctx, repoKey, true)
	ids := make([]syncline.AppID, 0, len(touched))
	for _, known := range touched {
		e.pend(known, "")
		ids = append(ids, known.id)
	}
	return ids
}

// followRepository takes all cohorts of a repository to the commits that their
// sources mean now, and returns the Apps that are in doubt then. A repository that
// cannot be reached puts its Apps in doubt, if that is told of it.
func (e *Engine) followRepository(ctx context.Context, repoKey string, told bool) []*follower {
	repo := e.followers.look(repoKey)
	defer e.followers.lookAway(repo)
	repo.following.Lock() // one commit after the other
	defer repo.following.Unlock()
	ctx, end := following(ctx)
	defer end()
	done := map[*cohort]bool{}
	for {
		cohorts, inDoubt := e.followers.state(repo)
		// Turns that ended meanwhile may have left Apps at the commits at which they
		// began. What was followed already is behind again only by a commit of which
		// another call is told.
		cohorts = slices.DeleteFunc(cohorts, func(c *cohort) bool { return done[c] })
		if !e.followAll(ctx, cohorts, told) {
			return inDoubt
		}
		for _, c := range cohorts {
			done[c] = true
		}
	}
}

// followLimit is how long the Apps of a repository wait to be told of a commit for
// other commits of it, which may take long to fetch. Those that follow what was not
// there in time are in doubt: they have turns. Until these begin, what they need is
// wanted for as long again.
const followLimit = 15 * time.Second

// following returns a context that ends at the limit, and what to call at the end.
func following(ctx context.Context) (limited context.Context, end func()) {
	wanted, drop := context.WithCancel(ctx)
	limited, cancel := context.WithTimeout(demand.Until(ctx, wanted), followLimit)
	return limited, func() {
		late := limited.Err() != nil
		cancel()
		if !late { // nothing is under way
			drop()
			return
		}
		time.AfterFunc(followLimit, drop)
	}
}

// followAll takes cohorts to the commits that their sources mean now, and
// reports whether for any of them that is another one.
func (e *Engine) followAll(ctx context.Context, cohorts []*cohort, told bool) bool {
	var behind atomic.Bool
	var group errgroup.Group
	group.SetLimit(8) // those on different branches fetch different commits
	for _, c := range cohorts {
		group.Go(func() error {
			if e.follow(ctx, c, told) {
				behind.Store(true)
			}
			return nil
		})
	}
	_ = group.Wait() // nothing fails
	return behind.Load()
}

// follow takes a cohort to the commit that its sources mean now, and reports
// whether that is another one.
func (e *Engine) follow(ctx context.Context, c *cohort, told bool) bool {
	if !e.Permits(c.app) { // any more
		e.pendAll(e.followers.doubt(c), "")
		return true
	}
	commit, err := e.Sources.Resolve(ctx, c.app, c.source, e.options.Poll)
	if err == nil && commit == c.commit || err != nil && !told {
		return false
	}
	comparer, able := e.Sources.(Comparer)
	if err != nil || !able {
		e.pendAll(e.followers.doubt(c), commit)
		return true
	}
	difference, err := comparer.Difference(ctx, c.app, c.source, c.commit, commit)
	if err != nil {
		e.pendAll(e.followers.doubt(c), commit)
		return true
	}
	e.pendAll(e.followers.advance(c, commit, difference), commit)
	return true
}

func (e *Engine) pendAll(touched []*follower, commit string) {
	for _, known := range touched {
		e.pend(known, commit)
	}
}

// pend makes an App pending: a commit may have changed what it declares.
func (e *Engine) pend(known *follower, commit string) {
	if e.options.Others != nil {
		e.wake(e.pending.mark(known.id, known.party, commit, e.options.Now()))
	}
}

// Followers returns the Apps of a repository, named by its [syncline.RepoKey].
func (e *Engine) Followers(repoKey string) []syncline.AppID {
	return e.followers.all(repoKey)
}

// followers knows which Apps follow which repositories, and what of them they
// read. It is safe for concurrent use.
type followers struct {
	partyOf func(syncline.App) party

	mu   sync.Mutex
	apps map[syncline.AppID]*follower
	// repos are by syncline.RepoKey: those that an App follows, or that somebody looks
	// at, so that nobody looks at one while another is made of the same name.
	repos map[string]*followed
}

// rendered is what a source rendered to: the request, without its files, and
// what was looked at for it.
type rendered struct {
	request render.Request
	reads   record.Reads
}

// follower is an App that had a turn.
type follower struct {
	id    syncline.AppID
	party party
	// sources are those that it declared, in the repositories repos.
	sources []syncline.Source
	repos   []*followed
	// readings are what its last turn read of its sources; none when in doubt.
	readings []*reading
	// found says that it was found out once what it declares, and at are the commits
	// at which that was so last; none when it declares nothing, whatever is committed.
	found bool
	at    []string
}

// behind reports whether a commit that a source of this revision means now may
// change what the App declares, and it had no turn at that.
func (k *follower) behind(source syncline.Source, commit string) bool {
	return !(k.found && len(k.at) == 0) && !slices.Contains(k.at, commit) && slices.ContainsFunc(k.sources, func(own syncline.Source) bool {
		return own.TargetRevision == source.TargetRevision && syncline.RepoKey(own.RepoURL) == syncline.RepoKey(source.RepoURL)
	})
}

// reading is what an App read of one of its sources.
type reading struct {
	follower *follower
	cohort   *cohort
}

// followed is a repository.
type followed struct {
	key string
	// held counts by how many it is followed, or looked at.
	held int
	// following is locked while Apps are taken to a new commit.
	following sync.Mutex
	cohorts   map[cohortKey]*cohort
	// inDoubt are the Apps that any commit may touch.
	inDoubt map[*follower]struct{}
}

// cohort is what was read of a repository at one commit by Apps that all go on
// to the same one.
type cohort struct {
	cohortKey
	repo *followed
	// app and source are of any of them, to reach the repository.
	app      syncline.App
	source   syncline.Source
	readings *record.Index[*reading]
}

// cohortKey is what the Apps of a cohort have in common.
type cohortKey struct{ project, url, revision, tagPrefix, commit string }

func newFollowers(partyOf func(syncline.App) party) *followers {
	return &followers{partyOf: partyOf, apps: map[syncline.AppID]*follower{}, repos: map[string]*followed{}}
}

// expect takes note that a turn of the App begins. Until that has ended, any
// commit may touch what it was not known to read.
func (f *followers) expect(app syncline.App) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.apps[app.ID]
	if now := f.join(app); now != known {
		now.doubt()
	}
}

// learn takes note of what the App was rendered from; of nothing when any commit
// may touch it.
func (f *followers) learn(app syncline.App, sources []rendered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.join(app)
	known.leave()
	if !traceable(app, sources) {
		known.doubt()
		return
	}
	for i, made := range sources {
		r := &reading{follower: known}
		r.enter(known.repos[i].cohort(app, app.Sources[i], made.request.Revision), made.reads)
		known.readings = append(known.readings, r)
	}
}

// found takes note of the commits at which it was found out what an App declares.
func (f *followers) found(id syncline.AppID, commits []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.apps[id]; known != nil {
		known.found, known.at = true, commits
	}
}

// behind returns those of the Apps that a commit may concern which they have not
// come to.
func (f *followers) behind(all []*follower, source syncline.Source, commit string) []*follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(all, func(k *follower) bool { return !k.behind(source, commit) })
}

// traceable reports whether the differences between revisions tell whether the
// sources that the App declares still render to the same.
func traceable(app syncline.App, sources []rendered) bool {
	if len(sources) == 0 || len(sources) != len(app.Sources) {
		return false
	}
	for i, made := range sources {
		if !reflect.DeepEqual(made.request.Source, app.Sources[i]) || !render.Traceable(made.reads) {
			return false
		}
	}
	return true
}

// forget drops an App.
func (f *followers) forget(id syncline.AppID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.apps[id]; known != nil {
		known.leave()
		f.releaseAll(known)
		delete(f.apps, id)
	}
}

// doubt takes it that the next commit may touch every App of a cohort, and returns
// those.
func (f *followers) doubt(c *cohort) (touched []*follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range c.readings.All() {
		r.follower.doubt()
		touched = append(touched, r.follower)
	}
	return touched
}

// advance takes a cohort to another commit, but for those Apps that it touches,
// which it returns. It leaves one alone that nobody is in any more, or that was
// joined to another.
func (f *followers) advance(c *cohort, commit string, difference record.Difference) (touched []*follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	repo := c.repo
	if repo.cohorts[c.cohortKey] != c {
		return nil
	}
	for r := range c.readings.Touched(difference) {
		r.follower.doubt()
		touched = append(touched, r.follower)
	}
	delete(repo.cohorts, c.cohortKey)
	c.commit = commit
	if there := repo.cohorts[c.cohortKey]; there != nil {
		if there.readings.Len() > c.readings.Len() {
			there, c = c, there
		}
		for r, reads := range there.readings.All() {
			r.enter(c, reads)
		}
	}
	if c.readings.Len() > 0 {
		repo.cohorts[c.cohortKey] = c
	}
	return touched
}

// state returns the cohorts of a repository, and the Apps that are in none
// because they are in doubt. Long revisions come last: constraints that take long
// to look for.
func (f *followers) state(repo *followed) ([]*cohort, []*follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cohorts := slices.SortedFunc(maps.Values(repo.cohorts), func(a, b *cohort) int { return len(a.revision) - len(b.revision) })
	return cohorts, slices.Collect(maps.Keys(repo.inDoubt))
}

// all returns the Apps of a repository.
func (f *followers) all(repoKey string) []syncline.AppID {
	f.mu.Lock()
	defer f.mu.Unlock()
	repo := f.repos[repoKey]
	if repo == nil {
		return nil
	}
	ids := make([]syncline.AppID, 0, len(repo.inDoubt))
	for known := range repo.inDoubt {
		ids = append(ids, known.id)
	}
	for _, c := range repo.cohorts {
		for r := range c.readings.All() {
			ids = append(ids, r.follower.id)
		}
	}
	return ids
}

// look returns a repository, which stays the one of that key until [followers.lookAway].
func (f *followers) look(repoKey string) *followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hold(repoKey)
}

func (f *followers) lookAway(repo *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.release(repo)
}

// hold returns a repository, which stays until it is released as often as held.
func (f *followers) hold(repoKey string) *followed {
	repo := f.repos[repoKey]
	if repo == nil {
		repo = &followed{key: repoKey, cohorts: map[cohortKey]*cohort{}, inDoubt: map[*follower]struct{}{}}
		f.repos[repoKey] = repo
	}
	repo.held++
	return repo
}

func (f *followers) release(repo *followed) {
	if repo.held--; repo.held == 0 {
		delete(f.repos, repo.key)
	}
}

// releaseAll releases the repositories of an App that is none any more, or another.
func (f *followers) releaseAll(known *follower) {
	for _, repo := range known.repos {
		f.release(repo)
	}
}

// join returns the follower that an App is, as it is declared now.
func (f *followers) join(app syncline.App) *follower {
	known, of := f.apps[app.ID], f.partyOf(app)
	if known != nil && known.party == of && reflect.DeepEqual(known.sources, app.Sources) {
		return known
	}
	before := known
	known = &follower{id: app.ID, party: of, sources: app.Sources}
	for _, s := range app.Sources {
		known.repos = append(known.repos, f.hold(syncline.RepoKey(s.RepoURL)))
	}
	if before != nil {
		before.leave()
		f.releaseAll(before)
	}
	f.apps[app.ID] = known
	return known
}

// leave takes an App out of wherever it is.
func (k *follower) leave() {
	for _, r := range k.readings {
		r.cohort.readings.Remove(r)
		if r.cohort.readings.Len() == 0 {
			delete(r.cohort.repo.cohorts, r.cohort.cohortKey)
		}
	}
	k.readings = nil
	for _, repo := range k.repos {
		delete(repo.inDoubt, k)
	}
}

// doubt takes it that any commit may touch an App.
func (k *follower) doubt() {
	k.leave()
	for _, repo := range k.repos {
		repo.inDoubt[k] = struct{}{}
	}
}

// cohort returns the cohort of those that read what the App does.
func (f *followed) cohort(app syncline.App, source syncline.Source, commit string) *cohort {
	key := cohortKey{app.Project, source.RepoURL, source.TargetRevision, source.TagPrefix, commit}
	c := f.cohorts[key]
	if c == nil {
		c = &cohort{cohortKey: key, repo: f, app: app, source: source, readings: record.NewIndex[*reading]()}
		f.cohorts[key] = c
	}
	return c
}

// enter puts a reading into a cohort.
func (r *reading) enter(c *cohort, reads record.Reads) {
	r.cohort = c
	c.readings.Add(r, reads)
}

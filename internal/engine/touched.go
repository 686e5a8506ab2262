package engine

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/pending"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/engine/source/difference"
)

// Comparer is what Sources may be able to do besides: compare revisions without
// rendering them. Where they cannot, every commit is taken to touch every App.
type Comparer interface {
	// Difference returns how two commits of a source differ.
	Difference(ctx context.Context, app syncline.App, source syncline.Source, before, after string) (*difference.Paths, error)
}

var _ Comparer = (*source.Stage)(nil) // which cannot say so itself

// Touched returns the Apps of a repository, named by its [syncline.Source.Key],
// that its revisions, as they are known now, may render to something else than
// their last turn did. It finds them by what differs, without asking each App. A
// turn of any other would come to the same, but for the revision. An App that is
// among them stays so until its next turn has ended.
func (e *Engine) Touched(ctx context.Context, repoKey string) []syncline.AppID {
	touched := e.followRepository(ctx, repoKey, true)
	ids := make([]syncline.AppID, 0, len(touched))
	for _, known := range touched {
		e.pend(known, "")
		ids = append(ids, known.ID)
	}
	return ids
}

// followRepository takes all groups of a repository to the commits that their
// sources mean now, and returns the Apps that are in doubt then. A repository that
// cannot be reached puts its Apps in doubt, if that is told of it.
func (e *Engine) followRepository(ctx context.Context, repoKey string, told bool) []*affected.Member {
	repo := e.affected.Hold(repoKey) // one commit after the other
	defer repo.Release()
	ctx, end := following(ctx)
	defer end()
	done := map[*affected.Group]bool{}
	for {
		groups, inDoubt := repo.State()
		// Turns that ended meanwhile may have left Apps at the commits at which they
		// began. What was followed already is behind again only by a commit of which
		// another call is told.
		groups = slices.DeleteFunc(groups, func(g *affected.Group) bool { return done[g] })
		if !e.followAll(ctx, groups, told) {
			return inDoubt
		}
		for _, g := range groups {
			done[g] = true
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

// followAll takes groups to the commits that their sources mean now, and
// reports whether for any of them that is another one.
func (e *Engine) followAll(ctx context.Context, groups []*affected.Group, told bool) bool {
	var behind atomic.Bool
	var all errgroup.Group
	all.SetLimit(8) // those on different branches fetch different commits
	for _, g := range groups {
		all.Go(func() error {
			if e.follow(ctx, g, told) {
				behind.Store(true)
			}
			return nil
		})
	}
	_ = all.Wait() // nothing fails
	return behind.Load()
}

// follow takes a group to the commit that its sources mean now, and reports
// whether that is another one.
func (e *Engine) follow(ctx context.Context, g *affected.Group, told bool) bool {
	app, source := g.App()
	if !e.Permits(app) { // any more
		e.pendAll(g.Doubt(), "")
		return true
	}
	commit, err := e.Sources.Resolve(ctx, app, source, e.options.Poll)
	if err == nil && commit == g.Commit() || err != nil && !told {
		return false
	}
	comparer, able := e.Sources.(Comparer)
	if err != nil || !able {
		e.pendAll(g.Doubt(), pending.At(source, commit))
		return true
	}
	difference, err := comparer.Difference(ctx, app, source, g.Commit(), commit)
	if err != nil {
		e.pendAll(g.Doubt(), pending.At(source, commit))
		return true
	}
	e.pendAll(g.Advance(commit, difference), pending.At(source, commit))
	return true
}

func (e *Engine) pendAll(touched []*affected.Member, at string) {
	for _, known := range touched {
		e.pend(known, at)
	}
}

// pend makes an App pending: a commit may have changed what it declares.
func (e *Engine) pend(known *affected.Member, at string) {
	if e.options.Others != nil {
		e.wake(e.pending.Mark(known.ID, e.partyOf(syncline.App{Project: known.Project, Destination: known.Cluster}), at, e.options.Now()))
	}
}

// Followers returns the Apps of a repository, named by its [syncline.Source.Key].
func (e *Engine) Followers(repoKey string) []syncline.AppID {
	return e.affected.Apps(repoKey)
}

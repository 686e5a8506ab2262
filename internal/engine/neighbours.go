package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/pending"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// Wants knows what the Apps want of each cluster.
type Wants interface {
	// Declaring returns the Apps that declare an object of a cluster.
	Declaring(on syncline.ClusterID, ref syncline.Ref) []syncline.App
	// InsideOf calls visit with each App that declares objects which go with a
	// namespace or with a definition of kinds of a cluster, and with those.
	InsideOf(on syncline.ClusterID, container syncline.Ref, visit func(app syncline.App, refs []syncline.Ref))
	// Users returns the Apps that need an object of the cluster in which they are
	// declared.
	Users(ref syncline.Ref) []syncline.App
}

// Others knows the other Apps, by the last plan of each. None of its answers
// costs more with more Apps that have nothing to do with the question.
type Others interface {
	// Planned takes note of a plan, before its turn counts as ended.
	Planned(app syncline.App, plan syncline.Plan)
	Wants
	// ByInstance returns the App that tracking calls so.
	ByInstance(instance string) (syncline.App, bool)
	// Abandoned reports whether an App that tracking called so had the object of a
	// cluster and is gone, and whether it was deleted with its objects and left this
	// one to another.
	Abandoned(instance string, on syncline.ClusterID, ref syncline.Ref) (gone, bequeathed bool)
	// Wake makes a turn of an App due, which waited for turns of others.
	Wake(id syncline.AppID)
}

// Expect takes note that an App is new or declared otherwise: what it declares is
// known when its next turn has ended.
func (e *Engine) Expect(app syncline.App) {
	if e.options.Others != nil {
		e.affected.Expect(app)
		e.wake(e.pending.Mark(app.ID, e.partyOf(app), "", e.options.Now()))
	}
}

// partyOf is that of an App whose cluster may not be known: it may have nothing of
// any other.
func (e *Engine) partyOf(app syncline.App) pending.Party {
	target, _ := e.Clusters.Target(app.Destination)
	return pending.Party{Project: app.Project, Target: target}
}

// planned lets others know what the App declares by the plan of a turn.
func (e *Engine) planned(t *turn) {
	if e.options.Others != nil && t.plan != nil && !errors.Is(t.result.Err, ErrChanged) {
		e.options.Others.Planned(t.app, *t.plan)
	}
}

// ended takes note that a turn has ended that began so: others may wait for what
// it came to.
func (e *Engine) ended(t *turn, began int) {
	switch {
	case e.options.Others == nil || errors.Is(t.result.Err, ErrChanged):
	case t.ahead != nil && t.ahead.err == nil:
		e.affected.Found(t.app.ID, t.ahead.revisions)
		e.wake(e.pending.End(t.app.ID, began, pending.CameTo(t.app.Sources, t.ahead.revisions)))
	case t.ahead != nil:
		e.pending.Fail(t.app.ID, began, t.now)
	case t.conclusive():
		e.affected.Found(t.app.ID, t.revisions)
		e.wake(e.pending.End(t.app.ID, began, pending.CameTo(t.sources, t.revisions)))
	case t.result.Err != nil && syncline.KindOf(t.result.Err) != syncline.Waiting:
		e.pending.Fail(t.app.ID, began, t.now)
	}
}

func (e *Engine) wake(ids []syncline.AppID) {
	for _, id := range ids {
		e.options.Others.Wake(id)
	}
}

// conclusive reports whether the turn found out what the App declares now, or
// that nobody will before somebody mends it.
func (t *turn) conclusive() bool {
	switch err := t.result.Err; {
	case t.app.Deleting != nil || t.app.Paused:
		return true
	case err != nil:
		return syncline.KindOf(err) != syncline.Waiting && !syncline.KindOf(err).Consequence().Retry
	case t.plan != nil:
		return t.resolved
	}
	return !t.silent && !t.result.Again // it is invalid
}

// neighbours are the other Apps as one turn asks for them; see [plan.Neighbours].
// What they are waited for is found out once in a turn.
type neighbours struct {
	t *turn
	// cause tells what is deleted for from what is deleted later.
	cause string
	// follow makes known whom the commits touch.
	follow func()
}

// neighbours returns the other Apps; nil when nobody knows any.
func (t *turn) neighbours(ctx context.Context) plan.Neighbours {
	if t.options.Others == nil {
		return nil
	}
	if t.others == nil {
		t.others = &neighbours{t: t, cause: t.cause(), follow: sync.OnceFunc(func() { t.followOthers(ctx) })}
	}
	return t.others
}

// cause tells the deletions of one operation, or of one deletion of the App, from
// others.
func (t *turn) cause() string {
	switch {
	case t.app.Deleting != nil:
		return "deletion since " + t.app.Deleting.Since.Format(time.RFC3339)
	case t.running():
		return "operation since " + t.operation.StartedAt.Format(time.RFC3339)
	}
	return strings.Join(t.revisions, ",")
}

// judgeOf returns what says what another App may have of the cluster, or false
// when that is nothing: it is no matter of this App then.
func (n *neighbours) judgeOf(app syncline.App) (*policy.Judge, bool) {
	if app.ID == n.t.app.ID || app.Deleting != nil || !n.t.target.Is(app.Destination) {
		return nil, false
	}
	project, err := n.t.Projects.Project(app.Project)
	if err != nil || policy.CheckApp(project, app, n.t.target) != nil {
		return nil, false
	}
	return policy.For(project, n.t.target, app.Destination.Namespace), true
}

// name names another App as far as this one may know of it.
func (n *neighbours) name(app syncline.App) string {
	if app.Project != n.t.app.Project {
		return "an application of another project"
	}
	return "application " + app.Instance
}

// Declares says who else declares an object and may have it; "" for nobody.
func (n *neighbours) Declares(ref syncline.Ref) string {
	who := ""
	for _, app := range n.t.options.Others.Declaring(n.t.target.ID, ref) {
		if judge, concerned := n.judgeOf(app); concerned && judge.Object(ref) == nil {
			who = firstOf(who, n.name(app))
		}
	}
	return who
}

// Inside says who else has, or declares and may have, objects in a container.
func (n *neighbours) Inside(container syncline.Ref) string {
	who := ""
	for _, instance := range n.t.cluster.Inside(container) {
		if instance == n.t.app.Instance {
			continue
		}
		name := "an application that is not known here"
		if app, known := n.t.options.Others.ByInstance(instance); known {
			name = n.name(app)
		}
		who = firstOf(who, name)
	}
	n.t.options.Others.InsideOf(n.t.target.ID, container, func(app syncline.App, refs []syncline.Ref) {
		judge, concerned := n.judgeOf(app)
		for _, ref := range refs {
			if concerned && judge.Object(ref) == nil {
				who = firstOf(who, n.name(app))
				return
			}
		}
	})
	return who
}

// Users returns the Apps that need an object.
func (n *neighbours) Users(ref syncline.Ref) []syncline.App {
	if n.t.target.ID != syncline.LocalCluster {
		return nil
	}
	return n.t.options.Others.Users(ref)
}

// firstOf returns the first of two names in the order of the alphabet, so that the
// same is told each time.
func firstOf(a, b string) string {
	if a == "" || b < a {
		return b
	}
	return a
}

// Left reports whether another App declares an object no more: by its plan, as far
// as nothing newer may come, or because it is being deleted or gone. Of one that
// was never seen that is not known.
func (n *neighbours) Left(instance string, ref syncline.Ref) bool {
	app, known := n.t.options.Others.ByInstance(instance)
	switch {
	case !known:
		gone, _ := n.t.options.Others.Abandoned(instance, n.t.target.ID, ref)
		return gone
	case app.Deleting != nil:
		return true
	case n.t.pending.Has(app.ID):
		return false
	}
	return !slices.ContainsFunc(n.t.options.Others.Declaring(n.t.target.ID, ref), func(other syncline.App) bool { return other.ID == app.ID })
}

// heir is a cluster for an App that inherited objects.
type heir struct {
	plan.Memory
	inherited []syncline.Live
}

// Owned returns the objects of the App, with those that it inherited.
func (h heir) Owned(instance string) ([]syncline.Live, error) {
	owned, err := h.Memory.Owned(instance)
	return append(slices.Clip(owned), h.inherited...), err
}

// inherited returns the objects that an App declares, and that another left to it
// which was to be deleted with them. As long as the App was not synced since, nobody
// would delete them with it either. What an App left to nobody stays, and so does what
// one of the same name may have by now.
func (t *turn) inherited() (inherited []syncline.Live) {
	if t.options.Others == nil {
		return nil
	}
	own := func(other syncline.App) bool { return other.ID == t.app.ID }
	for _, object := range t.app.Past.Objects {
		live, exists := t.cluster.Get(object.Ref)
		_, back := t.options.Others.ByInstance(live.Owner)
		_, bequeathed := t.options.Others.Abandoned(live.Owner, t.target.ID, object.Ref)
		if exists && bequeathed && !back &&
			slices.ContainsFunc(t.options.Others.Declaring(t.target.ID, object.Ref), own) {
			inherited = append(inherited, live)
		}
	}
	return inherited
}

// Undecided says that others may declare an object of which that is not known yet.
func (n *neighbours) Undecided(ref syncline.Ref) error {
	t := n.t
	n.follow()
	await := t.pending.Await
	if t.preview {
		await = t.pending.WouldAwait
	}
	on, until := await(t.app.ID, t.app.Project, n.cause, t.now, func(of pending.Party) bool {
		if of.Target.ID != t.target.ID {
			return false
		}
		project, err := t.Projects.Project(of.Project)
		return err == nil && policy.For(project, of.Target, "").Object(ref) == nil
	})
	if on == nil {
		return nil
	}
	t.wake([]syncline.AppID{on.ID})
	if t.result.At.IsZero() || until.Before(t.result.At) {
		t.result.At = until
	}
	whose := "other applications that changed at the same time"
	if on.Party.Project == t.app.Project { // those of others are not for its people to know
		whose += ", such as " + on.ID.String() + ","
	}
	return syncline.Errorf(syncline.Waiting, "%s are compared first: the object may belong to one of them now", whose)
}

// followOthers follows the commits of the App's repositories, so that it is known
// whom else they touch. Of Apps that any commit may touch it is known by where they
// were.
func (t *turn) followOthers(ctx context.Context) {
	for i, source := range t.app.Sources {
		inDoubt := t.followRepository(ctx, source.Key(), false)
		if i < len(t.revisions) {
			t.pendAll(t.affected.Behind(inDoubt, source, t.revisions[i]), pending.At(source, t.revisions[i]))
		}
	}
}

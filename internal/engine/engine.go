// Package engine runs an App's turns: it chains the stages below it, from what
// is declared to what is reported. It has never heard of a custom resource, of
// Git or of a Kubernetes client; it does not wait, and it keeps no state but
// what makes the next turn cheaper.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/logger"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/drawn"
	"github.com/syncline-io/syncline/internal/engine/gather"
	"github.com/syncline-io/syncline/internal/engine/operation"
	"github.com/syncline-io/syncline/internal/engine/pending"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// Projects knows the projects.
type Projects interface {
	// Project returns the project of that name, or a NotFound error.
	Project(name string) (syncline.Project, error)
}

// Clusters knows the clusters.
type Clusters interface {
	// Target returns the cluster that a destination names, or a NotFound error and
	// what the destination calls it, without an ID. It asks no cluster.
	Target(to syncline.Destination) (syncline.Target, error)
	// Cluster returns a cluster as it is looked at by what delivers as an identity. It
	// is a Waiting error while the cluster is not reached yet, and Transient when it
	// cannot be reached. It does not wait for the cluster.
	Cluster(id syncline.ClusterID, as syncline.Identity) (Cluster, error)
	// Writer returns what writes to that cluster as the identity. It is handed to the
	// write gate and to nothing else.
	Writer(id syncline.ClusterID, as syncline.Identity) (apply.Writer, error)
}

// Cluster is one destination, as it is looked at: nothing is written through it.
type Cluster interface {
	plan.Cluster
	plan.Memory
	// Inside returns the instances that made objects, as far as is known, which go
	// with a namespace or with a definition of kinds.
	Inside(container syncline.Ref) []string
	// Watch begins to remember the objects of the kinds, and returns those of
	// which not everything is remembered yet.
	Watch(kinds []schema.GroupVersionKind) (pending []schema.GroupVersionKind, err error)
	// Unanswered says why nothing can be known of the objects of a kind, though the
	// cluster answers: its API is down, and not only for a moment. Else it is nil.
	Unanswered(ctx context.Context, kind schema.GroupVersionKind) error
	// Capabilities are what templates may know of the cluster.
	Capabilities(ctx context.Context) (syncline.Capabilities, error)
}

// Bounded is a Cluster of which a part alone is managed.
type Bounded interface {
	// Within says why an object does not belong to that part, or nil.
	Within(ref syncline.Ref) error
}

// Options are the choices of an Engine. The zero value works.
type Options struct {
	// Poll is how old the knowledge of a repository may be, default 3 min.
	Poll time.Duration
	// Guard holds back large prunes.
	Guard plan.Guard
	// Patience is after how many failures in a row one that may pass is final for
	// the operation, default 8, and Outage how long they have to last at least,
	// default 1 min: an outage brings many events, and with each a failure.
	Patience int
	Outage   time.Duration
	// Grace is how long failures that may pass are not reported, default 10 s. The
	// status of an App that had one stays as it is.
	Grace time.Duration
	// Expressions obeys what Apps ignore by jq expressions. It is required when
	// there are such Apps.
	Expressions plan.Expressions
	// Limit is how long the steps of a turn may take, default 2 min, and what it
	// performs as long again. A fetch that takes longer goes on, and so does the
	// next turn with what was learned.
	Limit time.Duration
	// Others knows the other Apps, which may declare what one of them is about to
	// delete. Default: there are none.
	Others Others
	// Dialects are those in which Apps are declared, which other Apps may deliver.
	// Default: none, and no object is taken for an App.
	Dialects syncline.Dialects
	// Follows is told what an App was given from elsewhere, beside its sources. It must
	// not block. Default: nobody is told.
	Follows func(id syncline.AppID, elsewhere []syncline.Source)
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// Engine runs turns. It is safe for concurrent use by different Apps.
type Engine struct {
	Sources  gather.Sources
	gatherer *gather.Gatherer
	Projects Projects
	Clusters Clusters
	planner  *plan.Planner
	options  Options

	affected *affected.Index
	pending  *pending.Set
	drawn    drawn.Drawings

	mu sync.Mutex
	// failing says since when the turns of an App fail for reasons that may pass.
	failing map[syncline.AppID]time.Time
	// wanting are the Apps that want what they asked for.
	wanting map[syncline.AppID]*want
}

// New returns an Engine over its stages' outside.
func New(sources gather.Sources, renderer gather.Renderer, projects Projects, clusters Clusters, options Options) *Engine {
	if options.Poll == 0 {
		options.Poll = 3 * time.Minute
	}
	if options.Patience == 0 {
		options.Patience = 8
	}
	if options.Outage == 0 {
		options.Outage = time.Minute
	}
	if options.Limit == 0 {
		options.Limit = 2 * time.Minute
	}
	if options.Grace == 0 {
		options.Grace = 10 * time.Second
	}
	if options.Follows == nil {
		options.Follows = func(syncline.AppID, []syncline.Source) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Engine{
		Sources: sources, gatherer: gather.New(sources, renderer), Projects: projects, Clusters: clusters,
		planner: plan.New(options.Expressions), options: options, affected: affected.NewIndex(render.Traceable), pending: pending.New(),
		failing: map[syncline.AppID]time.Time{}, wanting: map[syncline.AppID]*want{},
	}
}

// Permits reports whether the App's project permits its sources and where they go:
// whether a repository may be asked for anything on its behalf. A turn finds out
// itself, and says why.
func (e *Engine) Permits(app syncline.App) bool {
	target, nowhere := e.Clusters.Target(app.Destination)
	project, err := e.Projects.Project(app.Project)
	switch {
	case err != nil:
		return false
	case app.Unit == syncline.Deliver:
		return nowhere == nil && policy.CheckApp(project, app, target) == nil
	}
	return policy.CheckSources(project, app.Sources) == nil
}

// Result is what a turn came to.
type Result struct {
	// Report is nil when nothing can be said yet, or nothing may be.
	Report *syncline.Report
	// Plan is the last one made; nil when none could be.
	Plan *syncline.Plan
	// Performed is the plan that the turn's writes followed from; nil when it came to
	// none. A plan made after them is in Plan.
	Performed *syncline.Plan
	// Again asks for another turn as soon as the report is kept.
	Again bool
	// At asks for another turn at that time; zero when only an event brings one.
	At time.Time
	// Cluster is where the App's objects are; "" when that is not known.
	Cluster syncline.ClusterID
	// Watching says that the turn waits for the cluster's objects to be known, or
	// learned that they are not.
	Watching bool
	// Err is what ended the turn early. Its kind says whether to try again.
	Err error
}

// Forget drops what is remembered of an App.
func (e *Engine) Forget(id syncline.AppID) {
	e.Abandon(id)
	e.planner.Forget(id)
	e.affected.Forget(id)
	e.gatherer.Forget(id)
	e.drawn.Forget(id)
	e.wake(e.pending.Forget(id))
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.failing, id)
}

// approvalsAhead is how far the clock of who approves may be ahead of ours.
const approvalsAhead = time.Minute

// Turn does the next thing that can be done for the App and reports. Failures
// counts how many turns of it failed in a row.
func (e *Engine) Turn(ctx context.Context, app syncline.App, failures int) Result {
	began := e.pending.Begin(app.ID)
	if app.Paused {
		e.Abandon(app.ID)
		e.ended(e.newTurn(app, e.planner), began)
		return Result{}
	}
	if app.Refresh == syncline.RefreshHard {
		e.planner.Forget(app.ID)
	}
	e.affected.Expect(app)
	t := e.newTurn(app, e.planner)
	t.failures, t.outage = failures, e.outage(app.ID, t.now)
	ctx, cancel := context.WithTimeoutCause(ctx, e.options.Limit, overrunError(e.options.Limit))
	defer cancel()
	ctx, settle := e.want(ctx, app.ID)
	defer settle()
	for _, s := range t.steps() {
		if err := t.do(ctx, s); err != nil {
			t.fail(s, err)
		}
		if t.ended {
			break
		}
	}
	t.lookAhead(ctx)
	result := t.conclude()
	e.noteOutage(t, result.Err)
	if result.Err != nil || t.plan == nil {
		t.rendered = nil
	}
	e.planned(t) // before what it was rendered from, and both before it has ended
	e.affected.Learn(app, t.rendered, t.given)
	if t.gathered {
		e.options.Follows(app.ID, affected.SourcesOf(t.given))
	}
	e.ended(t, began)
	return result
}

// newTurn returns a turn of an App that has not begun.
func (e *Engine) newTurn(app syncline.App, planner *plan.Planner) *turn {
	t := &turn{Engine: e, app: app, now: e.options.Now(), planner: planner, history: app.Past.History}
	if app.ApprovedAt.After(t.now.Add(approvalsAhead)) {
		t.app.ApprovedAt = time.Time{} // it would approve what nobody has seen
	}
	t.target, t.nowhere = e.Clusters.Target(app.Destination)
	t.result.Cluster = t.target.ID
	if past := app.Past.Operation; past != nil {
		t.operation = operation.Plausible(*past, t.now)
		t.app.Past.Operation = operation.Plausible(*past, t.now)
	}
	return t
}

// outage is for how long the turns of an App have been failing.
func (e *Engine) outage(id syncline.AppID, now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since, failing := e.failing[id]; failing {
		return now.Sub(since)
	}
	return 0
}

// noteOutage takes note of whether a turn failed for a reason that may pass. An
// operation that begins does not inherit what failed before it.
func (e *Engine) noteOutage(t *turn, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, failing := e.failing[t.app.ID]
	switch retry := err != nil && syncline.KindOf(err).Consequence().Retry; {
	case !retry:
		delete(e.failing, t.app.ID)
	case !failing || t.begun:
		e.failing[t.app.ID] = t.now
	}
}

// do performs a step, which is named in what is logged meanwhile. A panic is a defect
// of Syncline: it fails the step as an Internal error, so that the App's status says so.
func (t *turn) do(ctx context.Context, s step) (err error) {
	ctx = logger.With(ctx, "step", s.name)
	began := time.Now()
	defer func() {
		if cause := recover(); cause != nil {
			logger.From(ctx).Error("a step panicked", "cause", cause, "stack", string(debug.Stack()))
			err = syncline.Errorf(syncline.Internal, "a defect of Syncline stopped the turn; its log says more")
		}
		logger.From(ctx).Debug("step", "took", time.Since(began), "err", err)
	}()
	if err := cutShort(ctx, nil); err != nil {
		return err
	}
	if s.whole {
		var cancel func()
		ctx, cancel = t.whole(ctx)
		defer cancel()
	}
	if err = s.do(ctx); err == nil {
		return nil
	}
	return cmp.Or(cutShort(ctx, err), err)
}

// cutShort says why a step ended before its time, with the error that it gave, or
// nil when the turn goes on.
func cutShort(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case !errors.As(cause, new(overrunError)) && !errors.Is(cause, ErrChanged):
		return nil
	case err == nil:
		return syncline.Errorf(syncline.Transient, "%w", cause)
	}
	return syncline.Errorf(syncline.Transient, "%w: %w", cause, err)
}

// ErrChanged is the cause of a context that ends because its turn is about an App
// as it is not declared any more. What the turn performs is performed whole.
var ErrChanged = errors.New("the Application changed")

// overrunError says that a turn took longer than it may.
type overrunError time.Duration

func (e overrunError) Error() string {
	return fmt.Sprintf("stopped, because a turn may take %s", time.Duration(e))
}

// whole returns a context that has a limit of its own, and that ends before only
// when the process does.
func (e *Engine) whole(ctx context.Context) (context.Context, func()) {
	whole, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	limited, release := context.WithTimeoutCause(whole, e.options.Limit, overrunError(e.options.Limit))
	stop := context.AfterFunc(ctx, func() {
		if cause := context.Cause(ctx); !errors.Is(cause, ErrChanged) && !errors.As(cause, new(overrunError)) {
			cancel(cause)
		}
	})
	return limited, func() {
		stop()
		release()
		cancel(nil)
	}
}

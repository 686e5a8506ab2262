package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/affected"
	"github.com/syncline-io/syncline/internal/engine/health"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
	"github.com/syncline-io/syncline/internal/engine/status"
)

// turn is one turn of an App in the making.
type turn struct {
	*Engine
	app syncline.App
	now time.Time
	// planner makes the plans, with what it remembers of the App; preview says that the
	// turn ends with one.
	planner *plan.Planner
	preview bool
	// failures is how many turns failed in a row before this one, and outage for
	// how long.
	failures int
	outage   time.Duration

	// target is the cluster that the destination names, for the project to judge;
	// nowhere is why there is none.
	target  syncline.Target
	nowhere error
	project syncline.Project
	// judge says what of the cluster the App may have; nil while the project is not
	// known. The cluster is confined to that.
	judge     *policy.Judge
	cluster   Cluster
	sources   []syncline.Source
	revisions []string
	tools     []syncline.Tool
	objects   []syncline.Object
	artifacts []syncline.Artifact
	apart     bool // what is rendered is not remembered
	rendered  []affected.Rendered
	// given is what they were given from elsewhere, where gathered says that they were
	// rendered or could not be.
	given    []affected.Given
	gathered bool
	plan     *syncline.Plan
	// unanswered are the kinds of which nothing can be known, and why.
	unanswered map[schema.GroupKind]error
	// leaving is what is deleted of an App that is being deleted; nil until that is
	// known.
	leaving *syncline.Plan
	others  *neighbours
	grant   syncline.Grant
	refused map[syncline.Ref]error
	// operation is the one going on or the last one; nil when there never was one.
	operation *syncline.OperationState
	history   []syncline.Deployment

	conditions []syncline.Condition
	waiting    []syncline.Blocker
	// begun says that the operation began in this turn; consumed, that it is the
	// one which the App requested; automatic, that it is the one which the App's
	// policy asked for. What an operation says of who began it decides nothing.
	begun     bool
	consumed  bool
	automatic bool
	resolved  bool
	// ahead is how far the App was looked at beyond an operation that goes on; nil when
	// it was not.
	ahead   *ahead
	deleted bool
	// deployed identifies what a deployment that is completed rendered to.
	deployed syncline.Digest
	// stale is why the revisions could not be looked up again; what is compared
	// with is the last known.
	stale  error
	ended  bool
	silent bool
	result Result
}

// end makes the current step the last.
func (t *turn) end() { t.ended = true }

// requeue ends the turn and asks for another, once the report is kept.
func (t *turn) requeue() {
	t.result.Again = true
	t.end()
}

// fail is the one place where a step's error becomes an outcome. A first
// conflict is nobody's fault and is not worth a condition.
func (t *turn) fail(s step, err error) {
	t.end()
	t.result.Err = fmt.Errorf("%s: %w", s.name, err)
	kind := syncline.KindOf(err)
	if kind == syncline.Waiting {
		t.waiting = append(t.waiting, syncline.Blocker{Why: err.Error()})
		return
	}
	retry := kind.Consequence().Retry
	if retry && kind != syncline.Internal && t.unworthy(s) {
		t.silent = true
		return
	}
	condition := status.Condition(s.blame, err)
	if kind != syncline.Conflict || t.failures > 0 {
		t.conditions = append(t.conditions, condition)
	}
	switch {
	case !t.operating():
	case !retry || t.impatient():
		t.finish(syncline.OperationError, condition.Message)
	default:
		t.operation.Message = "will be tried again: " + err.Error()
	}
}

// unworthy reports whether a failure that may pass is not worth a report yet. Of a kind
// that was just made nothing is known for a moment, which is no news of any App.
func (t *turn) unworthy(s step) bool {
	return t.plan == nil && !t.begun && (t.gracious() || s.name == "watch" && t.young())
}

// impatient reports whether failures that may pass have lasted long enough to
// be final for the operation, which has seen them itself.
func (t *turn) impatient() bool {
	return t.failures >= t.options.Patience && t.outage >= t.options.Outage && !t.begun
}

// gracious reports whether a failure that may pass is too young to be reported.
// Not when somebody asks, or when nothing was reported of these sources yet.
func (t *turn) gracious() bool {
	return t.young() && t.app.Past.Health.Status != "" && reflect.DeepEqual(t.app.Sources, t.app.Past.Sources)
}

// young reports whether turns have not failed for long, and nobody asks.
func (t *turn) young() bool {
	return t.outage < t.options.Grace && t.app.Refresh == syncline.NoRefresh && t.app.Deleting == nil
}

// running reports whether an operation goes on, be it that it waits to be tried
// again.
func (t *turn) running() bool { return t.operation != nil && !t.operation.Phase.Done() }

// operating reports whether an operation goes on and has something to do now.
func (t *turn) operating() bool { return t.running() && t.operation.FinishedAt.IsZero() }

// validate checks the declaration and whether the project allows it, before
// anything is fetched.
func (t *turn) validate(context.Context) error {
	if len(t.app.Invalid) > 0 {
		return t.invalid(t.app.Invalid)
	}
	err := t.enter()
	switch {
	case err != nil:
	case t.app.Unit == syncline.Deliver:
		err = policy.CheckApp(t.project, t.app, t.target)
	default: // it goes nowhere
		err = policy.CheckSources(t.project, t.app.Sources)
	}
	if err != nil {
		return t.invalid(status.Conditions(syncline.InvalidSpecError, err))
	}
	return nil
}

// enter makes the App's project the one by which everything is judged from here on.
func (t *turn) enter() error {
	project, err := t.Projects.Project(t.app.Project)
	if err != nil {
		return err
	}
	t.project, t.judge = project, policy.For(project, t.target, t.app.Destination.Namespace)
	t.app.As, err = policy.Identity(project, t.app, t.target)
	return err
}

// invalid ends the turn of an App that may not be delivered. An operation that
// was asked for is refused, so that who asked learns why.
func (t *turn) invalid(conditions []syncline.Condition) error {
	t.conditions = append(t.conditions, conditions...)
	t.end()
	if t.app.Request != nil && !t.running() {
		t.start(*t.app.Request)
		t.consumed = true
	}
	if t.running() {
		messages := make([]string, 0, len(conditions))
		for _, c := range conditions {
			messages = append(messages, c.Message)
		}
		t.close(syncline.OperationError, strings.Join(messages, "; "))
		t.result.Again = t.app.Request != nil && !t.consumed || t.app.Refresh != syncline.NoRefresh // which is answered next
	}
	return nil
}

// resolve finds the revisions: of an operation that goes on its own, else those
// that the target revisions name now.
func (t *turn) resolve(ctx context.Context) error {
	t.sources = t.app.Sources
	if t.running() {
		t.sources = t.operation.Sources
	}
	if err := policy.CheckSources(t.project, t.sources); err != nil {
		return err
	}
	if t.running() && len(t.operation.Revisions) == len(t.sources) {
		return t.keep(ctx)
	}
	wanted := make([]syncline.Source, len(t.sources))
	for i := range wanted {
		wanted[i] = t.asked(i)
	}
	revisions, err := t.revisionsOf(ctx, wanted, t.maxAge())
	if err != nil {
		return t.resolveStale(err)
	}
	t.revisions, t.resolved = revisions, true
	if t.running() {
		t.operation.Revisions = revisions
	}
	return nil
}

// wanted is a target of a repository.
type wanted struct {
	repoKey, chart, revision, tagPrefix string
	bucket                              upstream.Bucket
}

// revisionsOf returns what the target revisions of sources stand for. Each is looked up once,
// so that sources of one target are of one commit, whoever pushes meanwhile.
func (t *turn) revisionsOf(ctx context.Context, sources []syncline.Source, maxAge time.Duration) ([]string, error) {
	began, known, revisions := time.Now(), map[wanted]string{}, make([]string, len(sources))
	for i, source := range sources {
		target, age := wanted{source.Key(), source.Chart, source.TargetRevision, source.TagPrefix, source.Bucket}, maxAge
		if i > 0 { // what was learned since this began will do
			age = max(age, time.Since(began))
		}
		if known[target] == "" {
			revision, err := t.Sources.Resolve(ctx, t.app, source, age)
			if err != nil {
				return nil, err
			}
			known[target] = revision
		}
		revisions[i] = known[target]
	}
	return revisions, nil
}

// asked returns a source with the revision that the operation asks for, if it does.
func (t *turn) asked(i int) syncline.Source {
	source := t.sources[i]
	if t.running() && len(t.operation.Operation.Revisions) == len(t.sources) && t.operation.Operation.Revisions[i] != "" {
		source.TargetRevision = t.operation.Operation.Revisions[i]
	}
	return source
}

// newSources is how old the knowledge of a repository may be for sources that
// were not compared with yet: who declares them has often just pushed what they
// name. It is not 0, so that many new Apps of a repository ask once.
const newSources = time.Second

// maxAge is how old the knowledge of a repository may be in this turn. For an
// operation whose revisions are yet to be fixed it is asked anew.
func (t *turn) maxAge() time.Duration {
	switch {
	case t.preview: // it may be made many times before it is known what is needed
		return t.options.Poll
	case t.app.Refresh != syncline.NoRefresh || t.running():
		return 0
	case !reflect.DeepEqual(t.app.Sources, t.app.Past.Sources):
		return min(newSources, t.options.Poll)
	}
	return t.options.Poll
}

// resolveStale goes on with the revisions that were deployed from these very
// sources while a repository cannot be reached, so that drift is still put back.
// The status says that it is not known whether they are the newest. It is the
// error again where something else was done since: then it is not known what
// should be live.
func (t *turn) resolveStale(err error) error {
	last, history := t.app.Past.Operation, t.app.Past.History
	if syncline.KindOf(err) != syncline.Transient || t.running() || last == nil || len(history) == 0 {
		return err
	}
	deployed := history[len(history)-1]
	if !upstream.SameRevisions(last.Revisions, deployed.Revisions) || len(deployed.Revisions) != len(t.sources) ||
		!reflect.DeepEqual(last.Sources, t.sources) || !reflect.DeepEqual(deployed.Sources, t.sources) {
		return err
	}
	t.stale = err
	t.revisions = deployed.Revisions
	return nil
}

// watch makes sure that everything that the App has, or may have, is remembered
// before anything is decided.
func (t *turn) watch(ctx context.Context) error {
	kinds := pastKinds(t.app)
	for _, o := range t.objects {
		kinds = append(kinds, o.GroupVersionKind())
	}
	kinds = append(t.answered(ctx, kinds), schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	pending, err := t.cluster.Watch(kinds)
	t.result.Watching = err != nil || len(pending) > 0
	if err != nil {
		return asTransient(err)
	}
	if len(pending) > 0 {
		t.silent = true
		t.end()
	}
	return nil
}

// asTransient makes a failure that may pass of one that the API server denies: right
// after its start it denies what it permits a moment later. What is denied for
// good fails too often.
func asTransient(err error) error {
	if syncline.KindOf(err) == syncline.Denied {
		return syncline.Errorf(syncline.Transient, "%w", err)
	}
	return err
}

// pastKinds returns the kinds of the objects that the App was known to have.
func pastKinds(app syncline.App) []schema.GroupVersionKind {
	kinds := map[schema.GroupVersionKind]struct{}{} // of thousands of objects, which are of few
	for _, o := range app.Past.Objects {
		kinds[schema.GroupVersionKind{Group: o.Ref.Group, Version: o.Version, Kind: o.Ref.Kind}] = struct{}{}
	}
	return slices.Collect(maps.Keys(kinds))
}

func (t *turn) makePlan(ctx context.Context) error {
	t.plan = nil
	var going *syncline.OperationState
	if t.running() {
		going = t.operation
	}
	made, err := t.planner.Build(ctx, plan.Input{
		App: t.app, Objects: t.objects, Revisions: t.revisions, Guard: t.options.Guard, Operation: going,
		Cluster: t.cluster, Memory: t.cluster, Unanswered: t.unanswered, Judge: t.judge.Change, Dialects: t.options.Dialects,
		Neighbours: func() plan.Neighbours { return t.neighbours(ctx) },
	})
	if err != nil {
		return asTransient(err)
	}
	made.Cluster = t.target.ID
	t.grant, t.refused = t.judge.Allow(made)
	t.plan = &made
	if syncline.KindOf(made.Unknown) == syncline.Waiting && slices.ContainsFunc(made.Changes, syncline.Change.Leaves) {
		t.result.Watching = true // what is retained for that reason may go then
	}
	return nil
}

// conclude folds everything into the turn's Result.
func (t *turn) conclude() Result {
	t.result.Plan = t.plan
	if t.stale != nil && !t.begun { // what failed was not the operation
		t.result.Err = errors.Join(t.result.Err, t.stale)
		t.silent = t.silent || t.gracious()
	}
	if t.silent {
		return t.result
	}
	report := syncline.Report{
		App: t.app.ID, ResourceVersion: t.app.Past.ResourceVersion, At: t.now, Sources: t.sources, Destination: t.app.Destination,
		Revisions: t.revisions, Tools: t.tools, Operation: t.operation, Consumed: t.consumed || t.app.Past.Requested,
		History: t.history, Rendered: t.deployed, Waiting: t.waiting, Resolved: t.resolved, Deleted: t.deleted,
		Sync: syncline.SyncUnknown, Health: syncline.Health{Status: syncline.Unknown},
	}
	if t.sources == nil {
		report.Sources = t.app.Sources
	}
	if t.revisions == nil { // nothing was compared; these were, last
		report.Revisions = t.app.Past.Revisions
	}
	report.Spent = t.spent()
	switch {
	case t.app.Unit == syncline.Fetch:
		t.reportArtifacts(&report)
	case t.app.Deleting != nil:
		t.reportObjects(&report)
		t.reportLeaving(&report)
	default:
		t.reportObjects(&report)
	}
	if t.stale != nil {
		report.Sync = syncline.SyncUnknown
		report.Conditions = append(report.Conditions, status.Condition(syncline.ComparisonError,
			fmt.Errorf("%w; still keeping revision %s", t.stale, strings.Join(t.revisions, ", "))))
	}
	report.Conditions = append(report.Conditions, t.conditions...)
	t.result.Report = &report
	return t.result
}

// spent reports whether what a person approved fits nothing that may still be
// pruned: it was, or the plan is another. What is not known spends nothing.
func (t *turn) spent() bool {
	waits := t.running() || t.app.Request != nil && !t.consumed
	if t.app.ApprovedPrune == "" || t.app.Deleting != nil || waits || t.plan == nil || t.plan.Unknown != nil || t.stale != nil {
		return false
	}
	return t.plan.PruneDigest() != t.app.ApprovedPrune
}

// reportObjects reports on the objects: compared where there is a plan, and
// else, where the cluster is known, by their health alone.
func (t *turn) reportObjects(report *syncline.Report) {
	memory := t.known()
	switch {
	case t.plan != nil:
		report.Conditions = append(report.Conditions, t.plan.Warnings...)
		report.Conditions = append(report.Conditions, status.Claims(*t.plan)...)
		report.AtEnd = &syncline.AtEnd{PreDelete: len(t.plan.PreDelete) > 0, PostDelete: len(t.plan.PostDelete) > 0}
		report.Sync = status.Sync(*t.plan)
		report.Objects = status.Objects(*t.plan, t.cluster, t.app.Dialect.Conventions)
		t.reportUnanswered(report)
		report.Health = health.Aggregate(t.app.ID, t.options.Dialects, report.Objects)
	case t.leaving != nil:
		report.Objects = status.Leaving(*t.leaving, t.app.Past.Objects, t.cluster, t.app.Dialect.Conventions)
		report.Health = health.Aggregate(t.app.ID, t.options.Dialects, report.Objects)
	case memory != nil:
		report.Objects = status.Unknown(t.app.Past.Objects, memory, t.app.Dialect.Conventions)
		report.Health = health.Aggregate(t.app.ID, t.options.Dialects, report.Objects)
	case t.cluster != nil && len(t.app.Past.Objects) == 0: // it has none that could be unhealthy
		report.Health = health.Aggregate(t.app.ID, t.options.Dialects, nil)
	default:
		report.Objects = status.Unknown(t.app.Past.Objects, nil, t.app.Dialect.Conventions)
	}
	if memory != nil {
		report.Images, report.URLs = status.Summary(report.Objects, memory)
	}
}

// reportLeaving lets an App that is being deleted keep the sync status that was
// last concluded, and the health when that of the objects is not known: nothing
// is compared any more, which is no news about it.
func (t *turn) reportLeaving(report *syncline.Report) {
	past := t.app.Past
	if past.Sync == "" {
		return
	}
	report.Sync = past.Sync
	if report.Health.Status == syncline.Unknown {
		report.Health = past.Health
	}
	was := map[syncline.Ref]syncline.SyncStatus{}
	for _, o := range past.Objects {
		was[o.Ref] = o.Sync
	}
	for i := range report.Objects {
		o := &report.Objects[i]
		if sync, known := was[o.Ref]; known {
			o.Sync = sync
		}
	}
}

// known returns the memory of the objects that the App was known to have, or
// nil when there are none or not all of them are remembered.
func (t *turn) known() status.Memory {
	if t.plan != nil {
		return t.cluster
	}
	if t.cluster == nil || len(t.app.Past.Objects) == 0 {
		return nil
	}
	if pending, err := t.cluster.Watch(pastKinds(t.app)); err != nil || len(pending) > 0 {
		return nil
	}
	return t.cluster
}

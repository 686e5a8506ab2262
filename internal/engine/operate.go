package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/autosync"
	"github.com/syncline-io/syncline/internal/engine/operation"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
	"github.com/syncline-io/syncline/internal/engine/status"
)

// begin takes up the operation that somebody asked for, or ends the wait for a
// retry of one that failed.
func (t *turn) begin(ctx context.Context) error {
	switch {
	case t.running() && t.operation.Phase == syncline.OperationTerminating:
		t.operation.FinishedAt = time.Time{} // no wait for a retry keeps it from ending
	case t.app.Request != nil && !t.running():
		t.start(*t.app.Request)
		t.consumed = true
	}
	if t.running() {
		t.admit()
	}
	switch {
	case t.ended || !t.running() || t.operation.FinishedAt.IsZero():
	case t.overtaken(ctx):
		t.operation.Phase = syncline.OperationFailed
		t.result.Again = true // for what was asked for while it went on
	default:
		t.retryIfDue()
	}
	return nil
}

// admit judges the operation that goes on, whoever wrote down what it delivers.
func (t *turn) admit() {
	if len(t.operation.Sources) == 0 { // as a status may say of an operation that had hardly begun
		t.operation.Sources, t.operation.Revisions = operation.SourcesOf(t.operation.Operation, t.app), nil
	}
	err := policy.CheckSources(t.project, t.operation.Sources) // they need not be those that the App declares
	if err == nil && !t.consumed && len(t.app.Past.Invalid) > 0 {
		err = syncline.Errorf(syncline.Invalid, "%s", t.app.Past.Invalid[0].Message)
	}
	if err != nil { // for good: no retry helps. What the App declares is delivered all the same, in the next turn
		condition := status.Condition(syncline.SyncError, err)
		t.conditions = append(t.conditions, condition)
		t.close(syncline.OperationError, condition.Message)
		t.requeue()
	}
}

// overtaken reports whether the operation, which failed and waits to be tried
// again, or waits for other Apps, delivers what is declared no more: a commit or
// another declaration came, which may mend it and is as free to be delivered as one
// that comes a moment later. What a person asked for stays; its option retry.refresh
// lets the next try deliver what is newest.
func (t *turn) overtaken(ctx context.Context) bool {
	op := t.operation
	if !op.Operation.By.Automated || len(op.Operation.Revisions) > 0 || op.Operation.Sources != nil {
		return false
	}
	if !reflect.DeepEqual(op.Sources, t.app.Sources) || autosync.Moved(t.app) {
		return true
	}
	age := t.options.Poll
	if t.app.Refresh != syncline.NoRefresh {
		age = 0
	}
	newest, err := t.revisionsOf(ctx, t.app.Sources, age) // what is not known has overtaken nothing
	return err == nil && op.Revisions != nil && !upstream.SameRevisions(op.Revisions, newest)
}

// keep keeps to the revisions to which the operation was fixed. Of a chart it may be a version
// alone, as Argo CD writes it: it is fixed to what that is now.
func (t *turn) keep(ctx context.Context) error {
	revisions := slices.Clone(t.operation.Revisions)
	for i, source := range t.sources {
		if !versionAlone(source, revisions[i]) {
			continue
		}
		source.TargetRevision = revisions[i]
		revision, err := t.Sources.Resolve(ctx, t.app, source, t.options.Poll)
		if err != nil {
			return err
		}
		revisions[i] = revision
	}
	t.revisions, t.operation.Revisions = revisions, revisions
	return nil
}

// versionAlone reports whether the revision of a source is that of a chart, and may have
// another content tomorrow.
func versionAlone(source syncline.Source, revision string) bool {
	_, content := upstream.CutChart(revision)
	return source.Chart != "" && content == ""
}

// start makes an operation the current one. Its revisions are resolved next.
func (t *turn) start(op syncline.Operation) {
	t.operation = operation.Begin(op, t.app, t.now)
	t.begun = true
}

// operate performs the next part of the operation.
func (t *turn) operate(ctx context.Context) error {
	writer, err := t.writer()
	if err != nil {
		return err
	}
	in := apply.Input{
		App: t.app, Plan: *t.plan, Grant: t.grant, Refused: t.refused,
		Memory: t.cluster, Reader: t.cluster, Trial: t.cluster, Writer: writer, Now: t.now, Impatient: t.impatient(),
	}
	if !t.operating() {
		t.result.Performed = t.plan
		return asTransient(apply.UnholdTerminating(ctx, in))
	}
	if t.operation.Phase != syncline.OperationTerminating && t.mayOwnMore(t.operation.Operation) {
		return t.plan.Unknown
	}
	if t.untimely() || t.guards() && t.withheld() {
		return nil
	}
	if !t.recorded() {
		t.requeue()
		return nil
	}
	in.Overtaken = t.plan.Undecided() >= 0 && t.overtaken(ctx) // while its prunes wait for other Apps
	in.State, t.result.Performed = *t.operation, t.plan
	outcome, err := apply.Step(ctx, in)
	t.operation, t.waiting = &outcome.State, append(t.waiting, outcome.Waiting...)
	t.result.Again = outcome.Requeue
	if t.operation.Phase.Done() {
		t.finish(t.operation.Phase, t.operation.Message)
	}
	if err != nil {
		return asTransient(err)
	}
	return t.planAfter(ctx)
}

// withheld reports whether the operation has to wait until it is known how much it
// prunes, or is refused because that is so much that a person has to approve it.
func (t *turn) withheld() bool {
	if t.premature(t.operation.Operation) {
		return true
	}
	refused := guarded(t.app, *t.plan, t.options.Guard)
	if refused != nil {
		t.conditions = append(t.conditions, *refused)
		t.finish(syncline.OperationFailed, refused.Message)
	}
	return refused != nil
}

// untimely reports whether the operation has to wait for a sync window, and says so. One
// that writes nothing, and one that is being terminated, does not.
func (t *turn) untimely() bool {
	op := t.operation
	if op.Operation.DryRun || op.Phase == syncline.OperationTerminating {
		return false
	}
	until, err := policy.CheckTime(t.project, t.app, t.target, policy.Sync{Manual: !op.Operation.By.Automated, Began: op.StartedAt}, t.now)
	if err != nil {
		op.Message = "Sync operation blocked by sync window: " + err.Error()
		t.waitUntil(until, err.Error())
	}
	return err != nil
}

// planAfter makes the plan anew after a step. Where the next step follows at once,
// what it came to is kept first, whether or not that succeeds.
func (t *turn) planAfter(ctx context.Context) error {
	if t.operating() {
		t.awaitUsers(*t.plan)
	}
	before := t.plan
	err := t.makePlan(ctx)
	if err != nil && t.result.Again && syncline.KindOf(err).Consequence().Retry {
		t.plan = before
		return nil
	}
	return err
}

// mayOwnMore reports whether an operation has to wait because it prunes, and it
// is still being found out what the App owns: what is pruned is judged as a whole.
func (t *turn) mayOwnMore(op syncline.Operation) bool {
	return op.Prune && syncline.KindOf(t.plan.Unknown) == syncline.Waiting
}

// guarded says that a plan prunes so much that a person has to approve it, or nil.
func guarded(app syncline.App, p syncline.Plan, guard plan.Guard) *syncline.Condition {
	err := plan.Disregarded(app, guard.Check(p, app.ApprovedPrune))
	if err == nil {
		return nil
	}
	condition := status.Condition(syncline.PruneApprovalRequired, err)
	return &condition
}

// guards reports whether the operation has yet to be judged by how much it prunes: it
// has done nothing yet. One that covers only some objects was asked for them by name,
// or the App's policy has looked at what it prunes.
func (t *turn) guards() bool {
	op := t.operation.Operation
	return op.Prune && !op.DryRun && !op.Partial() && len(t.operation.Results) == 0 &&
		t.operation.Phase != syncline.OperationTerminating
}

// close ends the operation for good.
func (t *turn) close(phase syncline.OperationPhase, message string) {
	t.operation.Phase, t.operation.Message, t.operation.FinishedAt = phase, message, t.now
}

// finish ends the operation: until it is tried again, or for good. Then another
// turn follows, for what is declared may not be what the operation delivered.
func (t *turn) finish(phase syncline.OperationPhase, message string) {
	terminated := t.operation.Phase == syncline.OperationTerminating || t.app.Past.Operation != nil &&
		t.app.Past.Operation.Phase == syncline.OperationTerminating
	t.close(phase, message)
	if operation.TriedAgain(t.operation, terminated) {
		t.waitForRetry()
		return
	}
	if status.IsDeployment(*t.operation) {
		t.history = status.History(t.history, *t.operation, t.app.HistoryLimit)
		t.deployed = syncline.DigestOfObjects(t.objects)
	}
	t.result.Again = true
}

// retryIfDue begins the next attempt when its time has come.
func (t *turn) retryIfDue() {
	if t.operation.FinishedAt.After(t.now) { // nothing has ended later than now, whatever the status says
		t.operation.FinishedAt = t.now
	}
	if t.now.Before(operation.RetryAt(t.operation)) {
		t.waitForRetry()
		return
	}
	t.begun = true
	operation.TryAgain(t.operation)
}

func (t *turn) waitForRetry() {
	t.waitUntil(operation.RetryAt(t.operation), fmt.Sprintf("the operation failed; attempt #%d", t.operation.RetryCount))
}

// waitUntil asks for another turn at a time, or sooner, and says why.
func (t *turn) waitUntil(at time.Time, why string) {
	t.waiting = append(t.waiting, syncline.Blocker{Why: why, Until: at})
	if t.result.At.IsZero() || at.Before(t.result.At) {
		t.result.At = at
	}
}

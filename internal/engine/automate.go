package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/heal"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// automate begins an operation when the App's policy asks for one.
func (t *turn) automate(ctx context.Context) error {
	if t.running() {
		return nil
	}
	if err := t.markDrawn(ctx); err != nil {
		return err
	}
	if t.premature(syncline.Operation{Prune: t.app.Policy.Automated && t.app.Policy.Prune}) {
		return nil
	}
	choice := autoSync(t.app, *t.plan, t.objects, t.options.Guard, t.now)
	if choice.condition != nil {
		t.conditions = append(t.conditions, *choice.condition)
	}
	if !choice.at.IsZero() {
		t.waitUntil(choice.at, choice.why)
	}
	if choice.operation != nil && t.mayOwnMore(*choice.operation) {
		return t.plan.Unknown
	}
	if choice.operation != nil {
		t.start(*choice.operation)
		t.operation.Revisions = t.revisions
		t.automatic = true
	}
	return nil
}

// markDrawn finds out what the source draws anew, when revisions that were synced differ.
func (t *turn) markDrawn(ctx context.Context) error {
	if len(differing(*t.plan)) == 0 || !attempted(t.app, t.revisions) {
		return nil
	}
	conditions, err := t.drawn.Mark(t.plan, t.app, t.objects, func() ([]syncline.Object, error) {
		again := turn{Engine: t.Engine, app: t.app, project: t.project, cluster: t.cluster, sources: t.sources, revisions: t.revisions, given: t.given, apart: true}
		err := again.render(ctx)
		return again.objects, err
	})
	t.conditions = append(t.conditions, conditions...)
	return err
}

// premature reports whether it is too soon to judge how much an operation prunes:
// more than it may, and of some of it is not known yet whether it is declared by
// other Apps.
func (t *turn) premature(op syncline.Operation) bool {
	i := t.plan.Undecided()
	if i < 0 || guardPrune(t.app, *t.plan, t.options.Guard, op) == nil {
		return false
	}
	t.waiting = append(t.waiting, syncline.Blocker{Ref: t.plan.Changes[i].Ref, Why: t.plan.Changes[i].Err.Error()})
	return true
}

// choice is what the policy says about a plan: an operation to begin, a time to
// look again, a condition that says why not.
type choice struct {
	operation *syncline.Operation
	at        time.Time
	// why says what is waited for until then.
	why       string
	condition *syncline.Condition
}

// defaultRetries is how often an automated operation is retried where the App
// does not say.
const defaultRetries = 5

// errorPause is the pause before an automated operation that could not be
// performed, which is not the fault of what it delivers, is begun again.
const errorPause = 5 * time.Minute

// comparablePause is the pause where what was missing then is there.
const comparablePause = 10 * time.Second

// autoSync decides whether to sync without being asked, as Argo CD's
// application controller does. It differs in some ways: a dry run, and a sync of
// some objects that a person asked for, are no attempt at a revision; an
// operation that ended in an error is begun again after a pause; repairs do not
// touch objects that another App claims, and their count starts anew after a
// quiet time; another destination is another attempt, and so are other options
// after a failure, which may be what it failed for.
func autoSync(app syncline.App, p syncline.Plan, objects []syncline.Object, guard plan.Guard, now time.Time) choice {
	policy := app.Policy
	differing := differing(p)
	if !policy.Automated || len(differing) == 0 && !unrecorded(app, p, objects) {
		return choice{}
	}
	if !policy.Prune && len(differing) > 0 && !slices.ContainsFunc(differing, func(c syncline.Change) bool { return !leaves(c) }) {
		return choice{}
	}
	op := syncline.Operation{
		Prune: policy.Prune, Options: policy.Options, By: syncline.Initiator{Automated: true},
		Retry: syncline.Retry{Limit: defaultRetries},
	}
	if policy.Retry != nil {
		op.Retry = *policy.Retry
	}
	if attempted(app, p.Revisions) {
		repair, stop := syncAgain(app, differing, op, now)
		if stop != nil {
			return *stop
		}
		op = *repair
	}
	if blocked := guardPrune(app, p, guard, op); blocked != nil {
		return choice{condition: blocked}
	}
	return choice{operation: &op}
}

// attempted reports whether these revisions of the App's sources were synced
// already, with whatever success.
func attempted(app syncline.App, revisions []string) bool {
	last := app.Past.Operation
	if last == nil || !reflect.DeepEqual(last.Sources, app.Sources) || moved(app) {
		return false
	}
	if !slices.Equal(last.Revisions, revisions) {
		return drifted(app, revisions)
	}
	if whole := !last.Operation.Partial() || last.Operation.SelfHealAttempts > 0; whole && !last.Operation.DryRun {
		return true
	}
	history := app.Past.History
	return len(history) > 0 && slices.Equal(history[len(history)-1].Revisions, revisions) &&
		reflect.DeepEqual(history[len(history)-1].Sources, app.Sources)
}

// drifted reports whether an App that is to be repaired was as these revisions
// declare it: commits that did not touch it came after its last sync, and what
// differs now is no news of theirs.
func drifted(app syncline.App, revisions []string) bool {
	past := app.Past
	return app.Policy.SelfHeal && past.Operation.Phase == syncline.OperationSucceeded && !past.Operation.Operation.DryRun &&
		past.Sync == syncline.Synced && slices.Equal(past.Revisions, revisions) && reflect.DeepEqual(past.Sources, app.Sources)
}

// syncAgain decides about an App that differs though its revision was synced
// already: that sync failed, or the App drifted.
func syncAgain(app syncline.App, differing []syncline.Change, op syncline.Operation, now time.Time) (*syncline.Operation, *choice) {
	last := app.Past.Operation
	failed := last.Phase != syncline.OperationSucceeded && !last.Operation.DryRun
	condition := &syncline.Condition{Type: syncline.SyncError,
		Message: fmt.Sprintf("Failed last sync attempt to %v: %s", last.Revisions, last.Message)}
	due := last.FinishedAt.Add(pauseAfter(last, differing))
	switch {
	case failed && last.Operation.By.Automated && !slices.Equal(last.Operation.Options, app.Policy.Options):
		return &op, nil
	case failed && (last.Phase != syncline.OperationError || !last.Operation.By.Automated):
		return nil, &choice{condition: condition}
	case failed && now.Before(due):
		return nil, &choice{condition: condition, at: due, why: "the last sync could not be performed"}
	case failed:
		return &op, nil
	case !app.Policy.SelfHeal:
		return nil, &choice{}
	}
	return selfHeal(last, differing, op, now)
}

// pauseAfter is the pause before an operation that ended in an error is begun again:
// a short one where an object that could not be compared then can be delivered now.
func pauseAfter(last *syncline.OperationState, differing []syncline.Change) time.Duration {
	delivers := slices.ContainsFunc(differing, func(c syncline.Change) bool {
		return c.Err == nil && slices.ContainsFunc(last.Results, func(r syncline.ObjectResult) bool {
			return r.Ref == c.Ref && r.Code == syncline.ResultFailed
		})
	})
	if delivers {
		return comparablePause
	}
	return errorPause
}

// moved reports whether the App is to go somewhere else than where it was last.
func moved(app syncline.App) bool {
	before := app.Past.Destination
	return before != (syncline.Destination{}) && before != app.Destination
}

// differing returns the changes that make the App OutOfSync.
func differing(p syncline.Plan) []syncline.Change {
	var changes []syncline.Change
	for _, c := range p.Changes {
		if c.Differs() {
			changes = append(changes, c)
		}
	}
	return changes
}

// leaves reports whether the object of the change is no longer declared.
func leaves(c syncline.Change) bool {
	return c.Action == syncline.Prune || c.Action == syncline.Retain
}

// selfHeal decides about an App that drifted.
func selfHeal(last *syncline.OperationState, differing []syncline.Change, op syncline.Operation, now time.Time) (*syncline.Operation, *choice) {
	attempts := last.Operation.SelfHealAttempts
	if now.Sub(last.FinishedAt) >= heal.Pause(attempts)+heal.Quiet {
		attempts = 0
	}
	if due := last.FinishedAt.Add(heal.Pause(attempts)); now.Before(due) {
		return nil, &choice{at: due, why: fmt.Sprintf("it drifts again and again; repair #%d", attempts+1)}
	}
	op.SelfHealAttempts = attempts + 1
	if op.Selection = heal.Selection(differing, op.Prune); op.Selection == nil {
		return nil, &choice{}
	}
	return &op, nil
}

// guardPrune says why an automated operation may not prune what the plan
// prunes, or nil.
func guardPrune(app syncline.App, p syncline.Plan, guard plan.Guard, op syncline.Operation) *syncline.Condition {
	if !op.Prune {
		return nil
	}
	kept := func(c syncline.Change) bool { return c.Role == syncline.RoleResource && !leaves(c) }
	prunes := func(c syncline.Change) bool { return c.Action == syncline.Prune }
	if !app.Policy.AllowEmpty && slices.ContainsFunc(p.Changes, prunes) && !slices.ContainsFunc(p.Changes, kept) {
		return &syncline.Condition{Type: syncline.SyncError, Message: fmt.Sprintf(
			"Skipping sync attempt to %v: auto-sync will wipe out all resources; set spec.syncPolicy.automated.allowEmpty to allow it", p.Revisions)}
	}
	return guarded(app, p, guard)
}

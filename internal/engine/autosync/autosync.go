// Package autosync decides whether an App is synced without being asked: when its
// policy says so, what to repair, when to try again, and what stands against it. It is
// pure, and looks at nothing but the App, its plan and the time.
package autosync

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Choice is what the policy says about a plan: an operation to begin, or what keeps
// it from one. The zero value is that there is nothing to do.
type Choice struct {
	Operation *syncline.Operation
	// At is when to look again, and Why what is waited for until then; zero when only
	// an event changes anything.
	At  time.Time
	Why string
	// Condition says why there is no operation, where a person should know.
	Condition *syncline.Condition
}

// defaultRetries is how often an automated operation is retried where the App
// does not say.
const defaultRetries = 5

// errorPause is the pause before an automated operation that could not be
// performed, which is not the fault of what it delivers, is begun again.
const errorPause = 5 * time.Minute

// comparablePause is the pause where what was missing then is there.
const comparablePause = 10 * time.Second

// Decide decides whether to sync without being asked, as Argo CD's application
// controller does, but for how much may be pruned, which its caller judges. It differs in some ways: a dry run, and a sync of
// some objects that a person asked for, are no attempt at a revision; an
// operation that ended in an error is begun again after a pause; repairs do not
// touch objects that another App claims, and their count starts anew after a
// quiet time; another destination is another attempt, and so are other options
// after a failure, which may be what it failed for.
func Decide(app syncline.App, p syncline.Plan, objects []syncline.Object, now time.Time) Choice {
	policy := app.Policy
	differing := differing(p)
	if !policy.Automated || len(differing) == 0 && !unrecorded(app, p, objects) {
		return Choice{}
	}
	if !policy.Prune && len(differing) > 0 && !slices.ContainsFunc(differing, func(c syncline.Change) bool { return !c.Leaves() }) {
		return Choice{}
	}
	op := syncline.Operation{
		Prune: policy.Prune, Options: policy.Options, By: syncline.Initiator{Automated: true},
		Retry: syncline.Retry{Limit: defaultRetries},
	}
	if policy.Retry != nil {
		op.Retry = *policy.Retry
	}
	if attempted(app, p.Revisions) {
		return syncAgain(app, differing, op, now)
	}
	return Choice{Operation: &op}
}

// Drifted reports whether something differs though its revisions were synced already:
// that sync failed, or something else changed it since.
func Drifted(app syncline.App, p syncline.Plan) bool {
	return len(differing(p)) > 0 && attempted(app, p.Revisions)
}

// attempted reports whether these revisions of the App's sources were synced
// already, with whatever success.
func attempted(app syncline.App, revisions []string) bool {
	last := app.Past.Operation
	if last == nil || !reflect.DeepEqual(last.Sources, app.Sources) || Moved(app) {
		return false
	}
	if !upstream.SameRevisions(last.Revisions, revisions) {
		return drifted(app, revisions)
	}
	if whole := !last.Operation.Partial() || last.Operation.SelfHealAttempts > 0; whole && !last.Operation.DryRun {
		return true
	}
	history := app.Past.History
	return len(history) > 0 && upstream.SameRevisions(history[len(history)-1].Revisions, revisions) &&
		reflect.DeepEqual(history[len(history)-1].Sources, app.Sources)
}

// drifted reports whether an App that is to be repaired was as these revisions
// declare it: commits that did not touch it came after its last sync, and what
// differs now is no news of theirs.
func drifted(app syncline.App, revisions []string) bool {
	past := app.Past
	return app.Policy.SelfHeal && past.Operation.Phase == syncline.OperationSucceeded && !past.Operation.Operation.DryRun &&
		past.Sync == syncline.Synced && upstream.SameRevisions(past.Revisions, revisions) && reflect.DeepEqual(past.Sources, app.Sources)
}

// syncAgain decides about an App that differs though its revision was synced
// already: that sync failed, or the App drifted.
func syncAgain(app syncline.App, differing []syncline.Change, op syncline.Operation, now time.Time) Choice {
	last := app.Past.Operation
	failed := last.Phase != syncline.OperationSucceeded && !last.Operation.DryRun
	condition := &syncline.Condition{Type: syncline.SyncError,
		Message: fmt.Sprintf("Failed last sync attempt to %v: %s", upstream.Versions(last.Revisions), last.Message)}
	due := last.FinishedAt.Add(pauseAfter(last, differing))
	switch {
	case failed && last.Operation.By.Automated && !slices.Equal(last.Operation.Options, app.Policy.Options):
		return Choice{Operation: &op}
	case failed && (last.Phase != syncline.OperationError || !last.Operation.By.Automated):
		return Choice{Condition: condition}
	case failed && now.Before(due):
		return Choice{Condition: condition, At: due, Why: "the last sync could not be performed"}
	case failed:
		return Choice{Operation: &op}
	case !app.Policy.SelfHeal:
		return Choice{}
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

// Moved reports whether the App is to go somewhere else than where it was last.
func Moved(app syncline.App) bool {
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

// selfHeal decides about an App that drifted.
func selfHeal(last *syncline.OperationState, differing []syncline.Change, op syncline.Operation, now time.Time) Choice {
	attempts := last.Operation.SelfHealAttempts
	if now.Sub(last.FinishedAt) >= healPause(attempts)+healQuiet {
		attempts = 0
	}
	if due := last.FinishedAt.Add(healPause(attempts)); now.Before(due) {
		return Choice{At: due, Why: fmt.Sprintf("it drifts again and again; repair #%d", attempts+1)}
	}
	op.SelfHealAttempts = attempts + 1
	if op.Selection = repairs(differing, op.Prune); op.Selection == nil {
		return Choice{}
	}
	return Choice{Operation: &op}
}

package goal

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
)

// Error is why waiting ended without the Goal.
type Error struct {
	// Failed reports that an operation failed or an App is Degraded.
	Failed bool
	Err    error
	// Details are lines to show below the error: objects and conditions.
	Details []string
}

// Error returns the message without the details.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error, which has a kind.
func (e *Error) Unwrap() error { return e.Err }

// Over reports whether the operation that was asked for has ended, or goes on
// only when a person decides.
func Over(app State) bool {
	operation := app.Report.Operation
	if app.Request != nil || operation == nil {
		return false
	}
	return operation.Phase.Done() || Blocked(app) != nil
}

// InProgress returns a Conflict when an operation has been asked for or goes
// on, or the App is being deleted, so that no other can be asked for.
func InProgress(app State) error {
	switch {
	case app.Deleting != nil:
		return syncline.WithHint(syncline.Errorf(syncline.Conflict, "app %s is being deleted", app.ID),
			fmt.Sprintf("see what it waits for with: syncline app wait %s --delete --timeout 5", app.ID))
	case !busy(app):
		return nil
	}
	err := syncline.Errorf(syncline.Conflict, "app %s: another operation is in progress", app.ID)
	if app.Request == nil && !app.Report.Operation.StartedAt.IsZero() {
		operation := app.Report.Operation
		err = syncline.Errorf(syncline.Conflict, "app %s: another operation is in progress, by %s since %s",
			app.ID, by(operation.Operation.By), operation.StartedAt.UTC().Format(time.RFC3339))
	}
	if _, waits := held(app); waits {
		return syncline.WithHint(err, fmt.Sprintf("it waits for a person; approve its deletions with: syncline app confirm-deletion %s", app.ID))
	}
	return syncline.WithHint(err, fmt.Sprintf("wait for it with: syncline app wait %s --operation", app.ID))
}

func by(initiator syncline.Initiator) string {
	if initiator.Automated {
		return "the app's sync policy"
	}
	return cmp.Or(initiator.Username, "somebody")
}

// Failure returns what the last operation came to: nil when it succeeded, else
// an error with the objects that failed and the conditions, each reason once.
func Failure(app State) error {
	operation := app.Report.Operation
	if operation == nil || operation.Phase == syncline.OperationSucceeded {
		return nil
	}
	said := cmp.Or(operation.Message, "no reason was given")
	failed := &Error{Failed: true, Err: syncline.Errorf(syncline.Stalled, "the sync of %s failed: %s", app.ID, said)}
	for _, result := range operation.Results {
		ended := result.Code == syncline.ResultFailed || result.State == syncline.OperationFailed || result.State == syncline.OperationError
		if ended && (result.Message == "" || !strings.Contains(said, result.Message)) {
			failed.Details = append(failed.Details, syncline.About(result.Ref, errors.New(cmp.Or(result.Message, "failed"))).Error())
		}
	}
	for _, line := range conditionLines(app) {
		if !strings.Contains(line, said) {
			failed.Details = append(failed.Details, line)
		}
	}
	return failed
}

// Unpruned returns a Stalled error when the last operation was to bring
// everything to its revision and left objects that are to be pruned, else nil.
// What is to be kept in any case is not meant.
func Unpruned(app State) error {
	operation := app.Report.Operation
	if operation == nil || operation.Operation.DryRun || operation.Operation.Partial() || app.Report.Sync == syncline.Synced {
		return nil
	}
	var left []string
	for _, result := range operation.Results {
		if result.Code == syncline.ResultPruneSkipped && !strings.HasPrefix(result.Message, syncline.MessageKept) {
			left = append(left, result.Ref.String())
		}
	}
	if len(left) == 0 {
		return nil
	}
	return &Error{
		Err: syncline.WithHint(syncline.Errorf(syncline.Stalled, "%d resources require pruning", len(left)),
			fmt.Sprintf("delete them with: syncline app sync %s --prune", app.ID)),
		Details: left,
	}
}

// Waiting says what the operation in report waits for: what the agent wrote
// down, or else the objects that are still on their way.
func Waiting(report syncline.Report) []syncline.Blocker {
	if len(report.Waiting) > 0 || report.Operation == nil {
		return report.Waiting
	}
	health := map[syncline.Ref]syncline.Health{}
	for _, object := range report.Objects {
		health[object.Ref] = object.Health
	}
	var blockers []syncline.Blocker
	for _, result := range report.Operation.Results {
		if result.State != syncline.OperationRunning {
			continue
		}
		why := "the " + string(result.HookType) + " hook has not finished"
		if result.HookType == "" {
			why = withMessage(cmp.Or(string(health[result.Ref].Status), "not yet known to be healthy"), health[result.Ref].Message)
		}
		blockers = append(blockers, syncline.Blocker{Ref: result.Ref, Why: why})
	}
	return blockers
}

// BlockerText says a blocker on one line.
func BlockerText(blocker syncline.Blocker) string {
	text := strings.Join(strings.Fields(blocker.Why), " ")
	if blocker.Ref != (syncline.Ref{}) {
		text = blocker.Ref.String() + ": " + text
	}
	if !blocker.Until.IsZero() {
		text += " (until " + blocker.Until.UTC().Format(time.RFC3339) + ")"
	}
	return text
}

package goal

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
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
func Over(app command.State) bool {
	operation := app.Report.Operation
	if app.Request != nil || operation == nil {
		return false
	}
	return operation.Phase.Done() || Blocked(app) != nil
}

// Blocked returns a Stalled error when the App goes on only when a person
// approves what it would delete, else nil.
func Blocked(app command.State) error {
	q, asked := command.Asked(app)
	if !asked {
		return nil
	}
	err := syncline.Errorf(syncline.Stalled, "app %s waits for a person: %s", app.ID, q.Why)
	if strings.Contains(q.Why, "--approve-prune") || strings.Contains(q.Why, "confirm-deletion") {
		return err // it says how already
	}
	return syncline.WithHint(err,
		fmt.Sprintf("look with: syncline app diff %[1]s; approve with: syncline app sync %[1]s --approve-prune", app.ID))
}

// Failure returns what the last operation came to: nil when it succeeded, else
// an error with the objects that failed and the conditions, each reason once.
func Failure(app command.State) error {
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
func Unpruned(app command.State) error {
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

// Confirms reports whether something that the plan prunes waits for a person.
func Confirms(part syncline.Plan) bool {
	for _, change := range part.Changes {
		if change.Action == syncline.Prune && syncline.KindOf(change.Err) == syncline.Waiting {
			return true
		}
	}
	return false
}

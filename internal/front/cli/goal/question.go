package goal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
)

// Question is what an App asks a person: whether something may be deleted.
type Question struct {
	// Digest identifies what is to be approved; "" when that is not told.
	Digest syncline.Digest
	// Why is the question as it is shown, on one line.
	Why string
	// Refs are the objects that wait for the answer, as far as they are told.
	Refs []syncline.Ref
}

// Asked returns the question that an App goes on with only when a person answers
// it. One that is approved already is none.
func Asked(app State) (Question, bool) {
	if q, found := deletionAsked(app); found {
		return q, true
	}
	if app.Deleting != nil {
		return Question{}, false
	}
	for _, condition := range app.Report.Conditions {
		if condition.Type == syncline.PruneApprovalRequired {
			return open(app, Question{Digest: approvalIn(condition.Message), Why: condition.Message})
		}
	}
	if q, found := held(app); found {
		return q, true
	}
	operation := app.Report.Operation
	if app.Request != nil || operation == nil || operation.Phase == syncline.OperationSucceeded {
		return Question{}, false
	}
	if digest := approvalIn(operation.Message); digest != "" && operation.Phase.Done() {
		return open(app, Question{Digest: digest, Why: operation.Message})
	}
	return Question{}, false
}

// open returns the question unless it is answered.
func open(app State, q Question) (Question, bool) {
	return q, q.Digest == "" || q.Digest != app.ApprovedPrune
}

// deletionAsked returns the question of an App that is being deleted, when all that
// it waits for is a person.
func deletionAsked(app State) (Question, bool) {
	if app.Deleting == nil || !app.ApprovedAt.IsZero() && !app.ApprovedAt.Before(app.Deleting.Since) {
		return Question{}, false
	}
	return confirming(app)
}

// held returns the question of an operation that goes on and waits for a person to
// confirm what it prunes.
func held(app State) (Question, bool) {
	operation := app.Report.Operation
	if app.Request != nil || app.Deleting != nil || operation == nil || operation.Phase != syncline.OperationRunning {
		return Question{}, false
	}
	if !app.ApprovedAt.IsZero() && !app.ApprovedAt.Before(operation.StartedAt.Truncate(time.Second)) {
		return Question{}, false
	}
	q, found := confirming(app)
	if found {
		q.Why = operation.Message
	}
	return q, found
}

// confirming returns the question of an App that waits for nothing but approvals.
func confirming(app State) (Question, bool) {
	waiting := app.Report.Waiting
	if len(waiting) == 0 || slices.ContainsFunc(waiting, func(b syncline.Blocker) bool { return approvalIn(b.Why) == "" }) {
		return Question{}, false
	}
	q := Question{Digest: approvalIn(waiting[0].Why), Why: BlockerText(waiting[0])}
	for _, blocker := range waiting {
		q.Refs = append(q.Refs, blocker.Ref)
	}
	return open(app, q)
}

// Confirming returns the question of the operation or the deletion that goes on and
// waits for an approval of what it deletes.
func Confirming(app State) (Question, bool) {
	if app.Deleting != nil {
		return deletionAsked(app)
	}
	return held(app)
}

// Blocked returns a Stalled error when the App goes on only when a person
// approves what it would delete, else nil.
func Blocked(app State) error {
	q, asked := Asked(app)
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

// approvalIn returns the digest that a message asks a person to approve, or "";
// see [syncline.Digest.Approval].
func approvalIn(message string) syncline.Digest {
	_, rest, _ := strings.Cut(message, syncline.AnnotationApprovePrune+`: "`)
	digest, _, ended := strings.Cut(rest, `"`)
	if !ended || strings.Trim(digest, "0123456789abcdef") != "" {
		return ""
	}
	return syncline.Digest(digest)
}

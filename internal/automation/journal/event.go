package journal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// Event is something to tell people of an App, beside its resource.
type Event struct {
	// Reason is what happened, in a word: as Argo CD calls it, or the type of a condition.
	Reason  string
	Message string
	Warning bool
}

// The reasons that are no types of conditions.
const (
	OperationStarted   = "OperationStarted"
	OperationCompleted = "OperationCompleted"
)

// Events returns what is to be told of a report, by the one before: that an operation
// began or ended, and conditions that are new. There are none for what is as it was.
func Events(before, after *syncline.Report) []Event {
	var events []Event
	if op := after.Operation; op != nil && !sameStage(before.Operation, op) {
		if before.Operation == nil || !sameOperation(before.Operation, op) {
			events = append(events, started(op))
		}
		if op.Phase.Done() {
			events = append(events, completed(op))
		}
	}
	for _, condition := range after.Conditions {
		if !slices.Contains(before.Conditions, condition) {
			events = append(events, Event{Reason: string(condition.Type), Message: condition.Message, Warning: true})
		}
	}
	return events
}

func started(op *syncline.OperationState) Event {
	if op.Operation.By.Automated {
		return Event{Reason: OperationStarted, Message: fmt.Sprintf("Initiated automated %s", what(op))}
	}
	who := op.Operation.By.Username
	if who == "" {
		who = "Unknown user"
	}
	return Event{Reason: OperationStarted, Message: fmt.Sprintf("%s initiated %s", who, what(op))}
}

func completed(op *syncline.OperationState) Event {
	if op.Phase == syncline.OperationSucceeded {
		return Event{Reason: OperationCompleted, Message: capital(what(op)) + " succeeded"}
	}
	return Event{Reason: OperationCompleted, Message: fmt.Sprintf("%s failed: %s", capital(what(op)), op.Message), Warning: true}
}

// what says what an operation does, such as "sync to 1a2b3c".
func what(op *syncline.OperationState) string {
	kind := "sync"
	if len(op.Operation.Selection) > 0 {
		kind = "partial sync"
	}
	if op.Operation.DryRun {
		kind = "dry run of a " + kind
	}
	if len(op.Revisions) == 0 {
		return kind
	}
	return kind + " to " + strings.Join(op.Revisions, ", ")
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

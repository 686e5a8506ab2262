package engine

import (
	"context"

	"github.com/syncline-io/syncline"
)

// step is one stage of a turn.
type step struct {
	// name is the step's wherever it is spoken of: in errors, in what is logged
	// meanwhile, and in the drawings.
	name string
	do   func(context.Context) error
	// blame is the type of the condition that an error of the step becomes.
	blame syncline.ConditionType
	// whole says that the step is not cut short when the App changes.
	whole bool
}

// steps lists the stages of a turn in their order: those of the unit of work that the
// App is, or of its end.
func (t *turn) steps() []step {
	switch {
	case t.app.Deleting != nil && (t.app.Unit == syncline.Fetch || !t.app.Deleting.Cascade):
		return []step{{"leave", t.leaveAll, syncline.DeletionError, false}}
	case t.app.Unit == syncline.Fetch:
		return []step{
			{"validate", t.validate, syncline.InvalidSpecError, false},
			{"resolve", t.resolve, syncline.ComparisonError, false},
			{"fetch", t.fetch, syncline.ComparisonError, false},
		}
	case t.app.Deleting != nil:
		return t.removal(step{"delete", t.delete, syncline.DeletionError, true})
	}
	return append(t.delivery(t.begin),
		step{"automate", t.automate, syncline.SyncError, false},
		step{"operate", t.operate, syncline.SyncError, true},
	)
}

// delivery lists the stages of a turn that delivers up to its plan, which is that of the
// operation that begin takes up.
func (t *turn) delivery(begin func(context.Context) error) []step {
	return []step{
		{"validate", t.validate, syncline.InvalidSpecError, false},
		{"begin", begin, syncline.SyncError, false},
		{"target", t.found, syncline.InvalidSpecError, false},
		{"connect", t.connect, syncline.ComparisonError, false},
		{"resolve", t.resolve, syncline.ComparisonError, false},
		{"render", t.render, syncline.ComparisonError, false},
		{"watch", t.watch, syncline.ComparisonError, false},
		{"plan", t.makePlan, syncline.ComparisonError, false},
	}
}

// removal lists the stages of a turn of an App that is being deleted with what it
// delivered, of which the last plans or deletes.
func (t *turn) removal(last step) []step {
	return []step{
		{"leave", t.leave, syncline.DeletionError, false},
		{"target", t.found, syncline.DeletionError, false},
		{"connect", t.connect, syncline.DeletionError, false},
		{"watch", t.watch, syncline.DeletionError, false},
		last,
	}
}

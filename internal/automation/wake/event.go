package wake

import (
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/aspect"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// Event is a reason for which a turn of an App is due.
type Event int

// The events.
const (
	// Declared: the App is new, or declared otherwise.
	Declared Event = iota
	// Asked: a person asked for something.
	Asked
	// Gone: the resource that declared the App is no more.
	Gone
	// Touched: a commit changes what the App read of a repository.
	Touched
	// Passed: a commit changes nothing that the App read.
	Passed
	// Allowed: what the App may do or reach may be otherwise, or what it needs of
	// other Apps.
	Allowed
	// Drifted: an object changed that may have to be put back, or that an operation
	// may wait for.
	Drifted
	// Judged: of an object nothing changed but its health, images or addresses.
	Judged
	// Claimed: an object changed that only says of itself that it is the App's.
	Claimed
	// Known: the objects of a kind, of which the App has some, are known now, or not
	// any more.
	Known
)

// Due says when a turn is due, and how urgent it is.
type Due struct {
	Lane queue.Priority
	// Later reports that the turn is not due in a lane but after a time, or with any
	// that is due sooner; a negative time means with that only.
	Later bool
	After time.Duration
	// Ends reports whether a turn that runs is of what was before, and has to end.
	Ends bool
}

// claimPause is how long an App takes no notice of an object that is only claimed to
// be its own: anybody can have such objects come and go, and nothing is done about them.
const claimPause = 5 * time.Second

// due returns what an event asks for. RecordAfter is how long an App which a commit
// does not touch may wait to record its revision: several are recorded at once then.
func (e Event) due(recordAfter time.Duration) Due {
	switch e {
	case Declared:
		return Due{Lane: queue.Commit, Ends: true}
	case Asked:
		return Due{Lane: queue.Person}
	case Gone:
		return Due{Lane: queue.Resync, Ends: true}
	case Passed:
		return Due{Later: true, After: recordAfter}
	case Drifted, Known:
		return Due{Lane: queue.Drift}
	case Judged:
		// It is only to be told: while many Apps are delivered at once that comes after
		// delivering, because telling an App costs as much.
		return Due{Lane: queue.Resync}
	case Claimed:
		return Due{Later: true, After: claimPause}
	case Touched, Allowed:
	}
	return Due{Lane: queue.Commit}
}

// of returns what a change of an object is to an App. Declares reports whether the App
// declares the object.
func of(app *syncline.App, change syncline.LiveChange, declares func() bool) Event {
	operation := app.Past.Operation
	running := operation != nil && !operation.Phase.Done()
	switch {
	case change.Claim && !declares():
		return Claimed
	case running, change.What.Has(^(aspect.Health | aspect.Summary)):
		return Drifted
	}
	return Judged
}

// leaves reports whether a change may have taken the last object that its App had in a
// namespace, or of a kind.
func leaves(change syncline.LiveChange) bool {
	return change.Before != "" && change.What.Has(aspect.Existence|aspect.Owner|aspect.Terminating)
}

package syncline

import (
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/option"
)

// Operation is one sync, asked for by a person or by the App's policy.
type Operation struct {
	// Revisions override the target revisions of the sources, one each. Empty
	// means those that the App declares.
	Revisions []string
	// Sources override the App's.
	Sources []Source
	Prune   bool
	DryRun  bool
	// Force recreates an object that cannot be updated.
	Force bool
	// SkipHooks applies without hooks (sync strategy "apply").
	SkipHooks bool
	// Selection restricts the operation to some objects; empty means all. A
	// partial operation runs no hooks and makes no history.
	Selection []Selector
	Options   option.List
	Retry     Retry
	By        Initiator
	// SelfHealAttempts counts consecutive automatic repairs of one revision.
	SelfHealAttempts int64
}

// Partial reports whether the operation covers only some objects.
func (o Operation) Partial() bool { return len(o.Selection) > 0 }

// Covers returns what reports whether the operation deals with a change of its App's
// plan: with what is selected, and with hooks when it is whole and runs them. Who
// shows an operation and who performs it both ask here.
func (o Operation) Covers() func(Change) bool {
	selects := o.Selects()
	return func(c Change) bool {
		switch {
		case c.Claimed:
			return false
		case c.Role == RoleHook:
			return c.Action == Run && !o.SkipHooks && !o.Partial()
		case c.Role == RoleResource && o.Partial():
			return selects(c.Ref)
		}
		return true
	}
}

// Selects returns what reports whether the selection has a ref. Both may be large.
func (o Operation) Selects() func(Ref) bool {
	chosen := make(map[Selector]bool, len(o.Selection))
	for _, selector := range o.Selection {
		chosen[selector] = true
	}
	return func(ref Ref) bool {
		exactly := Selector{Group: ref.Group, Kind: ref.Kind, Name: ref.Name, Namespace: ref.Namespace}
		anywhere := exactly
		anywhere.Namespace = ""
		return chosen[exactly] || chosen[anywhere]
	}
}

// Writes reports whether the operation would write anything to perform a change
// that it covers.
func (o Operation) Writes(c Change) bool {
	switch c.Action {
	case Keep, Retain:
		return false
	case Prune:
		return o.Prune
	}
	return true
}

// Selector chooses objects of an App. An empty Namespace matches any.
type Selector struct {
	Group, Kind, Name, Namespace string
}

// Matches reports whether the selector chooses the ref.
func (s Selector) Matches(ref Ref) bool {
	return s.Group == ref.Group && s.Kind == ref.Kind && s.Name == ref.Name &&
		(s.Namespace == "" || s.Namespace == ref.Namespace)
}

// Initiator is who asked for an Operation.
type Initiator struct {
	Username  string
	Automated bool
}

// OperationPhase says how far an Operation has come.
type OperationPhase string

// The phases of an operation, as in Argo CD.
const (
	OperationRunning     OperationPhase = "Running"
	OperationTerminating OperationPhase = "Terminating"
	OperationSucceeded   OperationPhase = "Succeeded"
	OperationFailed      OperationPhase = "Failed"
	OperationError       OperationPhase = "Error"
)

// Done reports whether nothing more will happen.
func (p OperationPhase) Done() bool {
	return p == OperationSucceeded || p == OperationFailed || p == OperationError
}

// OperationState is how far an Operation has come. It is written to the
// resource after every step, and is all that a restarted process needs.
type OperationState struct {
	Operation Operation
	Phase     OperationPhase
	Message   string
	StartedAt time.Time
	// FinishedAt is zero while it goes on. Phase Running with FinishedAt set
	// means that it waits to be tried again.
	FinishedAt time.Time
	RetryCount int64
	// Revisions and Sources are those it delivers, fixed when it began.
	Revisions []string
	Sources   []Source
	Results   []ObjectResult
}

// Result returns what was written down about one object in one phase.
func (s *OperationState) Result(ref Ref, phase Phase) (ObjectResult, bool) {
	for _, r := range s.Results {
		if r.Ref == ref && r.Phase == phase {
			return r, true
		}
	}
	return ObjectResult{}, false
}

// ChangedGuard reports whether the result is that something which guards others was
// deleted or changed; see [Ref.Guards].
func (r ObjectResult) ChangedGuard() bool {
	written := r.Code == ResultSynced && !r.Unchanged() && !strings.HasSuffix(r.Message, " created")
	return r.Ref.Guards() && r.HookType == "" && (r.Code == ResultPruned || written)
}

// ResultCode says what became of one object in an operation.
type ResultCode string

// The result codes, as in Argo CD.
const (
	ResultSynced       ResultCode = "Synced"
	ResultFailed       ResultCode = "SyncFailed"
	ResultPruned       ResultCode = "Pruned"
	ResultPruneSkipped ResultCode = "PruneSkipped"
)

// ObjectResult is what an operation did to one object. HookType is empty but
// for hooks. State is Running until the object is healthy or the hook done.
type ObjectResult struct {
	Ref      Ref
	Version  string
	Phase    Phase
	HookType Phase
	Code     ResultCode
	State    OperationPhase
	Message  string
	Images   []string
}

// MessageUnchanged ends the message about an object that was as declared already,
// in kubectl's word.
const MessageUnchanged = " unchanged"

// MessageKept begins the message about an object that no prune deletes, in Argo CD's
// words: it has the code of one that waits for a prune.
const MessageKept = "ignored (no prune)"

// Unchanged reports whether the operation found the object as declared.
func (r ObjectResult) Unchanged() bool {
	return r.Code == ResultSynced && strings.HasSuffix(r.Message, MessageUnchanged)
}

// Deployment is one entry of an App's history.
type Deployment struct {
	ID         int64
	Revisions  []string
	Sources    []Source
	StartedAt  time.Time
	DeployedAt time.Time
	By         Initiator
}

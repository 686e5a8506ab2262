package syncline

import (
	"strings"
	"time"
)

// SyncStatus says whether the cluster is as declared.
type SyncStatus string

// The sync statuses, as in Argo CD.
const (
	Synced      SyncStatus = "Synced"
	OutOfSync   SyncStatus = "OutOfSync"
	SyncUnknown SyncStatus = "Unknown"
)

// Report is the outcome of one turn of an App: all that there is to show.
type Report struct {
	App AppID
	// At is when the turn began; zero for what was read from a resource.
	At time.Time
	// ResourceVersion is that of the resource which the turn was about, or, in a Past, when
	// it was read: what was asked for later is not answered by the report. It is "" when the
	// resource has none.
	ResourceVersion string
	// Sources and Destination are what was compared, at Revisions.
	Sources     []Source
	Destination Destination
	Revisions   []string
	// Artifacts are what the Sources hold, where they are only fetched.
	Artifacts  []Artifact
	Tools      []Tool
	Sync       SyncStatus
	Health     Health
	Objects    []ObjectReport
	Conditions []Condition
	// Operation is nil when there never was one.
	Operation *OperationState
	// Consumed reports that the App's Request became Operation, or was refused.
	Consumed bool
	History  []Deployment
	// Rendered identifies what the deployment rendered to that this turn completed;
	// "" when it completed none.
	Rendered Digest
	// Waiting lists what has to happen before the App is done, and WaitingMore counts
	// what is left out there: a resource lists the first only.
	Waiting     []Blocker
	WaitingMore int
	Images      []string
	URLs        []string
	// Resolved reports that the revisions were resolved in this turn.
	Resolved bool
	// AtEnd says which hooks want to run when the App is deleted; nil when the source
	// was not looked at.
	AtEnd *AtEnd
	// Spent reports that what a person approved is of no use any more: it was used
	// up, or the plan is another by now.
	Spent bool
	// Deleted reports that nothing of a deleted App is left to clean up.
	Deleted bool
}

// Artifact is what a source holds at a revision: the files below its path, which are
// equal where the digests are.
type Artifact struct {
	Revision string
	Digest   Digest
}

// AtEnd says whether an App has hooks for its deletion: before anything else goes,
// and at the end.
type AtEnd struct{ PreDelete, PostDelete bool }

// ObjectReport is one object of a Report.
type ObjectReport struct {
	Ref     Ref
	Version string
	// Sync is empty for hooks.
	Sync   SyncStatus
	Health Health
	Wave   int
	Hook   bool
	// RequiresPruning says that a sync with pruning would delete the object.
	RequiresPruning bool
	// RequiresConfirmation says that its deletion waits for a person.
	RequiresConfirmation bool
	// Claimed says that nothing but the object itself says that it is the App's.
	Claimed bool
}

// ClaimText begins what is said of an object which is [ObjectReport.Claimed]. It is
// also what tells such an object in a status.
const ClaimText = "only its own metadata say that it is of this application, which whoever may write it can write"

// ConditionType is the type of a Condition.
type ConditionType string

// The condition types are Argo CD's, and from RepeatedKeyWarning on Syncline's own.
const (
	DeletionError         ConditionType = "DeletionError"
	InvalidSpecError      ConditionType = "InvalidSpecError"
	ComparisonError       ConditionType = "ComparisonError"
	SyncError             ConditionType = "SyncError"
	UnknownError          ConditionType = "UnknownError"
	SharedResourceWarning ConditionType = "SharedResourceWarning"
	RepeatedWarning       ConditionType = "RepeatedResourceWarning"
	RepeatedKeyWarning    ConditionType = "RepeatedKeyWarning"
	UnlistedWarning       ConditionType = "UnlistedWarning"
	HookWarning           ConditionType = "HookWarning"
	OptionWarning         ConditionType = "SyncOptionWarning"
	RandomValuesWarning   ConditionType = "RandomValuesWarning"
	AnnotationWarning     ConditionType = "AnnotationWarning"
	PruneApprovalRequired ConditionType = "PruneApprovalRequired"
	ClaimedWarning        ConditionType = "ClaimedResourceWarning"
)

// Condition is something about an App that a person should know.
type Condition struct {
	Type    ConditionType
	Message string
}

// Blocker is one thing that an App waits for: an object, or nothing that has a
// ref, such as a time.
type Blocker struct {
	Ref Ref
	Why string
	// Until is when it ends by itself; zero when it does not.
	Until time.Time
}

// String says the blocker on one line.
func (b Blocker) String() string {
	text := strings.Join(strings.Fields(b.Why), " ")
	if b.Ref != (Ref{}) {
		text = b.Ref.String() + ": " + text
	}
	if !b.Until.IsZero() {
		text += " (until " + b.Until.UTC().Format(time.RFC3339) + ")"
	}
	return text
}

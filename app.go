package syncline

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/option"
)

// AppID names an App by the resource that declares it. Resources of two kinds may
// have one name.
type AppID struct {
	// Group and Kind are those of the resource, such as "argoproj.io" and "Application".
	Group     string
	Kind      string
	Namespace string
	Name      string
}

// String returns "namespace/name", which is what people call it.
func (id AppID) String() string { return id.Namespace + "/" + id.Name }

// Ref names the resource as an object of its cluster.
func (id AppID) Ref() Ref { return Ref(id) }

// NamespacedName is what the API server calls the resource.
func (id AppID) NamespacedName() types.NamespacedName {
	return types.NamespacedName{Namespace: id.Namespace, Name: id.Name}
}

// App is one unit of delivery: what should run, where, and how it is kept so.
// Every kind of resource that Syncline reads becomes one.
type App struct {
	ID AppID
	// UID is that of the declaring resource, so that a new one of the same name
	// inherits nothing.
	UID types.UID
	// Unit is what is done with what the App declares.
	Unit Unit
	// Dialect is how the App's objects are marked, and how they say what they ask for.
	Dialect *Dialect
	// Instance is what the marks of its objects call the App: in Argo CD's dialect its
	// name, or "namespace_name" outside the control plane's namespace.
	Instance    string
	Project     string
	Sources     []Source
	Destination Destination
	// As says as whom the objects are written; the zero value is Syncline itself.
	As     Identity
	Policy SyncPolicy
	Ignore []IgnoreRule
	// HistoryLimit is how many deployments are remembered.
	HistoryLimit int
	// Refresh asks to look again now, whatever is remembered.
	Refresh Refresh
	// Request is an operation that somebody asked for and that has not begun.
	Request *Operation
	// Deleting is set when the App is being deleted.
	Deleting *Deletion
	// ApprovedPrune is what a person approved: a [Plan.PruneDigest], or, when the App
	// is being deleted, its [App.DeletionDigest].
	ApprovedPrune Digest
	// ApprovedAt is when a person approved, in Argo CD's way, the deletions that were
	// asked for before; zero when nobody did.
	ApprovedAt time.Time
	// Disregarded says why something on the resource that looks like an approval is
	// none: no person is known to have written it; "" when there is no such thing.
	Disregarded string
	// Paused stops everything for the App (skip-reconcile).
	Paused bool
	// Past is what earlier turns wrote down.
	Past Past
	// Invalid lists what is wrong with the declaration itself.
	Invalid []Condition
}

// Unit is a unit of work: which steps the turns of an App have. A release of a chart, a
// set that generates Apps and a scan of images would be others.
type Unit string

// The units of work.
const (
	// Deliver brings what the sources render to into a cluster, and keeps it there.
	Deliver Unit = ""
	// Fetch says what the sources hold, for others to use. It touches no cluster.
	Fetch Unit = "Fetch"
)

// DeletionDigest identifies the deletion of the App; an approval of what
// Delete=confirm keeps names it. It is "" for an App that is not being deleted.
func (a App) DeletionDigest() Digest {
	if a.Deleting == nil {
		return ""
	}
	digest, _ := DigestOf([]string{string(a.UID), a.Deleting.Since.UTC().Format(time.RFC3339)}) // texts
	return digest[:12]
}

// Past is what earlier turns of an App wrote down in its resource.
type Past struct {
	// Report is the last one, as far as the resource holds it: its Objects are those
	// that the App was known to have, whose kinds are watched before anything is
	// decided, so that none is forgotten; Sources, Revisions and Destination those last
	// compared with; Sync and Health those last concluded; Rendered is that of the last
	// deployment, "" when that was not written down.
	Report
	// Requested says that the App still asks for that operation, which goes on: as of
	// Argo CD, which takes away what it was asked for at the end only.
	Requested bool
	// Invalid lists why the operation cannot be carried on when it was not ended:
	// whoever may write the resource can write anything there.
	Invalid []Condition
	// Compared are the revisions that were compared last, while Revisions could not be.
	Compared []string
	// Unlisted reports whether the App had more objects than could be written down.
	Unlisted bool
	// ReconciledAt is when the revisions were last resolved.
	ReconciledAt time.Time
	Bytes        int // Bytes is about how much its resource says, of which a turn holds a multiple.
}

// Refresh says how hard to look again.
type Refresh string

// The refreshes. RefreshHard also forgets remembered renders.
const (
	NoRefresh     Refresh = ""
	RefreshNormal Refresh = "normal"
	RefreshHard   Refresh = "hard"
)

// Destination is where an App's objects go.
type Destination struct {
	// Server and Name each name a cluster; exactly one is set.
	Server    string
	Name      string
	Namespace string
}

// SyncPolicy says what happens without a person.
type SyncPolicy struct {
	// Automated syncs what differs; the three below need it.
	Automated bool
	// Prune deletes what left the source.
	Prune bool
	// SelfHeal puts back what drifted.
	SelfHeal bool
	// AllowEmpty permits pruning everything.
	AllowEmpty bool
	Options    option.List
	// Retry is nil when none is declared.
	Retry *Retry
	// NamespaceLabels and NamespaceAnnotations are put on the created namespace. It
	// is managed, and never pruned, when one of them is not nil.
	NamespaceLabels      map[string]string
	NamespaceAnnotations map[string]string
}

// Retry says how a failed operation is tried again.
type Retry struct {
	// Limit is the number of retries; negative means without end.
	Limit int64
	// Duration is the first wait, default 5 s; each next one is Factor times as
	// long, default 2, up to MaxDuration, default 3 min.
	Duration    time.Duration
	Factor      int64
	MaxDuration time.Duration
	// Refresh resolves the revision again for each attempt.
	Refresh bool
}

// IgnoreRule names fields whose difference does not count.
type IgnoreRule struct {
	Group, Kind glob.Pattern
	// Name and Namespace are exact, "" matches any.
	Name, Namespace   string
	JSONPointers      []string
	JQPathExpressions []string
	// Managers are field managers whose fields are left alone.
	Managers []string
}

// Deletion says what becomes of an App's objects when it is deleted.
type Deletion struct {
	// Since is when the App began to be deleted.
	Since time.Time
	// Cascade deletes the objects first.
	Cascade bool
	// Propagation is "foreground" or "background".
	Propagation string
	// PreDelete and PostDelete report whether hooks were to run before anything is
	// deleted, and at the end.
	PreDelete, PostDelete bool
}

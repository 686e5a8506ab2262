// Package command holds what can be asked of an App, and says whether it can be asked
// now. It is for all dialects and for whoever asks: it knows no resource and writes
// nothing.
package command

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Command is what somebody asks of one App, as plain data: what a command line, an API,
// a webhook or automation makes, and what the App's dialect writes into its resource.
// A command is refused as a whole, and nothing is written, when what it presumes does
// not hold; see [Check].
type Command struct {
	App syncline.AppID
	// UID is that of the resource which is meant, so that a new one of the same name is
	// left alone; "" means whichever has the name.
	UID types.UID
	// Declared is the [Declared] of what the command was made from; "" means that
	// it fits whatever the App declares.
	Declared syncline.Digest
	// By is who asks.
	By syncline.Initiator
	// Verb is what is asked for.
	Verb Verb
}

// Verb is one of a closed set: [Sync], [Terminate], [Refresh], [Approve],
// [Declare] and [Delete].
type Verb interface{ verb() }

// Sync asks for an operation, which is refused while another one goes on. To deliver
// again what was delivered once is an operation with the revisions and sources of that
// [syncline.Deployment].
type Sync struct {
	// Operation is what is to be done. Who asks for it is the command's By.
	Operation syncline.Operation
	// Approve lets it prune exactly what has this [syncline.Plan.PruneDigest]; "" approves nothing.
	Approve syncline.Digest
	// Notes are for who looks at the record of the operation; nothing follows from them.
	Notes []Note
}

// Note is something that people tell each other of an operation.
type Note struct{ Name, Value string }

// Terminate ends the operation that goes on. What it did stays.
type Terminate struct{}

// Refresh asks to look at the source and the cluster again, now.
type Refresh struct {
	// Hard also forgets what was rendered.
	Hard bool
	// At is when it is asked for: two requests differ by it.
	At time.Time
}

// Approve lets the operation or the deletion of the App go on that waits for a
// person. It is refused when the App waits for something else by then.
type Approve struct {
	// Digest identifies what is approved: a [syncline.Plan.PruneDigest] or an [syncline.App.DeletionDigest].
	Digest syncline.Digest
}

// Declare makes the App, or has it declare something else.
type Declare struct {
	// Resource is the resource as somebody wrote it down, as decoded JSON. Its name and
	// namespace do not count. Nil means that there is nothing but the Declaration.
	Resource map[string]any
	// Declaration goes over what the Resource says.
	Declaration Declaration
	// Upsert has an App changed that declares something else. Default: that is a Conflict.
	Upsert bool
}

// Delete deletes the App.
type Delete struct {
	// Cascade deletes its objects first. Default: they are left as they are.
	Cascade bool
	// Background does not wait for what the objects own. Default: the foreground.
	Background bool
}

func (Sync) verb()      {}
func (Terminate) verb() {}
func (Refresh) verb()   {}
func (Approve) verb()   {}
func (Declare) verb()   {}
func (Delete) verb()    {}

// Declaration is what is to be declared of an App. What is zero in it says nothing.
type Declaration struct {
	Labels, Annotations map[string]string
	Project             string
	Source              syncline.Source
	Destination         syncline.Destination
	// Policy needs automated syncs, here or in what it goes over, for its Prune, SelfHeal
	// and AllowEmpty.
	Policy syncline.SyncPolicy
	// ByHand takes automated syncs away.
	ByHand bool
	// HistoryLimit is how many deployments are remembered.
	HistoryLimit *int64
	// Cascade has the App's objects deleted with it.
	Cascade bool
}

// Effect is what a command came to.
type Effect string

// The effects. Gone means that no resource is left.
const (
	Created   Effect = "created"
	Changed   Effect = "changed"
	Unchanged Effect = "unchanged"
	Gone      Effect = "gone"
)

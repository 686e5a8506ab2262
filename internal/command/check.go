package command

import (
	"cmp"
	"fmt"
	"time"

	"github.com/syncline-io/syncline"
)

// State is an App and what became of it.
type State struct {
	syncline.App
	Report syncline.Report
}

// Busy reports whether an operation goes on or was asked for.
func (s State) Busy() bool {
	operation := s.Report.Operation
	return s.Request != nil || operation != nil && !operation.Phase.Done()
}

// Check says what speaks against a command, asked of the App as it is now. It is nil
// when nothing does, Stalled when the App is another than the command was made for,
// and else of a kind that says why it cannot be asked.
func Check(c Command, now State) error {
	another := c.UID != "" && c.UID != now.UID || c.Declared != "" && c.Declared != Declared(now.App)
	if another {
		return changedMeanwhile(now)
	}
	switch verb := c.Verb.(type) {
	case Sync:
		return InProgress(now)
	case Terminate:
		return terminable(now)
	case Approve:
		if asked, _ := Confirming(now); verb.Digest == "" || asked.Digest != verb.Digest {
			return changedMeanwhile(now)
		}
	}
	return nil
}

// changedMeanwhile says that what a person was shown is not what there is now.
func changedMeanwhile(now State) error {
	return syncline.WithHint(syncline.Errorf(syncline.Stalled, "app %s is another than was shown by now: nothing was done", now.ID),
		"look at it, and ask again")
}

// terminable returns an Invalid error when no operation goes on that could be ended.
// One that was asked for and has not begun is none yet.
func terminable(now State) error {
	if operation := now.Report.Operation; operation == nil || operation.Phase.Done() {
		return syncline.Errorf(syncline.Invalid, "app %s: unable to terminate operation: no operation is in progress", now.ID)
	}
	return nil
}

// InProgress returns a Conflict when an operation has been asked for or goes
// on, or the App is being deleted, so that no other can be asked for.
func InProgress(app State) error {
	switch {
	case app.Deleting != nil:
		return syncline.WithHint(syncline.Errorf(syncline.Conflict, "app %s is being deleted", app.ID),
			fmt.Sprintf("see what it waits for with: syncline app wait %s --delete --timeout 5", app.ID))
	case !app.Busy():
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

// Declared identifies what an App declares: while it is the same, a plan that was made
// of it is of what is declared now. What is asked of the App, and what became of it,
// makes no difference.
func Declared(a syncline.App) syncline.Digest {
	digest, _ := syncline.DigestOf([]any{ // texts, numbers, and lists of these
		a.ID, a.UID, a.Instance, a.Project, a.Sources, a.Destination, a.As, a.Policy, a.Ignore, a.HistoryLimit,
	})
	return digest
}

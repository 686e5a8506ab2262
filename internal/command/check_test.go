package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
)

// state is an App that is as it should be, after changes.
func state(changes ...func(*command.State)) command.State {
	now := command.State{App: syncline.App{
		ID: syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "shop"}, UID: "u1",
		Sources: []syncline.Source{{RepoURL: "https://git.example.com/shop.git", Path: "deploy"}},
	}}
	now.Report.Operation = &syncline.OperationState{Phase: syncline.OperationSucceeded}
	for _, change := range changes {
		change(&now)
	}
	return now
}

func running(now *command.State) {
	now.Report.Operation = &syncline.OperationState{
		Phase: syncline.OperationRunning, StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Operation: syncline.Operation{By: syncline.Initiator{Username: "ada"}},
	}
}

func requested(now *command.State) { now.Request = &syncline.Operation{} }

func deleting(now *command.State) { now.Deleting = &syncline.Deletion{} }

func asking(now *command.State) {
	running(now)
	now.Report.Waiting = []syncline.Blocker{{Why: `waits for syncline.io/approve-prune: "0123456789ab"`}}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name    string
		command command.Command
		now     command.State
		want    syncline.Kind
		says    string
	}{
		{"a sync", command.Command{Verb: command.Sync{}}, state(), "", ""},
		{"a sync while one goes on", command.Command{Verb: command.Sync{}}, state(running), syncline.Conflict, "in progress, by ada since 2026-01-02T03:04:05Z"},
		{"a sync after a request", command.Command{Verb: command.Sync{}}, state(requested), syncline.Conflict, "another operation is in progress"},
		{"a sync of what is deleted", command.Command{Verb: command.Sync{}}, state(deleting), syncline.Conflict, "is being deleted"},
		{"a sync of what was seen", command.Command{UID: "u1", Declared: command.Declared(state().App), Verb: command.Sync{}}, state(requestNoMore), "", ""},
		{"a sync of what is declared no more", command.Command{Declared: command.Declared(state().App), Verb: command.Sync{}}, state(moved), syncline.Stalled, "is another than was shown by now"},
		{"a sync of one of that name", command.Command{UID: "u2", Verb: command.Sync{}}, state(), syncline.Stalled, "is another than was shown by now"},
		{"a refresh of one of that name", command.Command{UID: "u2", Verb: command.Refresh{}}, state(), syncline.Stalled, "is another than was shown by now"},
		{"a refresh while one goes on", command.Command{Verb: command.Refresh{}}, state(running), "", ""},
		{"the end of what goes on", command.Command{Verb: command.Terminate{}}, state(running), "", ""},
		{"the end of nothing", command.Command{Verb: command.Terminate{}}, state(), syncline.Invalid, "no operation is in progress"},
		{"the end of what has not begun", command.Command{Verb: command.Terminate{}}, state(requested), syncline.Invalid, "no operation is in progress"},
		{"an approval of what is asked", command.Command{Verb: command.Approve{Digest: "0123456789ab"}}, state(asking), "", ""},
		{"an approval of something else", command.Command{Verb: command.Approve{Digest: "ab0123456789"}}, state(asking), syncline.Stalled, "is another than was shown by now"},
		{"an approval of nothing", command.Command{Verb: command.Approve{Digest: "0123456789ab"}}, state(), syncline.Stalled, "is another than was shown by now"},
		{"an approval without a digest", command.Command{Verb: command.Approve{}}, state(), syncline.Stalled, "is another than was shown by now"},
		{"a deletion while one goes on", command.Command{Verb: command.Delete{}}, state(running), "", ""},
		{"a declaration while one goes on", command.Command{Verb: command.Declare{}}, state(running), "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := command.Check(c.command, c.now)
			if syncline.KindOf(err) != c.want || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it is %q, %v; want %q, %q", syncline.KindOf(err), err, c.want, c.says)
			}
		})
	}
}

func moved(now *command.State) {
	now.Sources = []syncline.Source{{RepoURL: "https://git.example.com/shop.git", Path: "elsewhere"}}
}

// requestNoMore is what became of an App meanwhile without declaring anything else.
func requestNoMore(now *command.State) {
	now.Refresh, now.ApprovedPrune = syncline.RefreshHard, "ab"
	now.Past.ResourceVersion = "9"
	now.Report.Sync = syncline.OutOfSync
}

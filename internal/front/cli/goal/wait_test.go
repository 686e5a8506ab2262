package goal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/front/cli/goal"
)

// Who waits for several Apps is told of each when it stands otherwise, and at the end
// what is between.
func TestWait(t *testing.T) {
	a, b := syncline.AppID{Namespace: "argocd", Name: "a"}, syncline.AppID{Namespace: "argocd", Name: "b"}
	state := func(sync syncline.SyncStatus) command.State {
		return command.State{Report: syncline.Report{Sync: sync}}
	}
	w := goal.NewWait(goal.Goal{Sync: true}, []syncline.AppID{a, b})
	for _, step := range []struct {
		what    string
		a, b    syncline.SyncStatus
		told    []string
		reached bool
	}{
		{"neither is looked at", "", "", []string{"a: waiting: sync status is not known yet", "b: waiting: sync status is not known yet"}, false},
		{"nothing happened", "", "", nil, false},
		{"one is synced", syncline.Synced, "", []string{"a is Synced"}, false},
		{"the other is not", syncline.Synced, syncline.OutOfSync, []string{"b: waiting: sync status is OutOfSync"}, false},
		{"both are", syncline.Synced, syncline.Synced, []string{"b is Synced"}, true},
		{"one is no longer", syncline.OutOfSync, syncline.Synced, []string{"a: waiting: sync status is OutOfSync"}, false},
	} {
		told := w.Look(map[syncline.AppID]command.State{a: state(step.a), b: state(step.b)})
		for i := range told {
			told[i] = strings.TrimPrefix(told[i], "argocd/")
		}
		if !slices.Equal(told, step.told) || w.Holds() != step.reached || w.Failed != nil {
			t.Errorf("%s: told is %q, want %q; it holds: %t, and failed: %v", step.what, told, step.told, w.Holds(), w.Failed)
		}
	}
	if err := w.Timeout("5s"); syncline.KindOf(err) != syncline.Waiting || !strings.Contains(err.Error(), "1 of 2 apps are not Synced after 5s") {
		t.Errorf("at the end it is %v", err)
	}
}

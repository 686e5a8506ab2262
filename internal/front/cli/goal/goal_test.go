package goal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
)

var (
	id  = syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "shop"}
	web = syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	cm  = syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}
)

// settled is an App that is as it should be, after changes.
func settled(changes ...func(*State)) *State {
	app := &State{
		App: syncline.App{ID: id},
		Report: syncline.Report{
			Sync: syncline.Synced, Health: syncline.Health{Status: syncline.Healthy}, Revisions: []string{"1"},
			Objects: []syncline.ObjectReport{
				{Ref: cm, Sync: syncline.Synced},
				{Ref: web, Sync: syncline.Synced, Health: syncline.Health{Status: syncline.Healthy}},
			},
			Operation: &syncline.OperationState{Phase: syncline.OperationSucceeded, Revisions: []string{"1"}},
		},
	}
	for _, change := range changes {
		change(app)
	}
	return app
}

func outOfSync(app *State) {
	app.Report.Sync = syncline.OutOfSync
	app.Report.Objects[0].Sync = syncline.OutOfSync
}

func pruning(app *State) {
	outOfSync(app)
	app.Report.Objects[0].RequiresPruning = true
}

func health(status syncline.HealthStatus) func(*State) {
	return func(app *State) {
		app.Report.Health = syncline.Health{Status: status}
		app.Report.Objects[1].Health = syncline.Health{Status: status, Message: "because"}
	}
}

func phase(phase syncline.OperationPhase) func(*State) {
	return func(app *State) {
		app.Report.Operation.Phase = phase
		app.Report.Operation.Message = "so it says"
	}
}

func automated(app *State)  { app.Policy.Automated = true }
func moved(app *State)      { app.Report.Revisions = []string{"2"} }
func asked(app *State)      { app.Request = &syncline.Operation{} }
func unresolved(app *State) { app.Report.Operation.Revisions = nil }
func refresh(app *State)    { app.Refresh = syncline.RefreshNormal }
func gone(app *State)       { app.Deleting = &syncline.Deletion{} }
func never(app *State)      { app.Report = syncline.Report{} }
func approval(app *State) {
	app.Report.Conditions = []syncline.Condition{{Type: syncline.PruneApprovalRequired, Message: "too much"}}
}

func TestJudge(t *testing.T) {
	all := Goal{Sync: true, Health: true, Operation: true}
	only := func(patterns ...Pattern) Goal { return Goal{Sync: true, Health: true, Resources: patterns} }
	deployments := Pattern{Group: "apps", Kind: "*", Name: "*"}
	for _, c := range []struct {
		name string
		goal Goal
		app  *State
		// want is the first blocker, or "failed CODE", or "" when it holds.
		want string
	}{
		{"everything holds", all, settled(), ""},
		{"nothing is known yet", all, settled(never), "sync status is not known yet"},
		{"nothing is known yet of the health", Goal{Health: true}, settled(never), "health is not known yet"},
		{"out of sync", all, settled(outOfSync), "sync status is OutOfSync"},
		{"out of sync, but only health counts", Goal{Health: true}, settled(outOfSync), ""},
		{"progressing", all, settled(health(syncline.Progressing)), "health is Progressing"},
		{"progressing, but only sync counts", Goal{Sync: true}, settled(health(syncline.Progressing)), ""},
		{"suspended will not do", all, settled(health(syncline.Suspended)), "health is Suspended"},
		{"suspended will do", Goal{Health: true, Suspended: true}, settled(health(syncline.Suspended)), ""},
		{"healthy will do besides suspended", Goal{Health: true, Suspended: true}, settled(), ""},
		{"healthy will not do instead of suspended", Goal{Suspended: true}, settled(), "health is Healthy"},
		{"degraded is waited out", all, settled(health(syncline.Degraded)), "health is Degraded"},
		{"degraded will do", Goal{Degraded: true}, settled(health(syncline.Degraded)), ""},
		{"degraded is a failure", Goal{Health: true, FailDegraded: true}, settled(health(syncline.Degraded)), "failed 6"},
		{"degraded is no failure when it will do", Goal{Degraded: true, FailDegraded: true}, settled(health(syncline.Degraded)), ""},

		{"asked for of a paused one", all, settled(asked, func(app *State) { app.Paused = true }), "an operation was asked for and has not begun: the app is paused, until its annotation argocd.argoproj.io/skip-reconcile is removed"},
		{"asked for", all, settled(asked), "an operation was asked for and has not begun: is syncline server running?"},
		{"running", all, settled(phase(syncline.OperationRunning)), "operation is Running: so it says"},
		{"running, but only sync counts", Goal{Sync: true}, settled(phase(syncline.OperationRunning)), ""},
		{"failed", all, settled(outOfSync, phase(syncline.OperationFailed)), "failed 6"},
		{"could not be performed", all, settled(outOfSync, phase(syncline.OperationError)), "failed 6"},
		{"failed, and another was asked for", all, settled(outOfSync, phase(syncline.OperationFailed), asked), "an operation was asked for and has not begun: is syncline server running?"},
		{"failed, and only sync is wanted", Goal{Sync: true}, settled(outOfSync, phase(syncline.OperationFailed)), "failed 6"},
		{"failed, but in sync by now", Goal{Sync: true}, settled(phase(syncline.OperationFailed)), ""},
		{"failed, but only health counts", Goal{Health: true}, settled(phase(syncline.OperationFailed)), ""},
		{"failed for this revision", all, settled(outOfSync, automated, phase(syncline.OperationFailed)), "failed 6"},
		{"failed for an older revision, which will be followed", all, settled(outOfSync, automated, moved, phase(syncline.OperationFailed)), "sync status is OutOfSync"},
		{"failed for an older revision, and in sync by now", all, settled(moved, phase(syncline.OperationFailed)), ""},
		{"failed before its revisions were known, and in sync by now", all, settled(moved, phase(syncline.OperationFailed), unresolved), "failed 6"},
		{"failed for an older revision, by hand", all, settled(outOfSync, moved, phase(syncline.OperationFailed)), "failed 6"},

		{"a person has to approve", all, settled(pruning, approval), "failed 7"},
		{"a refused operation is blocked, not failed", all, settled(pruning, approval, phase(syncline.OperationFailed)), "failed 7"},
		{"an approval is not missing for what holds", all, settled(approval), ""},
		{"nor for health", Goal{Health: true}, settled(pruning, approval), ""},
		{"nor while an operation goes on", Goal{Sync: true}, settled(pruning, approval, phase(syncline.OperationRunning)), "sync status is OutOfSync"},

		{"a refresh makes everything old", all, settled(refresh), "a refresh was asked for and is not done yet: is syncline server running?"},
		{"a refresh while an operation goes on", all, settled(refresh, phase(syncline.OperationRunning)), "the refresh that was asked for is done when the operation has ended"},
		{"a refresh makes failures old", all, settled(refresh, phase(syncline.OperationFailed)), "a refresh was asked for and is not done yet: is syncline server running?"},

		{"an object", only(deployments), settled(outOfSync), ""},
		{"another object", only(Pattern{Kind: "ConfigMap", Name: "settings"}), settled(outOfSync), "ConfigMap/shop/settings: OutOfSync"},
		{"an object to prune", only(Pattern{Kind: "ConfigMap", Name: "settings"}), settled(pruning), "ConfigMap/shop/settings: requires pruning"},
		{"an object's health", only(deployments), settled(health(syncline.Progressing)), "apps/Deployment/shop/web: Progressing: because"},
		{"no such object", only(Pattern{Kind: "Service", Name: "*"}), settled(), "the app has no such resource yet"},

		{"there is none", all, nil, "failed 3"},
		{"there is none, as wanted", Goal{Deleted: true}, nil, ""},
		{"being deleted", Goal{Deleted: true}, settled(gone), "being deleted; objects left: 2"},
		{"nobody deletes it", Goal{Deleted: true}, settled(), "nobody asked for the deletion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := first(c.goal.Judge(id, c.app)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// first sums up a verdict.
func first(v Verdict) string {
	var failed *Error
	switch {
	case v.Holds():
		return ""
	case errors.As(v.Failed, &failed) && failed.Failed:
		return "failed 6"
	case v.Failed != nil:
		return "failed " + string(rune('0'+syncline.KindOf(v.Failed).Consequence().ExitCode))
	}
	return v.Blockers[0]
}

func TestBlockersNameObjectsAndConditions(t *testing.T) {
	app := settled(pruning, health(syncline.Progressing), phase(syncline.OperationRunning))
	app.Report.Conditions = []syncline.Condition{{Type: syncline.SyncError, Message: "no"}}
	app.Report.Waiting = []syncline.Blocker{{Ref: web, Why: "1 of 2\nupdated"}}
	want := []string{
		"operation is Running: so it says",
		"apps/Deployment/shop/web: 1 of 2 updated",
		"sync status is OutOfSync",
		"ConfigMap/shop/settings: requires pruning",
		"health is Progressing",
		"apps/Deployment/shop/web: Progressing: because",
		"SyncError: no",
	}
	got := Goal{Sync: true, Health: true, Operation: true}.Judge(id, app).Blockers
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureSaysEachReasonOnce(t *testing.T) {
	app := settled(func(app *State) {
		app.Report.Operation = &syncline.OperationState{
			Phase: syncline.OperationFailed, Message: "one or more objects failed to apply, reason: apps/Deployment/shop/web apply failed: no quota",
			Results: []syncline.ObjectResult{
				{Ref: web, Code: syncline.ResultFailed, Message: "apps/Deployment/shop/web apply failed: no quota"},
				{Ref: cm, Code: syncline.ResultFailed, Message: "field is immutable"},
			},
		}
		app.Report.Conditions = []syncline.Condition{
			{Type: syncline.SyncError, Message: "Failed last sync attempt to [1]: " + app.Report.Operation.Message},
			{Type: syncline.SharedResourceWarning, Message: "shared"},
		}
	})
	var failed *Error
	if !errors.As(Failure(*app), &failed) {
		t.Fatal("no failure")
	}
	if diff := cmp.Diff([]string{"ConfigMap/shop/settings: field is immutable", "SharedResourceWarning: shared"}, failed.Details); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWaitingIsFoundWhereNobodyWroteItDown(t *testing.T) {
	app := settled(phase(syncline.OperationRunning), health(syncline.Progressing))
	app.Report.Operation.Results = []syncline.ObjectResult{
		{Ref: cm, State: syncline.OperationSucceeded},
		{Ref: web, State: syncline.OperationRunning},
		{Ref: syncline.Ref{Group: "batch", Kind: "Job", Name: "migrate"}, HookType: syncline.PreSync, State: syncline.OperationRunning},
	}
	var got []string
	for _, blocker := range Waiting(app.Report) {
		got = append(got, BlockerText(blocker))
	}
	want := []string{"apps/Deployment/shop/web: Progressing: because", "batch/Job/migrate: the PreSync hook has not finished"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGoalInWords(t *testing.T) {
	for want, goal := range map[string]Goal{
		"Synced, Healthy and without an operation in progress": {Sync: true, Health: true, Operation: true},
		"Synced":               {Sync: true},
		"Healthy or Suspended": {Health: true, Suspended: true},
		"Synced and Degraded":  {Sync: true, Degraded: true},
		"deleted":              {Deleted: true, Sync: true},
	} {
		if got := goal.String(); got != want {
			t.Errorf("%+v is %q, want %q", goal, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	refs := []syncline.Ref{cm, web, {Group: "apps", Kind: "Deployment", Namespace: "other", Name: "web"}}
	for _, c := range []struct {
		values string
		want   []int
	}{
		{"", []int{0, 1, 2}},
		{":ConfigMap:settings", []int{0}},
		{"apps:Deployment:web", []int{1, 2}},
		{"apps:Deployment:shop/web", []int{1}},
		{"*:*:*", []int{0, 1, 2}},
		{"*:*:shop/*", []int{0, 1}},
		{"!:ConfigMap:*", []int{1, 2}},
		{"apps:*:* !*:*:other/*", []int{1}},
		{":Service:*", nil},
	} {
		var patterns []Pattern
		for value := range strings.FieldsSeq(c.values) {
			p, err := ParsePattern(value)
			if err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, p)
		}
		var got []int
		for i, ref := range refs {
			if Matches(patterns, ref) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q chooses %v, want %v", c.values, got, c.want)
		}
	}
	for _, value := range []string{"", "web", "apps:Deployment", "apps::web", "apps:Deployment:", "a:b:c:d", "[:b:c"} {
		if p, err := ParsePattern(value); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%q is read as %+v, %v", value, p, err)
		}
	}
}

func TestADeletionNamesWhatIsLeftAndWhatHoldsIt(t *testing.T) {
	app := settled(gone, health(syncline.Missing))
	app.Report.Waiting = []syncline.Blocker{{Ref: cm, Why: "it is held"}}
	got := Goal{Deleted: true}.Judge(id, app).Blockers
	if want := []string{"being deleted; objects left: 1", cm.String() + ": it is held"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSelectorsChooseObjectsOfTheApp(t *testing.T) {
	objects := []syncline.ObjectReport{{Ref: web}, {Ref: cm}, {Ref: syncline.Ref{Kind: "Pod", Name: "hook"}, Hook: true}}
	exact := Pattern{Kind: "Service", Name: "new"}
	if got := Selectors([]Pattern{exact, exact}, nil); !slices.Equal(got, []syncline.Selector{{Kind: "Service", Name: "new"}}) {
		t.Errorf("got %+v", got)
	}
	if got := Selectors([]Pattern{exact}, objects); len(got) > 0 {
		t.Errorf("what a compared App does not have is chosen: %+v", got)
	}
	all := Pattern{Group: "*", Kind: "*", Name: "*"}
	if got := Selectors([]Pattern{all}, objects); !slices.Equal(got, []syncline.Selector{SelectorOf(web), SelectorOf(cm)}) {
		t.Errorf("got %+v", got)
	}
}

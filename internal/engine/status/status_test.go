package status_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/status"
)

// memory knows objects by their name.
type memory map[string]syncline.Live

func (m memory) Get(ref syncline.Ref) (syncline.Live, bool) {
	live, ok := m[ref.Name]
	return live, ok
}

func ref(name string) syncline.Ref {
	return syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: name}
}

var (
	healthy = syncline.Health{Status: syncline.Healthy}
	missing = syncline.Health{Status: syncline.Missing}
)

func TestObjects(t *testing.T) {
	for name, test := range map[string]struct {
		change syncline.Change
		live   map[string]syncline.Live
		want   []syncline.ObjectReport
	}{
		"kept": {
			syncline.Change{Ref: ref("a"), Version: "v1", Role: syncline.RoleResource, Action: syncline.Keep, Wave: 3},
			memory{"a": {Health: healthy}},
			[]syncline.ObjectReport{{Ref: ref("a"), Version: "v1", Wave: 3, Sync: syncline.Synced, Health: healthy}},
		},
		"missing": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Create}, nil,
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.OutOfSync, Health: missing}},
		},
		"to prune": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Prune}, memory{"a": {Health: healthy}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.OutOfSync, Health: healthy, RequiresPruning: true}},
		},
		"retained": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Retain, Why: "kept"}, memory{"a": {}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.OutOfSync, Health: syncline.Health{Message: "kept"}}},
		},
		"going": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Retain, Leaving: true}, memory{"a": {}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.OutOfSync, RequiresPruning: true}},
		},
		"to be confirmed": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Keep, Options: option.List{"Delete=confirm"}}, memory{"a": {}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.Synced, RequiresConfirmation: true}},
		},
		"whose health does not count": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Keep},
			memory{"a": {Health: syncline.Health{Status: syncline.Degraded}, Marks: map[string]string{convention.NoHealth: "true"}}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.Synced}},
		},
		"only claimed": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Retain, Claimed: true, Extraneous: true, Why: "x"}, memory{"a": {Health: healthy}},
			[]syncline.ObjectReport{{Ref: ref("a"), Sync: syncline.OutOfSync, Health: syncline.Health{Message: "x"}, Claimed: true}},
		},
		"to prune, and not recorded": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Prune, Unrecorded: true}, memory{"a": {Health: healthy}},
			[]syncline.ObjectReport{{
				Ref: ref("a"), Sync: syncline.OutOfSync, Health: syncline.Health{Status: syncline.Healthy, Message: syncline.ClaimText},
				RequiresPruning: true, Claimed: true,
			}},
		},
		"going, and not recorded": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleResource, Action: syncline.Retain, Leaving: true, Unrecorded: true, Why: "x"}, memory{"a": {}},
			[]syncline.ObjectReport{{
				Ref: ref("a"), Sync: syncline.OutOfSync, Health: syncline.Health{Message: syncline.ClaimText + "; x"}, RequiresPruning: true, Claimed: true,
			}},
		},
		"a hook that ran": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleHook, Action: syncline.Run}, memory{"a": {Health: healthy}},
			[]syncline.ObjectReport{{Ref: ref("a"), Health: healthy, Hook: true}},
		},
		"a hook that did not run": {syncline.Change{Ref: ref("a"), Role: syncline.RoleHook, Action: syncline.Run}, nil, nil},
		"a hook that may go": {
			syncline.Change{Ref: ref("a"), Role: syncline.RoleHook, Action: syncline.Prune}, memory{"a": {}},
			[]syncline.ObjectReport{{Ref: ref("a"), Hook: true}},
		},
		"the namespace": {syncline.Change{Ref: ref("a"), Role: syncline.RoleNamespace, Action: syncline.Create}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := status.Objects(syncline.Plan{Changes: []syncline.Change{test.change, test.change}}, memory(test.live), convention.Dialect().Conventions)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("in order", func(t *testing.T) {
		p := syncline.Plan{Changes: []syncline.Change{
			{Ref: ref("b"), Role: syncline.RoleResource}, {Ref: ref("a"), Role: syncline.RoleResource},
		}}
		if got := status.Objects(p, memory{}, convention.Dialect().Conventions); got[0].Ref.Name != "a" {
			t.Errorf("got %v", got)
		}
	})
}

func TestWhatIsOnlyClaimed(t *testing.T) {
	claims := func(n int, unrecorded bool) syncline.Plan {
		p := syncline.Plan{Changes: []syncline.Change{{Ref: ref("z"), Role: syncline.RoleResource, Action: syncline.Keep}}}
		for i := range n {
			p.Changes = append(p.Changes, syncline.Change{
				Ref: ref(fmt.Sprintf("a%04d", i)), Role: syncline.RoleResource, Action: syncline.Retain,
				Claimed: true, Extraneous: true, Unrecorded: unrecorded, Why: syncline.ClaimText,
			})
		}
		return p
	}
	for name, test := range map[string]struct {
		plan   syncline.Plan
		listed int
		told   string
	}{
		"none":                {claims(0, false), 1, ""},
		"some":                {claims(20, false), 21, ""},
		"many":                {claims(3000, false), 21, "objects that are left alone: 3000;"},
		"that look like ours": {claims(1, true), 2, "objects that are left alone: 1;"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := status.Objects(test.plan, memory{}, convention.Dialect().Conventions); len(got) != test.listed || got[len(got)-1].Ref != ref("z") {
				t.Errorf("%d are listed", len(got))
			}
			told := ""
			for _, c := range status.Claims(test.plan) {
				told += c.Message
			}
			if !strings.HasPrefix(told, test.told) || (told == "") != (test.told == "") {
				t.Errorf("it says %q", told)
			}
		})
	}
}

func TestWhatIsNotCompared(t *testing.T) {
	past := []syncline.ObjectReport{
		{Ref: ref("a"), Sync: syncline.Synced, Health: healthy},
		{Ref: ref("gone"), Sync: syncline.OutOfSync, Health: healthy},
		{Ref: ref("hook"), Hook: true, Health: healthy},
	}
	progressing := syncline.Health{Status: syncline.Progressing}
	got := status.Unknown(past, memory{"a": {Health: progressing}, "hook": {Health: healthy}}, convention.Dialect().Conventions)
	want := []syncline.ObjectReport{
		{Ref: ref("a"), Sync: syncline.SyncUnknown, Health: progressing},
		{Ref: ref("gone"), Sync: syncline.SyncUnknown, Health: missing},
		{Ref: ref("hook"), Hook: true, Health: healthy},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if past[0].Sync != syncline.Synced {
		t.Error("it changes what it was given")
	}
	if got := status.Unknown(past, nil, convention.Dialect().Conventions); got[1].Health != healthy || got[1].Sync != syncline.SyncUnknown {
		t.Errorf("without a memory: %+v", got)
	}
}

func TestSync(t *testing.T) {
	for name, test := range map[string]struct {
		change syncline.Change
		want   syncline.SyncStatus
	}{
		"kept":                 {syncline.Change{Role: syncline.RoleResource, Action: syncline.Keep}, syncline.Synced},
		"differs":              {syncline.Change{Role: syncline.RoleResource, Action: syncline.Update}, syncline.OutOfSync},
		"extraneous":           {syncline.Change{Role: syncline.RoleResource, Action: syncline.Prune}, syncline.OutOfSync},
		"extraneous, ignored":  {syncline.Change{Role: syncline.RoleResource, Action: syncline.Prune, Extraneous: true}, syncline.Synced},
		"a hook":               {syncline.Change{Role: syncline.RoleHook, Action: syncline.Run}, syncline.Synced},
		"a namespace to make":  {syncline.Change{Role: syncline.RoleNamespace, Action: syncline.Create}, syncline.Synced},
		"a namespace to label": {syncline.Change{Role: syncline.RoleNamespace, Action: syncline.Update}, syncline.OutOfSync},
	} {
		if got := status.Sync(syncline.Plan{Changes: []syncline.Change{test.change}}); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestSummary(t *testing.T) {
	objects := []syncline.ObjectReport{{Ref: ref("a")}, {Ref: ref("b")}, {Ref: ref("gone")}}
	images, urls := status.Summary(objects, memory{
		"a": {Images: []string{"web:2", "log:1"}, URLs: []string{"http://b"}}, "b": {Images: []string{"log:1"}, URLs: []string{"http://a"}},
	})
	if !slices.Equal(images, []string{"log:1", "web:2"}) || !slices.Equal(urls, []string{"http://a", "http://b"}) {
		t.Errorf("got %q and %q", images, urls)
	}
}

func TestCondition(t *testing.T) {
	err := syncline.WithHint(syncline.Errorf(syncline.Denied, "no"), "ask for it")
	if got := status.Condition(syncline.SyncError, err); got.Message != "no; ask for it" || got.Type != syncline.SyncError {
		t.Errorf("got %+v", got)
	}
}

func TestHistory(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	done := syncline.OperationState{
		Phase: syncline.OperationSucceeded, Revisions: []string{"c2"}, StartedAt: at, FinishedAt: at.Add(time.Minute),
		Operation: syncline.Operation{By: syncline.Initiator{Username: "ann"}},
	}
	before := []syncline.Deployment{{ID: 7}, {ID: 8}}
	got := status.History(before, done, 2)
	want := []syncline.Deployment{{ID: 8}, {
		ID: 9, Revisions: []string{"c2"}, StartedAt: at, DeployedAt: at.Add(time.Minute), By: syncline.Initiator{Username: "ann"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if first := status.History(nil, done, 1); len(first) != 1 || first[0].ID != 0 {
		t.Errorf("the first is %+v", first)
	}
	if !status.IsDeployment(done) {
		t.Error("a sync of everything that succeeded is no deployment")
	}
	for name, spoil := range map[string]func(*syncline.OperationState){
		"failed":  func(s *syncline.OperationState) { s.Phase = syncline.OperationFailed },
		"dry run": func(s *syncline.OperationState) { s.Operation.DryRun = true },
		"partial": func(s *syncline.OperationState) { s.Operation.Selection = []syncline.Selector{{Name: "a"}} },
	} {
		state := done
		spoil(&state)
		if status.IsDeployment(state) {
			t.Errorf("%s: it is taken for a deployment", name)
		}
	}
}

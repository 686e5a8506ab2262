package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// shop is the App that the tests plan for.
func shop() syncline.App {
	return syncline.App{
		Dialect:     convention.Dialect(),
		ID:          syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"},
		UID:         "app-1",
		Instance:    "web",
		Destination: syncline.Destination{Name: "in-cluster", Namespace: "shop"},
	}
}

// fixture is an App, its cluster and the planner that knows both.
type fixture struct {
	*enginetest.Cluster
	app     syncline.App
	planner *plan.Planner
	// operation is the one going on; nil when there is none.
	operation *syncline.OperationState
	// judge is the project's.
	judge func(syncline.Change) error
	guard plan.Guard
	// revisions are those of the sources; nil is a commit.
	revisions []string
}

func newFixture() *fixture {
	return &fixture{Cluster: enginetest.New(convention.Dialect()), app: shop(), planner: plan.New(plan.InProcess{}), judge: permitAll}
}

func dialects() syncline.Dialects { return syncline.Dialects{convention.Dialect()} }

func permitAll(syncline.Change) error { return nil }

func (f *fixture) input(t *testing.T, text string) plan.Input {
	t.Helper()
	var objects []syncline.Object
	if strings.TrimSpace(text) != "" {
		objects = enginetest.Objects(t, text)
	}
	revisions := f.revisions
	if revisions == nil {
		revisions = []string{"0123456789abcdef"}
	}
	return plan.Input{
		App: f.app, Objects: objects, Revisions: revisions, Guard: f.guard, Operation: f.operation,
		Cluster: f.Cluster, Memory: f.Cluster, Judge: f.judge, Dialects: dialects(),
	}
}

// plan makes the plan for the objects that the text declares.
func (f *fixture) plan(t *testing.T, text string) syncline.Plan {
	t.Helper()
	made, err := f.planner.Build(t.Context(), f.input(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// sync plans and performs, so that the objects are live, ours and as declared.
func (f *fixture) sync(t *testing.T, text string) {
	t.Helper()
	perform(t, f.Cluster, f.plan(t, text))
	f.Requests()
}

// perform writes what a plan says, without hooks.
func perform(t enginetest.Tester, c *enginetest.Cluster, p syncline.Plan) {
	t.Helper()
	for _, change := range p.Changes {
		writes := change.Action != syncline.Keep && change.Action != syncline.Retain
		if change.Role == syncline.RoleHook || !writes || change.Err != nil {
			continue
		}
		live, _ := c.Get(change.Ref)
		_, err := c.Write(context.Background(), syncline.Write{
			Action: change.Action, Object: change.Desired, Merged: change.Merged, Ref: change.Ref, Version: change.Version,
			UID: change.UID, Steering: change.Steering, Migrate: live.Migrate, Adopt: change.Adopt, Options: change.Options,
		})
		if err != nil {
			t.Fatalf("%s %s: %v", change.Action, change.Ref, err)
		}
	}
}

// steps writes a plan as lines "phase wave action ref".
func steps(p syncline.Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		line := fmt.Sprintf("%s %d %s %s", c.Phase, c.Wave, c.Action, c.Ref)
		if c.Err != nil {
			line += " !" + string(syncline.KindOf(c.Err))
		}
		lines = append(lines, line)
	}
	return lines
}

func expectSteps(t *testing.T, p syncline.Plan, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, steps(p)); diff != "" {
		t.Errorf("the plan is not as expected (-want +got):\n%s", diff)
	}
}

// change returns the change of the only object of that name.
func change(t *testing.T, p syncline.Plan, name string) syncline.Change {
	t.Helper()
	i := slices.IndexFunc(p.Changes, func(c syncline.Change) bool { return c.Ref.Name == name })
	if i < 0 {
		t.Fatalf("%s is not in the plan: %q", name, steps(p))
	}
	return p.Changes[i]
}

func expectWarning(t *testing.T, p syncline.Plan, kind syncline.ConditionType, part string) {
	t.Helper()
	for _, w := range p.Warnings {
		if w.Type == kind && strings.Contains(w.Message, part) {
			return
		}
	}
	t.Errorf("no %s with %q among %q", kind, part, p.Warnings)
}

// The objects that most tests declare.
const (
	configA = `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {x: "1"}`
	configB = `
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
data: {x: "1"}`
	deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - {name: web, image: "web:1"}`
)

func refA() syncline.Ref { return syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"} }

func together(texts ...string) string { return strings.Join(texts, "\n---\n") }

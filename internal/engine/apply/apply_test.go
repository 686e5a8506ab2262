package apply_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// story is one operation on a cluster, step by step.
type story struct {
	*enginetest.Cluster
	app     syncline.App
	planner *plan.Planner
	// declared is what the source holds.
	declared []syncline.Object
	// state is what is written down.
	state syncline.OperationState
	// judge refuses changes, as a project does.
	judge     func(syncline.Change) error
	impatient bool
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// tell begins a story: an operation that syncs everything and prunes.
func tell(declared ...string) *story {
	s := &story{
		Cluster: enginetest.New(convention.Dialect()), planner: plan.New(nil),
		app: syncline.App{
			Dialect: convention.Dialect(),
			ID:      syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: "web"}, UID: "app-1", Instance: "web",
			Destination: syncline.Destination{Name: "in-cluster", Namespace: "shop"},
		},
		judge: func(syncline.Change) error { return nil },
	}
	s.Cluster.Health = map[string]syncline.Health{
		"Deployment":               {Status: syncline.Progressing, Message: "1 of 2 updated"},
		"Job":                      {Status: syncline.Progressing},
		"CustomResourceDefinition": {Status: syncline.Progressing},
		"Namespace":                {Status: syncline.Healthy},
	}
	s.declare(declared...)
	s.begin(syncline.Operation{Prune: true})
	return s
}

func (s *story) declare(texts ...string) {
	s.declared = nil
	for _, text := range texts {
		s.declared = append(s.declared, enginetest.Objects(certain{}, text)...)
	}
}

// certain is a test of which the author is sure that it does not fail.
type certain struct{}

func (certain) Helper()                        {}
func (certain) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (certain) Context() context.Context       { return context.Background() }

// begin begins an operation.
func (s *story) begin(op syncline.Operation) {
	s.state = syncline.OperationState{
		Operation: op, Phase: syncline.OperationRunning, Revisions: []string{"0123456789"},
		StartedAt: s.state.StartedAt.Add(time.Hour),
	}
	if s.state.StartedAt.Before(noon) {
		s.state.StartedAt = noon
	}
}

func dialects() syncline.Dialects { return syncline.Dialects{convention.Dialect()} }

// input plans and permits.
func (s *story) input(t tester) apply.Input {
	t.Helper()
	made, err := s.planner.Build(t.Context(), plan.Input{
		App: s.app, Objects: s.declared, Revisions: s.state.Revisions, Operation: &s.state, Cluster: s.Cluster, Memory: s.Cluster,
		Judge:    func(syncline.Change) error { return nil }, // what is refused is judged below
		Dialects: dialects(),
	})
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	grant, refused := made.Grant(s.judge)
	return apply.Input{
		App: s.app, Plan: made, Grant: grant, Refused: refused, State: s.state,
		Memory: s.Cluster, Reader: s.Cluster, Trial: s.Cluster, Writer: s.Cluster, Now: noon, Impatient: s.impatient,
	}
}

// once makes one step, and writes down what it came to.
func (s *story) once(t tester) (apply.Outcome, error) {
	t.Helper()
	out, err := apply.Step(t.Context(), s.input(t))
	s.state = out.State
	return out, err
}

// on makes steps until something has to be waited for.
func (s *story) on(t tester) apply.Outcome {
	t.Helper()
	for range 10 {
		out, err := s.once(t)
		if err != nil {
			t.Fatalf("step: %v", err)
		}
		if !out.Requeue {
			return out
		}
	}
	t.Fatalf("it steps again and again: %s", s.state.Message)
	return apply.Outcome{}
}

// wrote takes the requests since the last call that write, as "action ref".
func (s *story) wrote() []string {
	var lines []string
	for _, r := range s.Requests() {
		if r.Write.Action != "" {
			lines = append(lines, r.String())
		}
	}
	return lines
}

func (s *story) expectWrites(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.wrote()); diff != "" {
		t.Errorf("not what was to be written (-want +got):\n%s", diff)
	}
}

func (s *story) expectPhase(t *testing.T, phase syncline.OperationPhase, part string) {
	t.Helper()
	if s.state.Phase != phase || !strings.Contains(s.state.Message, part) {
		t.Errorf("the operation is %s: %q, want %s: %q", s.state.Phase, s.state.Message, phase, part)
	}
	if s.state.Phase.Done() == s.state.FinishedAt.IsZero() {
		t.Errorf("phase %s and finished at %s", s.state.Phase, s.state.FinishedAt)
	}
}

// results writes the results as "phase ref code state".
func (s *story) results() []string {
	var lines []string
	for _, r := range s.state.Results {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", r.Phase, r.Ref, r.Code, r.State))
	}
	return lines
}

func (s *story) result(t *testing.T, name string) syncline.ObjectResult {
	t.Helper()
	i := slices.IndexFunc(s.state.Results, func(r syncline.ObjectResult) bool { return r.Ref.Name == name })
	if i < 0 {
		t.Fatalf("there is no result of %s: %q", name, s.results())
	}
	return s.state.Results[i]
}

func (s *story) healthy(t *testing.T, refs ...syncline.Ref) {
	t.Helper()
	for _, ref := range refs {
		s.SetHealth(t, ref, syncline.Healthy, "")
	}
}

// object is an object with annotations in flow style, such as "a: b, c: d".
func object(kind, name, annotations string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, annotations: {%s}}\ndata: {x: \"1\"}",
		versions[kind], kind, name, annotations)
}

var versions = map[string]string{
	"ConfigMap": "v1", "Secret": "v1", "Namespace": "v1", "Deployment": "apps/v1", "Job": "batch/v1",
	"Wheel": "example.com/v1", "CustomResourceDefinition": "apiextensions.k8s.io/v1",
}

func wave(n int) string { return fmt.Sprintf(`argocd.argoproj.io/sync-wave: "%d"`, n) }

func hook(phases string, more ...string) string {
	return strings.Join(append([]string{fmt.Sprintf("argocd.argoproj.io/hook: %q", phases)}, more...), ", ")
}

func policy(names string) string {
	return fmt.Sprintf("argocd.argoproj.io/hook-delete-policy: %q", names)
}

func ref(kind, name string) syncline.Ref {
	group, _, grouped := strings.Cut(versions[kind], "/")
	if !grouped {
		group = ""
	}
	ref := syncline.Ref{Group: group, Kind: kind, Namespace: "shop", Name: name}
	if kind == "Namespace" || kind == "CustomResourceDefinition" {
		ref.Namespace = ""
	}
	return ref
}

// tester is a test, of whichever kind.
type tester = enginetest.Tester

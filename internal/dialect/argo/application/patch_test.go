package application_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

var update = flag.Bool("update", false, "write the golden files")

// now is when the reports of these tests are made.
var now = at("2026-11-20T12:00:00Z")

// patch returns what Patch says about an Application, nil for no change.
func patch(t testing.TB, report syncline.Report, u *unstructured.Unstructured) []byte {
	t.Helper()
	cr, problems := v1alpha1.DecodeApplication(u)
	if len(problems) > 0 {
		t.Fatalf("the Application cannot be read: %v", problems)
	}
	patched, err := application.Patch(report, cr)
	if err != nil {
		t.Fatal(err)
	}
	return patched.Patch
}

// apply does what the API server does with a merge patch.
func apply(t testing.TB, u *unstructured.Unstructured, text []byte) *unstructured.Unstructured {
	t.Helper()
	before, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	patched := &unstructured.Unstructured{}
	if err := json.Unmarshal(mergeIn(t, before, text), &patched.Object); err != nil {
		t.Fatal(err)
	}
	return patched
}

// reportOn returns a report that says nothing but what the Application declares.
func reportOn(u *unstructured.Unstructured) syncline.Report {
	app, _ := application.Read(u, controlPlane)
	return syncline.Report{
		App: app.ID, At: now, ResourceVersion: app.Past.ResourceVersion, Sources: app.Sources, Destination: app.Destination,
		Revisions: []string{"c0ffee"}, Sync: syncline.Synced, Health: syncline.Health{Status: syncline.Healthy},
	}
}

// TestWhatAStatusShows: nothing in it steers a terminal, whoever wrote what it says, and no
// operation ends before it begins, though one that follows within a second does.
func TestWhatAStatusShows(t *testing.T) {
	u := with(t, "")
	report := reportOn(u)
	const evil = "line\n\x1b[31m\u202egnp"
	report.Conditions = []syncline.Condition{{Type: syncline.ComparisonError, Message: evil}}
	report.Health.Message = evil
	report.Objects = []syncline.ObjectReport{{Ref: syncline.Ref{Kind: "ConfigMap", Name: "a"}, Health: syncline.Health{Status: syncline.Healthy, Message: evil}}}
	report.Operation = &syncline.OperationState{
		Phase: syncline.OperationFailed, Message: evil, Revisions: report.Revisions, Sources: report.Sources,
		StartedAt: now.Add(time.Second), FinishedAt: now, Results: []syncline.ObjectResult{{Ref: syncline.Ref{Kind: "ConfigMap", Name: "a"}, Message: evil}},
	}
	report.History = []syncline.Deployment{{ID: 1, Revisions: report.Revisions, Sources: report.Sources, StartedAt: now.Add(time.Second), DeployedAt: now}}
	cr, _ := v1alpha1.DecodeApplication(apply(t, u, patch(t, report, u)))
	written, err := json.Marshal(cr.Status)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(written), `\u001b`) || strings.Contains(string(written), "\u202e") || strings.Count(string(written), `line\n`) != 5 {
		t.Errorf("the status is %s", written)
	}
	if op := cr.Status.OperationState; op.FinishedAt.Before(&op.StartedAt) {
		t.Errorf("the operation began at %s and ended at %s", op.StartedAt, op.FinishedAt)
	}
	if d := cr.Status.History[0]; d.DeployedAt.Before(d.DeployStartedAt) {
		t.Errorf("the deployment began at %s and ended at %s", d.DeployStartedAt, d.DeployedAt)
	}
}

// TestAServerWithASlash is the same cluster, and is compared with as it is written.
func TestAServerWithASlash(t *testing.T) {
	u := with(t, `spec: {destination: {name: null, server: "https://kubernetes.default.svc/"}}`)
	app, _ := application.Read(u, controlPlane)
	if app.Destination.Server != "https://kubernetes.default.svc" || len(app.Invalid) > 0 {
		t.Errorf("it is %q, %v", app.Destination.Server, app.Invalid)
	}
	cr, _ := v1alpha1.DecodeApplication(apply(t, u, patch(t, reportOn(u), u)))
	if got := cr.Status.Sync.ComparedTo.Destination; got != cr.Spec.Destination {
		t.Errorf("it is compared to %v", got)
	}
}

// wholeReport says something in each of its fields.
func wholeReport(u *unstructured.Unstructured) syncline.Report {
	app, _ := application.Read(u, controlPlane)
	report := reportOn(u)
	report.Tools = []syncline.Tool{syncline.ToolHelm}
	report.Resolved = true
	report.Health = syncline.Health{Status: syncline.Degraded, Message: "Caused by apps/Deployment:web/web"}
	report.Objects = []syncline.ObjectReport{
		{Ref: syncline.Ref{Group: "batch", Kind: "Job", Namespace: "web", Name: "migrate"}, Version: "v1", Hook: true,
			Health: syncline.Health{Status: syncline.Progressing}},
		{Ref: syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"}, Version: "v1", Wave: 2, Sync: syncline.Synced,
			Health: syncline.Health{Status: syncline.Degraded, Message: "The rollout exceeded its progress deadline: 10 min"}},
		{Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "web", Name: "old"}, Version: "v1", Sync: syncline.OutOfSync, RequiresPruning: true},
		{Ref: syncline.Ref{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "child"}, Version: "v1alpha1", Sync: syncline.Synced},
	}
	report.Conditions = []syncline.Condition{
		{Type: syncline.SyncError, Message: "Failed last sync attempt"},
		{Type: syncline.ComparisonError, Message: "web/a.yaml: not YAML"},
		{Type: syncline.ComparisonError, Message: "web/a.yaml: not YAML"},
	}
	report.Operation = &syncline.OperationState{
		Operation: syncline.Operation{Prune: true, By: syncline.Initiator{Username: "ada"}, Retry: syncline.Retry{Limit: 5}},
		Phase:     syncline.OperationFailed, Message: "one or more objects failed to apply", RetryCount: 2,
		StartedAt: now.Add(-time.Minute), FinishedAt: now,
		Revisions: []string{"c0ffee"}, Sources: app.Sources,
		Results: []syncline.ObjectResult{{
			Ref: syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"}, Version: "v1",
			Phase: syncline.Sync, Code: syncline.ResultFailed, State: syncline.OperationFailed,
			Message: "field is immutable", Images: []string{"web:2"},
		}},
	}
	report.History = []syncline.Deployment{
		{ID: 0, Revisions: []string{"decade"}, Sources: app.Sources, StartedAt: now.Add(-time.Hour), DeployedAt: now.Add(-59 * time.Minute),
			By: syncline.Initiator{Automated: true}},
	}
	report.Waiting = []syncline.Blocker{
		{Ref: syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"}, Why: "it is Degraded"},
		{Why: "the next attempt", Until: now.Add(time.Minute)},
	}
	report.Rendered = "f00d"
	report.Images = []string{"web:2", "sidecar:1", "web:2"}
	report.URLs = []string{"https://web.example.com"}
	return report
}

func TestPatchGolden(t *testing.T) {
	tests := []struct {
		name   string
		cr     string
		report func(*unstructured.Unstructured) syncline.Report
	}{
		{name: "first", report: reportOn},
		{name: "everything", report: wholeReport,
			cr: `spec: {source: {helm: {version: v3, valuesObject: {a: 1}}}, ignoreDifferences: [{kind: Secret, jsonPointers: [/data]}]}`},
		{name: "one-of-sources", report: wholeReport,
			cr: `spec: {source: null, sources: [{repoURL: https://git.example.com/shop.git, path: api}]}`},
		{name: "values-with-null", report: wholeReport,
			cr: `spec: {source: {helm: {valuesObject: {a: null}}}}`},
		{name: "operation-taken-up",
			cr: `
metadata: {resourceVersion: "42"}
operation: {sync: {revision: main, source: {repoURL: a, path: b, plugin: {name: kept}}}, info: [{name: reason, value: release}]}`,
			report: func(u *unstructured.Unstructured) syncline.Report {
				app, _ := application.Read(u, controlPlane)
				report := reportOn(u)
				report.Consumed = true
				report.Operation = &syncline.OperationState{
					Operation: *app.Request, Phase: syncline.OperationRunning, StartedAt: now, Sources: app.Request.Sources,
				}
				return report
			}},
		{name: "refreshed",
			cr: `metadata: {resourceVersion: "42", annotations: {argocd.argoproj.io/refresh: hard, argocd.argoproj.io/refresh-timestamp: x, other: kept}}`,
			report: func(u *unstructured.Unstructured) syncline.Report {
				report := reportOn(u)
				report.Resolved = true
				return report
			}},
		{name: "deleted",
			cr: `metadata: {resourceVersion: "42", finalizers: [resources-finalizer.argocd.argoproj.io/background, example.com/other, post-delete-finalizer.argocd.argoproj.io/cleanup]}`,
			report: func(u *unstructured.Unstructured) syncline.Report {
				report := reportOn(u)
				report.Deleted = true
				return report
			}},
		{name: "approval-used",
			cr: `metadata: {resourceVersion: "42", annotations: {syncline.io/approve-prune: "true"}}`,
			report: func(u *unstructured.Unstructured) syncline.Report {
				report := reportOn(u)
				report.Operation = &syncline.OperationState{
					Operation: syncline.Operation{Prune: true}, Phase: syncline.OperationSucceeded, StartedAt: now, FinishedAt: now,
					Results: []syncline.ObjectResult{{Ref: syncline.Ref{Kind: "ConfigMap", Name: "old"}, Code: syncline.ResultPruned}},
				}
				return report
			}},
		{name: "many-blockers",
			report: func(u *unstructured.Unstructured) syncline.Report {
				report := reportOn(u)
				for i := range 13 {
					report.Waiting = append(report.Waiting, syncline.Blocker{Ref: syncline.Ref{Kind: "Pod", Name: fmt.Sprint("p", i)}})
				}
				return report
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := with(t, test.cr)
			text := patch(t, test.report(u), u)
			got, err := yaml.JSONToYAML(text)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "patch-"+test.name+".yaml", got)

			patched := apply(t, u, text)
			if again := patch(t, test.report(u), patched); again != nil {
				t.Errorf("a second patch changes more: %s", again)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// field reads a field of a patch.
func field(t *testing.T, text []byte, path ...string) (any, bool) {
	t.Helper()
	var content map[string]any
	if text == nil {
		return nil, false
	}
	if err := json.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	value, found, err := unstructured.NestedFieldNoCopy(content, path...)
	return value, found && err == nil
}

func TestPatchMovesTimesOnlyWithWhatTheyTell(t *testing.T) {
	u := with(t, ``)
	first := wholeReport(u)
	u = apply(t, u, patch(t, first, u))

	later := first
	later.At = now.Add(time.Hour)
	if text := patch(t, later, u); text != nil {
		t.Errorf("nothing but the time has changed, but the patch is %s", text)
	}

	later.Health.Message = "Caused by something else"
	later.Conditions = append(later.Conditions, syncline.Condition{Type: syncline.SyncError, Message: "new"})
	text := patch(t, later, u)
	if value, ok := field(t, text, "status", "health", "lastTransitionTime"); ok {
		t.Errorf("the health is the same, but its time moved to %v", value)
	}
	if value, _ := field(t, text, "status", "reconciledAt"); value != "2026-11-20T13:00:00Z" {
		t.Errorf("reconciledAt is %v, want the time of the report", value)
	}
	conditions, _ := field(t, text, "status", "conditions")
	times := map[any]any{}
	for _, c := range conditions.([]any) {
		times[c.(map[string]any)["message"]] = c.(map[string]any)["lastTransitionTime"]
	}
	want := map[any]any{
		"web/a.yaml: not YAML": "2026-11-20T12:00:00Z", "Failed last sync attempt": "2026-11-20T12:00:00Z", "new": "2026-11-20T13:00:00Z",
	}
	if diff := cmp.Diff(want, times); diff != "" {
		t.Errorf("times of the conditions (-want +got):\n%s", diff)
	}

	later.Health.Status = syncline.Healthy
	if value, _ := field(t, patch(t, later, u), "status", "health", "lastTransitionTime"); value != "2026-11-20T13:00:00Z" {
		t.Errorf("the health changed, but its time is %v", value)
	}
	later.Resolved = false
	if value, ok := field(t, patch(t, later, u), "status", "reconciledAt"); ok {
		t.Errorf("nothing was resolved, but reconciledAt moved to %v", value)
	}
}

// A report is about what the turn saw. What was asked for meanwhile has another
// resource version, and the API server refuses to take it away.
func TestPatchNamesTheVersionThatTheTurnSaw(t *testing.T) {
	u := with(t, `{metadata: {resourceVersion: "43", annotations: {argocd.argoproj.io/refresh: normal}}}`)
	report := reportOn(u)
	report.Resolved, report.ResourceVersion = true, "42"
	if value, _ := field(t, patch(t, report, u), "metadata", "resourceVersion"); value != "42" {
		t.Errorf("the patch names version %v, want the one that the turn saw", value)
	}
}

func TestPatchNamesNoVersionForAStatus(t *testing.T) {
	u := with(t, `{metadata: {resourceVersion: "43"}}`)
	if value, ok := field(t, patch(t, reportOn(u), u), "metadata"); ok {
		t.Errorf("the patch depends on %v", value)
	}
}

// An operation that goes on keeps to its revisions, so a refresh waits.
func TestPatchKeepsARefreshThatWasNotDone(t *testing.T) {
	u := with(t, `{metadata: {annotations: {argocd.argoproj.io/refresh: normal}}}`)
	report := reportOn(u)
	report.Operation = &syncline.OperationState{Phase: syncline.OperationRunning, StartedAt: now}
	if _, ok := field(t, patch(t, report, u), "metadata"); ok {
		t.Error("the request for a refresh is gone, though nothing was resolved")
	}
	// In the turn that ends it, too: what was asked for while it went on is not answered.
	report.Operation.Phase, report.Operation.FinishedAt = syncline.OperationFailed, report.At
	if _, ok := field(t, patch(t, report, u), "metadata"); ok {
		t.Error("the request for a refresh is gone with the operation, though nothing was resolved")
	}
	report.Operation.FinishedAt = report.At.Add(-time.Second)
	if _, ok := field(t, patch(t, report, u), "metadata", "annotations", v1alpha1.RefreshAnnotation); !ok {
		t.Error("the request for a refresh is still there")
	}
}

func TestPatchKeepsAnApprovalThatWasNotUsed(t *testing.T) {
	for name, op := range map[string]syncline.OperationState{
		"nothing pruned": {Phase: syncline.OperationSucceeded, FinishedAt: now},
		"failed":         {Phase: syncline.OperationFailed, FinishedAt: now, Results: []syncline.ObjectResult{{Code: syncline.ResultPruned}}},
		"long ago":       {Phase: syncline.OperationSucceeded, FinishedAt: now.Add(-time.Hour), Results: []syncline.ObjectResult{{Code: syncline.ResultPruned}}},
		"a dry run": {Phase: syncline.OperationSucceeded, FinishedAt: now, Operation: syncline.Operation{DryRun: true},
			Results: []syncline.ObjectResult{{Code: syncline.ResultPruned}}},
	} {
		u := with(t, `{metadata: {annotations: {syncline.io/approve-prune: "true"}}}`)
		report := reportOn(u)
		report.Operation = &op
		if _, ok := field(t, patch(t, report, u), "metadata"); ok {
			t.Errorf("%s: the approval is gone", name)
		}
	}
}

func TestPatchKeepsAWishToTerminate(t *testing.T) {
	u := with(t, ``)
	report := wholeReport(u)
	report.Operation.Phase = syncline.OperationRunning
	u = apply(t, u, patch(t, report, u))
	overlay(u.Object, parse(t, `status: {operationState: {phase: Terminating}}`).Object)

	report.Operation.Message = "still at it"
	u = apply(t, u, patch(t, report, u))
	if phase, _, _ := unstructured.NestedString(u.Object, "status", "operationState", "phase"); phase != "Terminating" {
		t.Errorf("phase is %s, want the wish to terminate kept", phase)
	}
	report.Operation.Phase = syncline.OperationFailed
	u = apply(t, u, patch(t, report, u))
	if phase, _, _ := unstructured.NestedString(u.Object, "status", "operationState", "phase"); phase != "Failed" {
		t.Errorf("phase is %s, want the end of the operation", phase)
	}
}

func TestPatchLeavesUnknownFieldsAlone(t *testing.T) {
	u := with(t, `
spec: {source: {future: 1}}
status: {sourceHydrator: {currentOperation: {phase: Hydrated}}, controllerNamespace: argocd, future: {a: 1}}`)
	patched := apply(t, u, patch(t, wholeReport(u), u))
	if diff := cmp.Diff(u.Object["spec"], patched.Object["spec"]); diff != "" {
		t.Errorf("spec (-before +after):\n%s", diff)
	}
	for _, name := range []string{"sourceHydrator", "controllerNamespace", "future"} {
		before, _, _ := unstructured.NestedFieldNoCopy(u.Object, "status", name)
		after, _, _ := unstructured.NestedFieldNoCopy(patched.Object, "status", name)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("status.%s (-before +after):\n%s", name, diff)
		}
	}
}

// A definition of Application that is not Syncline's drops status.syncline.
func TestPatchSettlesWhereSynclineFieldsAreDropped(t *testing.T) {
	u := with(t, ``)
	report := wholeReport(u)
	u = apply(t, u, patch(t, report, u))
	unstructured.RemoveNestedField(u.Object, "status", "syncline")
	report.At = now.Add(time.Minute)
	text := patch(t, report, u)
	unstructured.RemoveNestedField(u.Object, "status", "syncline")
	if after := apply(t, u, text); func() bool {
		unstructured.RemoveNestedField(after.Object, "status", "syncline")
		return !cmp.Equal(u.Object, after.Object)
	}() {
		t.Errorf("the patch changes something that is kept: %s", text)
	}
}

func TestPatchOfAnAdoptedApplication(t *testing.T) {
	u := load(t, "whole.yaml")
	app, _ := application.Read(u, controlPlane)
	report := syncline.Report{
		App: app.ID, At: now, Sources: app.Past.Operation.Sources, Destination: app.Destination, Revisions: app.Past.Revisions,
		Sync: syncline.OutOfSync, Health: app.Past.Health, Objects: app.Past.Objects, Operation: app.Past.Operation, History: app.Past.History,
		Tools: []syncline.Tool{syncline.ToolKustomize},
	}
	overlay(u.Object, parse(t, `{spec: {ignoreDifferences: null}, metadata: {annotations: null}}`).Object)
	if text := patch(t, report, u); text != nil {
		t.Errorf("the report says what the status says, but the patch is %s", text)
	}
}

func TestPatchShowsNoSecret(t *testing.T) {
	u := with(t, ``)
	report := wholeReport(u)
	report.Conditions[0].Message = fmt.Sprintf("login failed with %s", sealed.Text("hunter2"))
	if text := string(patch(t, report, u)); strings.Contains(text, "hunter2") {
		t.Errorf("the patch shows a secret: %s", text)
	}
}

func mergeIn(t interface{ Fatal(...any) }, before, text []byte) []byte {
	if text == nil {
		return before
	}
	after, err := jsonpatch.MergePatch(before, text)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// BenchmarkUnchanged finds that a report changes nothing in an Application of a
// hundred objects, which is what most turns do.
func BenchmarkUnchanged(b *testing.B) {
	u := with(b, ``)
	report := wholeReport(u)
	for i := range 100 {
		report.Objects = append(report.Objects, syncline.ObjectReport{
			Ref:     syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: fmt.Sprint("web-", i)},
			Version: "v1", Sync: syncline.Synced, Health: syncline.Health{Status: syncline.Healthy},
		})
	}
	cr, _ := v1alpha1.DecodeApplication(apply(b, u, patch(b, report, u)))
	b.ReportAllocs()
	for b.Loop() {
		if patched, err := application.Patch(report, cr); patched.Patch != nil || err != nil {
			b.Fatalf("the report changes something: %s %v", patched.Patch, err)
		}
	}
}

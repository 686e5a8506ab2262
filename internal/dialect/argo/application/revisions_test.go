package application_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

const chartSpec = `
spec: {source: null, sources: [{repoURL: "https://charts.example.com", chart: web, targetRevision: 1.*}, {repoURL: "https://git.example.com/a", ref: values}]}`

// content is a revision of chart 1.2.3.
func content(digit string) string { return "1.2.3@sha256:" + strings.Repeat(digit, 64) }

// chartReport says that contents of chart 1.2.3 were deployed, one after the other.
func chartReport(u *unstructured.Unstructured, contents ...string) syncline.Report {
	report := reportOn(u)
	for i, one := range contents {
		report.Revisions = []string{one, "c0ffee"}
		at := now.Add(time.Duration(i) * time.Hour)
		report.History = append(report.History, syncline.Deployment{ID: int64(i), Revisions: report.Revisions, Sources: report.Sources, StartedAt: at, DeployedAt: at})
		report.Operation = &syncline.OperationState{Phase: syncline.OperationSucceeded, Revisions: report.Revisions, Sources: report.Sources, StartedAt: at, FinishedAt: at}
	}
	return report
}

// textsAt returns the texts at a path of the status.
func textsAt(t *testing.T, u *unstructured.Unstructured, path ...string) []string {
	t.Helper()
	texts, _, err := unstructured.NestedStringSlice(u.Object, append([]string{"status"}, path...)...)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestRevisionsOfCharts: Argo CD's fields have the version of a chart, and what is read back
// has its content, also where the version was pushed anew between two deployments.
func TestRevisionsOfCharts(t *testing.T) {
	u := with(t, chartSpec)
	report := chartReport(u, content("a"), content("b"))
	u = apply(t, u, patch(t, report, u))
	for _, path := range [][]string{{"sync", "revisions"}, {"operationState", "syncResult", "revisions"}} {
		if got := textsAt(t, u, path...); !slices.Equal(got, []string{"1.2.3", "c0ffee"}) {
			t.Errorf("status.%s is %q", strings.Join(path, "."), got)
		}
	}
	history, _, _ := unstructured.NestedSlice(u.Object, "status", "history")
	for _, entry := range history {
		if got, _, _ := unstructured.NestedStringSlice(entry.(map[string]any), "revisions"); !slices.Equal(got, []string{"1.2.3", "c0ffee"}) {
			t.Errorf("status.history has %q", got)
		}
	}
	app, _ := application.Read(u, controlPlane)
	past := app.Past
	for what, pair := range map[string][2][]string{
		"sync":           {past.Revisions, {content("b"), "c0ffee"}},
		"the operation":  {past.Operation.Revisions, {content("b"), "c0ffee"}},
		"the first one":  {past.History[0].Revisions, {content("a"), "c0ffee"}},
		"the second one": {past.History[1].Revisions, {content("b"), "c0ffee"}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("of %s is read %q, want %q", what, pair[0], pair[1])
		}
	}
	if again := patch(t, report, u); again != nil {
		t.Errorf("a second patch changes more: %s", again)
	}
	// The same version with another content is another revision, which only Syncline's field tells.
	report.Revisions = []string{content("c"), "c0ffee"}
	text := patch(t, report, u)
	if want := `{"status":{"syncline":{"charts":{"sync":["` + content("c") + `",""]}}}}`; string(text) != want {
		t.Errorf("the patch is %s, want %s", text, want)
	}
	// What is no chart any more leaves nothing behind.
	report = reportOn(u)
	report.Revisions = []string{"c0ffee", "c0ffee"}
	u = apply(t, u, patch(t, report, u))
	if left, found, _ := unstructured.NestedMap(u.Object, "status", "syncline", "charts"); found {
		t.Errorf("left is %v", left)
	}
}

// TestRevisionsThatArgoCDWrote count as they stand: what Syncline noted of others is not
// taken for theirs.
func TestRevisionsThatArgoCDWrote(t *testing.T) {
	u := with(t, chartSpec)
	u = apply(t, u, patch(t, chartReport(u, content("a")), u))
	overlay(u.Object, parse(t, `
status:
  sync: {revisions: [1.2.4, c0ffee]}
  operationState: {phase: Running, startedAt: "2030-01-01T00:00:00Z", operation: {sync: {}}, syncResult: {revisions: [1.2.3, c0ffee]}}
  history:
  - {id: 0, deployedAt: "2029-01-01T00:00:00Z", revisions: [1.2.3]}
  - {id: 1, deployedAt: "2030-01-01T00:00:00Z", revisions: [1.2.3, c0ffee]}`).Object)
	app, _ := application.Read(u, controlPlane)
	past := app.Past
	for what, pair := range map[string][2][]string{
		"another version":           {past.Revisions, {"1.2.4", "c0ffee"}},
		"another operation":         {past.Operation.Revisions, {"1.2.3", "c0ffee"}},
		"a deployment of one":       {past.History[0].Revisions, {"1.2.3"}},
		"a deployment by Argo CD":   {past.History[1].Revisions, {"1.2.3", "c0ffee"}},
		"what is declared, invalid": {{}, problemsOf(app)},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("of %s is read %q, want %q", what, pair[0], pair[1])
		}
	}
	report := reportOn(u)
	report.Revisions, report.Operation, report.History, report.Sync = past.Revisions, past.Operation, past.History, syncline.OutOfSync
	u = apply(t, u, patch(t, report, u))
	after, _ := application.Read(u, controlPlane)
	if diff := cmp.Diff(past.History, after.Past.History); diff != "" {
		t.Errorf("the history that Argo CD wrote is another (-before +after):\n%s", diff)
	}
}

func problemsOf(app syncline.App) []string {
	var texts []string
	for _, condition := range app.Invalid {
		texts = append(texts, condition.Message)
	}
	return texts
}

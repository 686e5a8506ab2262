package crds_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// A report is written once: what the API server makes of it, with its
// validation and its dropping of fields, says the same as the report. And what
// the sources are known as after a restart is what they are declared as.
func TestReportsAreWrittenOnce(t *testing.T) {
	client := install(t)
	for _, folder := range []string{"argocd", "manifests"} {
		for name, u := range load(t, folder) {
			if u.GetKind() != v1alpha1.ApplicationKind {
				continue
			}
			t.Run(folder+"/"+name, func(t *testing.T) {
				u.SetNamespace(namespace)
				u.SetName("once-" + u.GetName())
				applications := resources(client, u)
				created, err := applications.Create(t.Context(), u, metav1.CreateOptions{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { remove(t, applications, u.GetName()) })
				app, cr := application.Read(created, namespace)
				report := reportOn(app)
				made, err := application.Patch(report, cr)
				if err != nil || made.Patch == nil {
					t.Fatalf("patch %q, error %v", made.Patch, err)
				}
				patched, err := applications.Patch(t.Context(), u.GetName(), types.MergePatchType, made.Patch,
					metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
				if err != nil {
					t.Fatalf("%v\npatch: %s", err, made.Patch)
				}
				after, cr := application.Read(patched, namespace)
				if again, _ := application.Patch(report, cr); again.Patch != nil {
					t.Errorf("the same report changes more: %s", again.Patch)
				}
				if past := after.Past.Operation; !reflect.DeepEqual(past.Sources, app.Sources) {
					t.Errorf("sources (-declared +read back):\n%s", cmp.Diff(app.Sources, past.Sources))
				}
				if diff := cmp.Diff(report.Operation.Results, after.Past.Operation.Results); diff != "" {
					t.Errorf("results (-reported +read back):\n%s", diff)
				}
			})
		}
	}
}

// reportOn reports something in every field.
func reportOn(app syncline.App) syncline.Report {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	ref := syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "web"}
	operation := syncline.Operation{
		Prune: true, SkipHooks: true, Force: true, Revisions: []string{"c0ffee"}, SelfHealAttempts: 2,
		Selection: []syncline.Selector{{Group: "apps", Kind: "Deployment", Name: "web"}},
		Retry:     syncline.Retry{Limit: 5, Duration: time.Second, Factor: 2, MaxDuration: time.Minute, Refresh: true},
	}
	if app.Request != nil {
		operation = *app.Request
	}
	return syncline.Report{
		App: app.ID, At: at, ResourceVersion: app.Past.ResourceVersion, Sources: app.Sources, Destination: app.Destination,
		Revisions: []string{"c0ffee"}, Tools: []syncline.Tool{syncline.ToolHelm}, Sync: syncline.OutOfSync,
		Health: syncline.Health{Status: syncline.Progressing, Message: "Caused by apps/Deployment:web/web"},
		Objects: []syncline.ObjectReport{
			{Ref: ref, Version: "v1", Sync: syncline.OutOfSync, Wave: -1, RequiresPruning: true, Health: syncline.Health{Status: syncline.Progressing}},
		},
		Conditions: []syncline.Condition{{Type: syncline.PruneApprovalRequired, Message: "the plan prunes 12 of 13 objects"}},
		Operation: &syncline.OperationState{
			Operation: operation, Phase: syncline.OperationRunning, Message: "waiting", StartedAt: at, FinishedAt: at, RetryCount: 1,
			Revisions: []string{"c0ffee"}, Sources: app.Sources,
			Results: []syncline.ObjectResult{{Ref: ref, Version: "v1", Phase: syncline.Sync, Code: syncline.ResultSynced,
				State: syncline.OperationRunning, Message: "configured", Images: []string{"web:2"}}},
		},
		Consumed: app.Request != nil,
		History:  []syncline.Deployment{{ID: 3, Revisions: []string{"decade"}, Sources: app.Sources, StartedAt: at, DeployedAt: at}},
		Waiting:  []syncline.Blocker{{Ref: ref, Why: "it is Progressing", Until: at}},
		Images:   []string{"web:2"}, URLs: []string{"https://web.example.com"}, Resolved: true,
	}
}

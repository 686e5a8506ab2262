package application_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// most is how large a patch may be: etcd takes 1.5 MiB, and the declaration has
// to fit, too.
const most = 1200 << 10

// write writes a report that has to fit, and not to be written again.
func write(t *testing.T, report syncline.Report, u *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	text := patch(t, report, u)
	if len(text) > most {
		t.Errorf("the patch has %d bytes", len(text))
	}
	u = apply(t, u, text)
	if again := patch(t, report, u); again != nil {
		t.Errorf("the same report makes another patch of %d bytes", len(again))
	}
	return u
}

// TestAStatusOfManyObjectsCanBeWritten reports on more objects than fit.
func TestAStatusOfManyObjectsCanBeWritten(t *testing.T) {
	u := with(t, ``)
	report := reportOn(u)
	const objects = 12_000
	for i := range objects {
		report.Objects = append(report.Objects, syncline.ObjectReport{
			Ref:     syncline.Ref{Kind: "ConfigMap", Namespace: "web", Name: fmt.Sprintf("settings-%05d", i)},
			Version: "v1", Sync: syncline.Synced,
		})
	}
	report.Objects[objects-1].Sync = syncline.OutOfSync
	report.Objects[objects-2].Health = syncline.Health{Status: syncline.Degraded, Message: "no"}
	other := syncline.Ref{Kind: "Service", Namespace: "web", Name: "web"}
	report.Objects = append(report.Objects, syncline.ObjectReport{Ref: other, Version: "v1", Sync: syncline.Synced})

	u = write(t, report, u)
	app, cr := application.Read(u, controlPlane)
	for _, wanted := range []syncline.Ref{report.Objects[0].Ref, report.Objects[objects-2].Ref, report.Objects[objects-1].Ref, other} {
		if !slices.ContainsFunc(app.Past.Objects, func(o syncline.ObjectReport) bool { return o.Ref == wanted }) {
			t.Errorf("%s is not listed", wanted)
		}
	}
	listed := len(app.Past.Objects)
	if listed < objects/2 || listed >= objects {
		t.Errorf("%d objects are listed", listed)
	}
	want := fmt.Sprintf("status.resources lists %d of 12001 objects, first those that need attention: the API server takes no larger status", listed)
	if got := cr.Status.Conditions; len(got) != 1 || got[0].Type != "UnlistedWarning" || got[0].Message != want {
		t.Errorf("the conditions are %+v", got)
	}
}

// TestAnOperationOnManyObjectsCanBeWritten wants what happened to be listed, and
// as much as fits of what did not.
func TestAnOperationOnManyObjectsCanBeWritten(t *testing.T) {
	u := with(t, ``)
	report := reportOn(u)
	state := &syncline.OperationState{Phase: syncline.OperationFailed, Message: "failed", StartedAt: now, FinishedAt: now}
	for i := range 5000 {
		name := fmt.Sprintf("settings-%05d", i)
		state.Results = append(state.Results, syncline.ObjectResult{
			Ref: syncline.Ref{Kind: "ConfigMap", Namespace: "web", Name: name}, Version: "v1", Phase: syncline.Sync,
			Code: syncline.ResultSynced, State: syncline.OperationSucceeded, Message: "configmap/" + name + syncline.MessageUnchanged,
		})
	}
	state.Results[4000].Message = "configmap/settings-04000 configured"
	state.Results[4999].Code, state.Results[4999].State, state.Results[4999].Message = syncline.ResultFailed, syncline.OperationFailed, "no"
	report.Operation = state

	u = write(t, report, u)
	app, _ := application.Read(u, controlPlane)
	read := app.Past.Operation
	var told []string
	for _, r := range read.Results {
		if !r.Unchanged() {
			told = append(told, r.Ref.Name)
		}
	}
	if got := fmt.Sprint(told); got != "[settings-04000 settings-04999]" {
		t.Errorf("of what happened, %s is listed", got)
	}
	if want := fmt.Sprintf("failed; %d objects that went well are not listed", 5000-len(read.Results)); read.Message != want {
		t.Errorf("the message is %q, want %q", read.Message, want)
	}
	report.Operation = read
	if again := patch(t, report, u); again != nil {
		t.Errorf("what was read makes another patch: %s", again)
	}
}

package application_test

import (
	"encoding/json"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// The finalizers that stand for hooks follow the source, so that a deletion, which
// renders nothing, knows of them.
func TestFinalizersOfHooks(t *testing.T) {
	const pre, post, others, cascade = "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io", "example.com/x", v1alpha1.ResourcesFinalizer
	both := &syncline.AtEnd{PreDelete: true, PostDelete: true}
	running := &syncline.OperationState{Phase: syncline.OperationRunning}
	for name, test := range map[string]struct {
		before   []string
		report   syncline.Report
		deleting bool
		want     []string // as before when nil
	}{
		"come":                         {[]string{cascade}, syncline.Report{AtEnd: both}, false, []string{cascade, pre, post}},
		"are there":                    {[]string{pre, post}, syncline.Report{AtEnd: both}, false, nil},
		"go":                           {[]string{pre, others, post, post + "/cleanup"}, syncline.Report{AtEnd: &syncline.AtEnd{}}, false, []string{others}},
		"one of them goes":             {[]string{pre, post}, syncline.Report{AtEnd: &syncline.AtEnd{PostDelete: true}}, false, []string{post}},
		"stay when nothing is known":   {[]string{pre}, syncline.Report{}, false, nil},
		"stay during an operation":     {[]string{pre}, syncline.Report{AtEnd: &syncline.AtEnd{}, Operation: running}, false, nil},
		"are not added to what leaves": {[]string{cascade}, syncline.Report{AtEnd: both}, true, nil},
		"go with the Application":      {[]string{cascade, pre, others, post}, syncline.Report{Deleted: true}, true, []string{others}},
	} {
		t.Run(name, func(t *testing.T) {
			cr := &v1alpha1.Application{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7", Finalizers: test.before}}
			if test.deleting {
				cr.DeletionTimestamp = &metav1.Time{}
				cr.DeletionTimestamp.Time = cr.DeletionTimestamp.AddDate(2026, 0, 0)
			}
			patched, err := application.Patch(test.report, cr)
			if err != nil {
				t.Fatal(err)
			}
			patch := patched.Patch
			var changed struct {
				Metadata struct {
					Finalizers      []string `json:"finalizers"`
					ResourceVersion string   `json:"resourceVersion"`
				} `json:"metadata"`
			}
			if patch != nil {
				if err := json.Unmarshal(patch, &changed); err != nil {
					t.Fatal(err)
				}
			}
			if got := changed.Metadata; !slices.Equal(got.Finalizers, test.want) || (test.want != nil) != (got.ResourceVersion == "7") {
				t.Errorf("the patch has %+v, want %q", got, test.want)
			}
		})
	}
}

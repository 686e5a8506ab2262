package plan_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// TestWhatIsGuardedWaitsForWhatGuardsIt has a change that is refused as the cluster is.
func TestWhatIsGuardedWaitsForWhatGuardsIt(t *testing.T) {
	denied := syncline.Errorf(syncline.Denied, "policy denied")
	down := syncline.Errorf(syncline.Transient, `Internal error occurred: failed calling webhook "a.b.c": connection refused`)
	const leaving = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard, annotations: {argocd.argoproj.io/tracking-id: "web:admissionregistration.k8s.io/ValidatingWebhookConfiguration:shop/guard"WAVE}}`
	guard := syncline.Ref{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: "guard"}
	operation := func(prune bool, results ...syncline.ObjectResult) *syncline.OperationState {
		return &syncline.OperationState{Operation: syncline.Operation{Prune: prune}, Results: results}
	}
	for name, test := range map[string]struct {
		guard     bool
		wave      string
		refusal   error
		operation *syncline.OperationState
		// want is the kind of the change's error, fails that of the plan.
		want, fails syncline.Kind
	}{
		"a policy that stays":                  {refusal: denied, want: syncline.Denied},
		"a webhook that stays":                 {refusal: down, fails: syncline.Transient},
		"a policy that goes":                   {guard: true, refusal: denied, want: syncline.Waiting},
		"a webhook that goes":                  {guard: true, refusal: down, want: syncline.Waiting},
		"one that goes in this operation":      {guard: true, refusal: down, operation: operation(true), want: syncline.Waiting},
		"one that goes in no operation":        {guard: true, refusal: denied, operation: operation(false), want: syncline.Denied},
		"one that goes in a later wave":        {guard: true, wave: `, argocd.argoproj.io/sync-options: "PruneLast=true"`, refusal: denied, want: syncline.Denied},
		"one that has just gone":               {refusal: denied, operation: operation(true, syncline.ObjectResult{Ref: guard, Code: syncline.ResultPruned}), fails: syncline.Transient},
		"one that was just changed":            {refusal: denied, operation: operation(true, syncline.ObjectResult{Ref: guard, Code: syncline.ResultSynced, Message: "x configured"}), fails: syncline.Transient},
		"one that was found as it is declared": {refusal: denied, operation: operation(true, syncline.ObjectResult{Ref: guard, Code: syncline.ResultSynced, Message: "x" + syncline.MessageUnchanged}), want: syncline.Denied},
		"nothing":                              {guard: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Serve(schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}, syncline.ClusterScoped)
			f.sync(t, configA)
			if test.guard {
				f.Put(t, strings.Replace(leaving, "WAVE", test.wave, 1))
			}
			f.Answer = func(r enginetest.Request) error {
				if r.Verb == enginetest.DryRun {
					return test.refusal
				}
				return nil
			}
			f.operation = test.operation
			made, err := f.planner.Build(t.Context(), f.input(t, strings.Replace(configA, "}", ", labels: {new: one}}", 1)))
			if syncline.KindOf(err) != test.fails {
				t.Fatalf("the plan fails: %v", err)
			}
			if err != nil {
				return
			}
			if c := change(t, made, "a"); syncline.KindOf(c.Err) != test.want {
				t.Errorf("got %v", c.Err)
			}
			if test.guard && test.wave == "" && made.Changes[0].Ref != guard {
				t.Errorf("the first is %s", made.Changes[0].Ref)
			}
		})
	}
}

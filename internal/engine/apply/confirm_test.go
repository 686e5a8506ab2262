package apply_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// TestAPruneThatWaitsForAConfirmation holds that the operation waits before it
// prunes anything, says for what, and goes on when a person approves.
func TestAPruneThatWaitsForAConfirmation(t *testing.T) {
	confirm := `argocd.argoproj.io/sync-options: "Prune=confirm"`
	s := tell(object("ConfigMap", "plain", wave(5)), object("ConfigMap", "first", wave(5)+", "+confirm), object("ConfigMap", "last", confirm), object("ConfigMap", "kept", ""))
	s.on(t)
	past := s.state
	s.app.Past.Operation = &past
	s.declare(strings.Replace(object("ConfigMap", "kept", ""), `x: "1"`, `x: "2"`, 1))
	s.begin(syncline.Operation{Prune: true})
	s.wrote()
	out := s.on(t)
	s.expectWrites(t)
	s.expectPhase(t, syncline.OperationRunning, "Waiting for pruning confirmation of v1/ConfigMap/first and 1 more resources")
	if len(out.Waiting) != 2 || !strings.Contains(out.Waiting[0].Why, syncline.AnnotationApprovePrune) {
		t.Errorf("it waits for %v", out.Waiting)
	}
	s.app.ApprovedPrune = s.input(t).Plan.PruneDigest()
	for range 4 {
		s.on(t)
	}
	writes := s.wrote()
	if len(writes) == 4 {
		slices.Sort(writes[:2]) // which are written at once
	}
	if want := []string{"prune ConfigMap/shop/first", "prune ConfigMap/shop/plain", "update ConfigMap/shop/kept", "prune ConfigMap/shop/last"}; !slices.Equal(writes, want) {
		t.Errorf("written was %q, want %q", writes, want)
	}
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestApplyOutOfSyncOnly(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""), object("ConfigMap", "b", ""))
	s.on(t)
	s.declare(object("ConfigMap", "a", ""), strings.Replace(object("ConfigMap", "b", ""), `x: "1"`, `x: "2"`, 1))
	s.begin(syncline.Operation{Options: option.List{"ApplyOutOfSyncOnly=true"}})
	s.on(t)
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if len(s.state.Results) != 1 || s.state.Results[0].Ref.Name != "b" {
		t.Errorf("it lists %q", s.results())
	}
}

func TestWhatOnlyAnAnnotationClaimsIsNoTask(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	stranger := s.Put(t, `apiVersion: v1
kind: ConfigMap
metadata: {name: x, namespace: shop, finalizers: [example.com/hold], annotations: {argocd.argoproj.io/tracking-id: "web:/ConfigMap:shop/x"}}`)
	s.Forge(t, stranger)
	s.Delete(stranger)
	s.on(t)
	s.expectWrites(t, "create ConfigMap/shop/a")
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if len(s.state.Results) != 1 {
		t.Errorf("it lists %q", s.results())
	}
}

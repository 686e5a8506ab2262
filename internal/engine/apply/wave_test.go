package apply_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func TestWavesWaitForHealth(t *testing.T) {
	s := tell(object("Deployment", "first", wave(-1)), object("ConfigMap", "second", ""), object("Deployment", "last", wave(1)))
	out := s.on(t)
	s.expectWrites(t, "create apps/Deployment/shop/first")
	s.expectPhase(t, syncline.OperationRunning, "waiting for healthy state of apps/Deployment/shop/first (it is Progressing: 1 of 2 updated)")
	if len(out.Waiting) != 1 || out.Waiting[0].Ref != ref("Deployment", "first") {
		t.Errorf("it waits for %v", out.Waiting)
	}
	s.on(t)
	s.expectWrites(t)
	s.healthy(t, ref("Deployment", "first"))
	s.on(t)
	s.expectWrites(t, "create ConfigMap/shop/second", "create apps/Deployment/shop/last")
	s.expectPhase(t, syncline.OperationSucceeded, "all tasks run") // the last step is not waited for
}

func TestADegradedResourceFailsWhatComesAfterIt(t *testing.T) {
	s := tell(object("Deployment", "first", ""), object("ConfigMap", "second", wave(1)), object("Job", "sorry", hook("SyncFail")))
	s.on(t)
	s.SetHealth(t, ref("Deployment", "first"), syncline.Degraded, "it crashes")
	s.on(t)
	s.expectWrites(t, "create apps/Deployment/shop/first", "run batch/Job/shop/sorry")
	s.healthy(t, ref("Job", "sorry"))
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "reason: apps/Deployment/shop/first: it crashes")
}

func TestADegradedResourceOfTheOnlyStepFailsNothing(t *testing.T) {
	s := tell(object("Deployment", "only", ""))
	s.Cluster.Health["Deployment"] = syncline.Health{Status: syncline.Degraded}
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestPrunes(t *testing.T) {
	begin := func(t *testing.T, live ...string) *story {
		t.Helper()
		s := tell(live...)
		s.on(t)
		s.expectPhase(t, syncline.OperationSucceeded, "")
		s.Requests()
		s.begin(syncline.Operation{Prune: true})
		return s
	}
	t.Run("are waited for before the next step", func(t *testing.T) {
		s := begin(t, object("ConfigMap", "a", ""))
		s.Hold(t, ref("ConfigMap", "a"))
		s.declare(object("ConfigMap", "b", ""), object("ConfigMap", "c", wave(1)))
		out := s.on(t)
		s.expectWrites(t, "prune ConfigMap/shop/a", "create ConfigMap/shop/b")
		s.expectPhase(t, syncline.OperationRunning, "waiting for deletion of ConfigMap/shop/a (it is being deleted)")
		if len(out.Waiting) != 1 {
			t.Errorf("it waits for %v", out.Waiting)
		}
		s.Release(t, ref("ConfigMap", "a"))
		s.on(t)
		s.expectWrites(t, "create ConfigMap/shop/c")
		s.expectPhase(t, syncline.OperationSucceeded, "")
		if r := s.result(t, "a"); r.Code != syncline.ResultPruned || r.Message != "configmap/a pruned" {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("are skipped without prune", func(t *testing.T) {
		s := begin(t, object("ConfigMap", "a", ""))
		s.begin(syncline.Operation{})
		s.declare(object("ConfigMap", "b", ""))
		s.on(t)
		s.expectWrites(t, "create ConfigMap/shop/b")
		s.expectPhase(t, syncline.OperationSucceeded, "")
		if r := s.result(t, "a"); r.Code != syncline.ResultPruneSkipped || r.Message != "ignored (requires pruning)" {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("are skipped when retained", func(t *testing.T) {
		s := begin(t, object("ConfigMap", "a", `argocd.argoproj.io/sync-options: "Prune=false"`))
		s.app.Past.Objects = []syncline.ObjectReport{{Ref: ref("ConfigMap", "a")}}
		s.declare()
		s.on(t)
		s.expectWrites(t)
		if r := s.result(t, "a"); r.Code != syncline.ResultPruneSkipped || !strings.Contains(r.Message, "Prune=false") {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("name the UID that was planned", func(t *testing.T) {
		s := begin(t, object("ConfigMap", "a", ""))
		s.declare()
		uid := s.UID(ref("ConfigMap", "a"))
		s.on(t)
		for _, r := range s.Requests() {
			if r.Write.Action == syncline.Prune && r.Write.UID != uid {
				t.Errorf("%s is deleted by UID %q, want %q", r.Ref, r.Write.UID, uid)
			}
		}
	})
}

func TestADefinitionAndItsKindInOneSync(t *testing.T) {
	definition := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wheels.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Wheel}}`
	s := tell(object("Wheel", "front", ""), object("ConfigMap", "after", wave(1)), definition)
	crd := syncline.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "wheels.example.com"}
	wheels := schema.GroupKind{Group: "example.com", Kind: "Wheel"}
	out := s.on(t)
	s.expectWrites(t, "create apiextensions.k8s.io/CustomResourceDefinition/wheels.example.com")
	if len(out.Waiting) != 1 || out.Waiting[0].Ref != crd || !strings.Contains(out.Waiting[0].Why, "established") {
		t.Errorf("it waits for %v", out.Waiting)
	}
	s.healthy(t, crd)
	if _, err := s.once(t); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("the kind is established and not served yet: got %v, want to try again", err)
	}
	s.Blind(wheels, true)
	s.Serve(wheels, syncline.Namespaced)
	s.Requests()
	s.on(t)
	s.expectWrites(t, "create example.com/Wheel/shop/front")
	s.on(t) // the memory does not know the kind yet
	s.expectWrites(t)
	s.expectPhase(t, syncline.OperationRunning, "example.com/Wheel/shop/front (it was written and is not seen yet)")
	s.Blind(wheels, false)
	s.on(t)
	s.expectWrites(t, "create ConfigMap/shop/after")
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestADefinitionThatIsRefusedFailsItsKind(t *testing.T) {
	definition := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wheels.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Wheel}}`
	s := tell(object("Wheel", "front", ""), definition)
	s.on(t)
	s.SetHealth(t, syncline.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "wheels.example.com"},
		syncline.Degraded, "the names are taken")
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "which is Degraded: the names are taken")
}

func TestANamespaceThatCannotBeMadeFailsWhatNeedsIt(t *testing.T) {
	s := tell(object("Namespace", "new", ""), strings.Replace(object("ConfigMap", "a", ""), "name: a", "name: a, namespace: new", 1),
		strings.Replace(object("Job", "sorry", hook("SyncFail")), "name: sorry", "name: sorry, namespace: new", 1))
	s.Answer = func(r enginetest.Request) error {
		if r.Ref.Kind == "Namespace" {
			return syncline.Errorf(syncline.Denied, "no more namespaces")
		}
		return nil
	}
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "no more namespaces")
	if r := s.result(t, "a"); !strings.Contains(r.Message, "it needs Namespace/new, which could not be created") {
		t.Errorf("got %q", r.Message)
	}
}

func TestANamespaceIsWaitedFor(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	s.app.Policy.Options = option.List{"CreateNamespace=true"}
	shop := syncline.Ref{Kind: "Namespace", Name: "shop"}
	s.Hold(t, shop)
	s.Delete(shop)
	out := s.on(t)
	s.expectWrites(t)
	if len(out.Waiting) != 1 || out.Waiting[0].Ref != shop {
		t.Errorf("it waits for %v", out.Waiting)
	}
	s.Release(t, shop)
	s.on(t)
	s.expectWrites(t, "create Namespace/shop", "create ConfigMap/shop/a")
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestAResourceThatIsDeletedMeanwhileFailsTheOperation(t *testing.T) {
	s := tell(object("Deployment", "first", ""), object("ConfigMap", "second", wave(1)))
	s.on(t)
	s.Delete(ref("Deployment", "first"))
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "deployment.apps/first is missing, it might have been deleted")
}

func TestRecreationWaitsForTheOldObject(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	s.on(t)
	s.wrote()
	s.begin(syncline.Operation{Force: true})
	s.declare(strings.Replace(object("ConfigMap", "a", ""), `"1"`, `"2"`, 1))
	s.Hold(t, ref("ConfigMap", "a"))
	s.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Invalid, "the field is immutable")
		}
		return nil
	}
	old := s.UID(ref("ConfigMap", "a"))
	s.on(t)
	s.expectPhase(t, syncline.OperationRunning, "ConfigMap/shop/a")
	s.on(t)
	s.Release(t, ref("ConfigMap", "a"))
	s.on(t)
	s.expectWrites(t, "recreate ConfigMap/shop/a", "create ConfigMap/shop/a")
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if s.UID(ref("ConfigMap", "a")) == old {
		t.Error("it is the old object")
	}
}

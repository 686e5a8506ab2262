package apply_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func TestHooksRunInTheirPhases(t *testing.T) {
	s := tell(
		object("Job", "after", hook("PostSync")), object("Job", "before", hook("PreSync")),
		object("Job", "during", hook("Sync")), object("Job", "sorry", hook("SyncFail")), object("Deployment", "web", ""),
	)
	s.on(t)
	s.expectWrites(t, "run batch/Job/shop/before")
	s.expectPhase(t, syncline.OperationRunning, "waiting for completion of hook batch/Job/shop/before")
	s.healthy(t, ref("Job", "before"))
	s.on(t)
	s.expectWrites(t, "create apps/Deployment/shop/web", "run batch/Job/shop/during")
	s.healthy(t, ref("Job", "during"))
	s.on(t)
	s.expectWrites(t)
	s.expectPhase(t, syncline.OperationRunning, "waiting for healthy state of apps/Deployment/shop/web")
	s.healthy(t, ref("Deployment", "web"))
	s.on(t)
	s.expectWrites(t, "run batch/Job/shop/after")
	s.SetHealth(t, ref("Job", "after"), syncline.Healthy, "done in 3s")
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if r := s.result(t, "after"); r.Message != "done in 3s" || r.HookType != syncline.PostSync {
		t.Errorf("got %+v", r)
	}
	if slices.Contains(s.Refs(), ref("Job", "sorry").String()) {
		t.Error("a SyncFail hook ran though nothing failed")
	}
}

func TestAFailedHook(t *testing.T) {
	s := tell(object("Job", "before", hook("PreSync")), object("Job", "sorry", hook("SyncFail")), object("ConfigMap", "a", ""))
	s.on(t)
	s.SetHealth(t, ref("Job", "before"), syncline.Degraded, "exit code 3")
	s.on(t)
	s.expectWrites(t, "run batch/Job/shop/before", "run batch/Job/shop/sorry")
	s.expectPhase(t, syncline.OperationRunning, "waiting for completion of hook batch/Job/shop/sorry")
	s.SetHealth(t, ref("Job", "sorry"), syncline.Degraded, "could not say sorry")
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "reason: batch/Job/shop/before: exit code 3")
	if slices.Contains(s.Refs(), ref("ConfigMap", "a").String()) {
		t.Error("the sync went on after its hook had failed")
	}
}

func finalizers(t *testing.T, s *story, r syncline.Ref) []string {
	t.Helper()
	return s.Live(t, r).GetFinalizers()
}

func TestDeletePolicies(t *testing.T) {
	for name, test := range map[string]struct {
		policies string
		outcome  syncline.HealthStatus
		stays    bool
	}{
		"none, succeeded":          {"", syncline.Healthy, true},
		"none, failed":             {"", syncline.Degraded, true},
		"HookSucceeded, succeeded": {"HookSucceeded", syncline.Healthy, false},
		"HookSucceeded, failed":    {"HookSucceeded", syncline.Degraded, true},
		"HookFailed, succeeded":    {"HookFailed", syncline.Healthy, true},
		"HookFailed, failed":       {"HookFailed", syncline.Degraded, false},
		"both, failed":             {"HookSucceeded,HookFailed", syncline.Degraded, false},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := hook("PreSync")
			if test.policies != "" {
				annotations = hook("PreSync", policy(test.policies))
			}
			s := tell(object("Job", "h", annotations))
			s.on(t)
			if !slices.Contains(finalizers(t, s, ref("Job", "h")), syncline.FinalizerHook) {
				t.Error("nothing keeps the hook's object until its outcome is known")
			}
			s.SetHealth(t, ref("Job", "h"), test.outcome, "")
			s.on(t)
			if !s.state.Phase.Done() {
				t.Fatalf("the operation is %s: %s", s.state.Phase, s.state.Message)
			}
			if stays := slices.Contains(s.Refs(), ref("Job", "h").String()); stays != test.stays {
				t.Errorf("its object stays: %v, want %v", stays, test.stays)
			}
			if test.stays && len(finalizers(t, s, ref("Job", "h"))) > 0 {
				t.Error("nobody can delete its object any more")
			}
		})
	}
}

func TestTheOutcomeOfAHookIsKeptBeforeItsObjectMayGo(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync", policy("HookSucceeded"))))
	s.on(t)
	s.wrote()
	s.healthy(t, ref("Job", "h"))
	out, err := s.once(t)
	if err != nil || !out.Requeue {
		t.Fatalf("got %+v, %v; want to keep the outcome first", out, err)
	}
	s.expectWrites(t)
	if _, err := s.once(t); err != nil {
		t.Fatal(err)
	}
	s.expectWrites(t, "prune batch/Job/shop/h", "unhold batch/Job/shop/h")
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestAHookThatSomebodyDeletes(t *testing.T) {
	t.Run("before it is done", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")), object("ConfigMap", "a", ""))
		s.on(t)
		s.Delete(ref("Job", "h"))
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "deleted before the hook was done")
		if slices.Contains(s.Refs(), ref("Job", "h").String()) {
			t.Error("its object is held for ever")
		}
	})
	t.Run("after it is done", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")), object("Deployment", "d", ""), object("ConfigMap", "a", wave(1)))
		s.on(t)
		s.healthy(t, ref("Job", "h"))
		s.Delete(ref("Job", "h"))
		s.on(t) // waits for the deployment
		s.on(t)
		if slices.Contains(s.Refs(), ref("Job", "h").String()) {
			t.Error("its object is held though its outcome is kept")
		}
		s.healthy(t, ref("Deployment", "d"))
		s.on(t)
		s.expectPhase(t, syncline.OperationSucceeded, "")
	})
	t.Run("by force", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")))
		s.on(t)
		s.Edit(t, ref("Job", "h"), func(u *unstructured.Unstructured) { u.SetFinalizers(nil) })
		s.Delete(ref("Job", "h"))
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "job.batch/h is missing, it might have been deleted")
	})
	t.Run("and makes another of the same name", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")))
		s.on(t)
		s.Edit(t, ref("Job", "h"), func(u *unstructured.Unstructured) { u.SetFinalizers(nil) })
		s.Delete(ref("Job", "h"))
		s.Put(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, namespace: shop}")
		s.healthy(t, ref("Job", "h"))
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "replaced by another one")
	})
}

func TestTheObjectOfAnEarlierRun(t *testing.T) {
	t.Run("is deleted first", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")))
		for range 2 {
			s.on(t)
			s.healthy(t, ref("Job", "h"))
			s.on(t)
			s.expectPhase(t, syncline.OperationSucceeded, "")
			s.begin(syncline.Operation{})
		}
		s.expectWrites(t, "run batch/Job/shop/h", "unhold batch/Job/shop/h",
			"prune batch/Job/shop/h", "run batch/Job/shop/h", "unhold batch/Job/shop/h")
	})
	t.Run("is waited for", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")))
		s.on(t)
		s.Hold(t, ref("Job", "h"))
		s.begin(syncline.Operation{}) // the earlier one was never finished
		s.wrote()
		out := s.on(t)
		s.expectWrites(t, "prune batch/Job/shop/h", "unhold batch/Job/shop/h")
		if len(out.Waiting) != 1 || !strings.Contains(s.state.Message, "previous hook") {
			t.Errorf("it waits for %v: %s", out.Waiting, s.state.Message)
		}
		s.on(t)
		s.expectWrites(t)
		s.Release(t, ref("Job", "h"))
		s.on(t)
		s.expectWrites(t, "run batch/Job/shop/h")
	})
	t.Run("is applied over when no policy deletes it", func(t *testing.T) {
		kept := strings.Replace(object("ConfigMap", "h", hook("PreSync", policy("HookFailed"))), `data: {x: "1"}`, `data: {x: "2"}`, 1)
		s := tell(object("ConfigMap", "h", hook("PreSync", policy("HookFailed"))))
		s.on(t)
		s.expectPhase(t, syncline.OperationSucceeded, "")
		uid := s.UID(ref("ConfigMap", "h"))
		s.Edit(t, ref("ConfigMap", "h"), func(u *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(u.Object, "made", "data", "secret")
		})
		s.declare(kept)
		s.begin(syncline.Operation{})
		s.wrote()
		s.on(t)
		s.expectWrites(t, "run ConfigMap/shop/h", "unhold ConfigMap/shop/h")
		s.expectPhase(t, syncline.OperationSucceeded, "")
		live := s.Live(t, ref("ConfigMap", "h"))
		data, _, _ := unstructured.NestedStringMap(live.Object, "data")
		if live.GetUID() != uid || data["x"] != "2" || data["secret"] != "made" {
			t.Errorf("it is %s with %v, was %s", live.GetUID(), data, uid)
		}
		if len(live.GetFinalizers()) > 0 {
			t.Error("nobody can delete it any more")
		}
	})
	t.Run("is made anew when somebody deletes what would be applied over", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync", policy("HookFailed"))))
		s.on(t)
		s.healthy(t, ref("Job", "h"))
		s.on(t)
		s.Hold(t, ref("Job", "h"))
		s.Delete(ref("Job", "h"))
		s.begin(syncline.Operation{})
		s.wrote()
		s.on(t)
		s.expectWrites(t)
		s.Release(t, ref("Job", "h"))
		s.on(t)
		s.expectWrites(t, "run batch/Job/shop/h")
		s.expectPhase(t, syncline.OperationRunning, "waiting for completion of hook")
	})
	t.Run("is not deleted when it came after the plan", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync", policy("HookFailed"))))
		in := s.input(t)
		s.Put(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, namespace: shop, annotations: {argocd.argoproj.io/hook: PreSync}}")
		if _, err := apply.Step(t.Context(), in); syncline.KindOf(err) != syncline.Conflict {
			t.Errorf("got %v", err)
		}
		s.expectWrites(t)
	})
	t.Run("is not touched when it is no hook's", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")), object("ConfigMap", "a", ""))
		s.Put(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, namespace: shop}")
		s.on(t)
		s.expectWrites(t)
		s.expectPhase(t, syncline.OperationFailed, "no hook and not of this application")
	})
	t.Run("is not touched when it is no hook's, later either", func(t *testing.T) {
		s := tell(object("Job", "first", hook("PreSync")), object("Job", "h", hook("PostSync")))
		s.on(t)
		s.Put(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, namespace: shop}")
		s.healthy(t, ref("Job", "first"))
		s.on(t)
		s.expectWrites(t, "run batch/Job/shop/first", "unhold batch/Job/shop/first")
		s.expectPhase(t, syncline.OperationFailed, "no hook and not of this application")
	})
	t.Run("may have been a resource of the App", func(t *testing.T) {
		s := tell(object("Job", "h", ""))
		s.on(t)
		s.begin(syncline.Operation{})
		s.declare(object("Job", "h", hook("Sync")))
		s.wrote()
		s.on(t)
		s.expectWrites(t, "prune batch/Job/shop/h", "run batch/Job/shop/h")
	})
}

func TestAHookOfSeveralPhasesRunsInEach(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync,PostSync")), object("ConfigMap", "a", ""))
	s.on(t)
	first := s.UID(ref("Job", "h"))
	s.healthy(t, ref("Job", "h"))
	s.on(t)
	if second := s.UID(ref("Job", "h")); second == first {
		t.Fatal("it did not run again")
	}
	s.expectWrites(t, "run batch/Job/shop/h", "create ConfigMap/shop/a", "prune batch/Job/shop/h", "unhold batch/Job/shop/h", "run batch/Job/shop/h")
	s.SetHealth(t, ref("Job", "h"), syncline.Degraded, "the second run fails")
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "the second run fails")
	if r := s.state.Results[0]; r.Phase != syncline.PreSync || r.State != syncline.OperationSucceeded {
		t.Errorf("the outcome of the first run is not its own: %+v", r)
	}
}

func TestAHookOfSeveralPhasesMayKeepItsObject(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync,PostSync", policy("HookFailed"))), object("ConfigMap", "a", ""))
	s.on(t)
	first := s.UID(ref("Job", "h"))
	s.healthy(t, ref("Job", "h"))
	s.on(t)
	s.expectWrites(t, "run batch/Job/shop/h", "create ConfigMap/shop/a", "run batch/Job/shop/h", "unhold batch/Job/shop/h")
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if s.UID(ref("Job", "h")) != first {
		t.Error("it was made anew")
	}
}

func TestATerminationKeepsWhatNoPolicyDeletes(t *testing.T) {
	for annotation, kept := range map[string]bool{
		"helm.sh/resource-policy: keep":                     true,
		"argocd.argoproj.io/hook-delete-policy: HookFailed": false,
	} {
		s := tell(object("Job", "h", hook("PreSync", annotation)))
		s.on(t)
		s.state.Phase = syncline.OperationTerminating
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "terminated")
		if stays := s.UID(ref("Job", "h")) != ""; stays != kept {
			t.Errorf("%s: it stays %v", annotation, stays)
		}
	}
}

func TestOperationsWithoutHooks(t *testing.T) {
	for name, op := range map[string]syncline.Operation{
		"strategy apply": {SkipHooks: true},
		"some objects":   {Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "a"}, {Group: "batch", Kind: "Job", Name: "h"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(object("Job", "h", hook("PreSync")), object("ConfigMap", "a", ""))
			s.begin(op)
			s.on(t)
			s.expectWrites(t, "create ConfigMap/shop/a")
			s.expectPhase(t, syncline.OperationSucceeded, "")
		})
	}
}

func TestLetGo(t *testing.T) {
	s := tell(object("Job", "declared", hook("PreSync")), object("Job", "left", hook("PreSync")), object("Job", "busy", hook("PreSync")))
	s.on(t)
	s.declare(object("Job", "declared", hook("PreSync")), object("Job", "busy", hook("PreSync")))
	for _, name := range []string{"declared", "left"} {
		s.Delete(ref("Job", name))
	}
	s.wrote()
	t.Run("keeps what the operation needs", func(t *testing.T) {
		if err := apply.UnholdTerminating(t.Context(), s.input(t)); err != nil {
			t.Fatal(err)
		}
		s.expectWrites(t, "unhold batch/Job/shop/left")
	})
	t.Run("releases the rest", func(t *testing.T) {
		s.state.Phase, s.state.StartedAt = syncline.OperationError, noon.Add(1) // it ended without a step
		s.begin(syncline.Operation{})
		if err := apply.UnholdTerminating(t.Context(), s.input(t)); err != nil {
			t.Fatal(err)
		}
		s.expectWrites(t, "unhold batch/Job/shop/declared")
		if got := s.Refs(); !slices.Equal(got, []string{"batch/Job/shop/busy"}) {
			t.Errorf("left are %q", got)
		}
	})
}

func TestARefusedHookIsNotReleased(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync")))
	s.on(t)
	s.Delete(ref("Job", "h"))
	s.begin(syncline.Operation{})
	s.judge = func(syncline.Change) error { return syncline.Errorf(syncline.Denied, "no") }
	s.wrote()
	if err := apply.UnholdTerminating(t.Context(), s.input(t)); err != nil {
		t.Fatal(err)
	}
	s.expectWrites(t)
}

func TestAFailureToReleaseIsTriedAgain(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync")))
	s.on(t)
	s.healthy(t, ref("Job", "h"))
	failing := true
	s.Answer = func(r enginetest.Request) error {
		if failing && r.Verb == enginetest.Verb(syncline.Unhold) {
			return syncline.Errorf(syncline.Transient, "try later")
		}
		return nil
	}
	if _, err := s.once(t); err != nil {
		t.Fatal(err)
	}
	if _, err := s.once(t); syncline.KindOf(err) != syncline.Transient {
		t.Fatalf("got %v", err)
	}
	s.expectPhase(t, syncline.OperationRunning, "will be tried again: release the object of hook batch/Job/shop/h: try later")
	failing = false
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestAnOperationLetsGoOfAHookThatLeftTheSource(t *testing.T) {
	s := tell(object("Job", "left", hook("PreSync")))
	s.on(t)
	s.declare(object("ConfigMap", "a", ""))
	s.begin(syncline.Operation{Prune: true})
	s.Delete(ref("Job", "left"))
	s.wrote()
	s.on(t)
	s.expectWrites(t, "unhold batch/Job/shop/left", "create ConfigMap/shop/a")
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if len(s.state.Results) != 1 {
		t.Errorf("it counts as something that was synced: %q", s.results())
	}
}

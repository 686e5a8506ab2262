package apply_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func TestValidationComesBeforeTheFirstWrite(t *testing.T) {
	fine := object("ConfigMap", "fine", wave(-5))
	for name, test := range map[string]struct {
		prepare func(s *story)
		want    string
	}{
		"an unknown kind": {
			func(s *story) { s.declare(fine, object("Wheel", "w", "")) },
			"one or more synchronization tasks are not valid: example.com/Wheel/shop/w: the cluster has no kind Wheel.example.com",
		},
		"an unknown kind of a hook": {
			func(s *story) { s.declare(fine, object("Wheel", "w", hook("PostSync"))) },
			"tasks are not valid: example.com/Wheel/shop/w",
		},
		"a missing namespace": {
			func(s *story) { s.app.Destination.Namespace = ""; s.declare(object("Namespace", "new", ""), fine) },
			"Namespace for fine /v1, Kind=ConfigMap is missing",
		},
		"a refused object": {
			func(s *story) {
				s.judge = func(c syncline.Change) error {
					if c.Ref.Kind != "Secret" {
						return nil
					}
					return syncline.WithHint(syncline.Errorf(syncline.Denied, "resource :Secret is not permitted"), "allow it")
				}
				s.declare(fine, object("Secret", "s", ""))
			},
			"Secret/shop/s: resource :Secret is not permitted",
		},
		"an object that the API server refuses": {
			func(s *story) {
				s.Put(t, strings.Replace(object("ConfigMap", "c", ""), "name: c", "name: c, namespace: shop", 1))
				s.Answer = func(r enginetest.Request) error {
					if r.Verb == enginetest.DryRun {
						return syncline.Errorf(syncline.Invalid, "data is immutable")
					}
					return nil
				}
				s.declare(fine, object("ConfigMap", "c", ""))
			},
			"ConfigMap/shop/c: data is immutable",
		},
		"what needs something that is not part of it": {
			func(s *story) {
				inside := strings.Replace(object("ConfigMap", "c", ""), "name: c", "name: c, namespace: new", 1)
				s.declare(object("Namespace", "new", ""), inside)
				s.begin(syncline.Operation{Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "c"}}})
			},
			"it needs Namespace/new, which is not in the cluster and not part of this operation",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell()
			test.prepare(s)
			s.Requests()
			s.on(t)
			s.expectWrites(t)
			s.expectPhase(t, syncline.OperationFailed, test.want)
			if len(s.state.Results) != 1 || s.state.Results[0].Code != syncline.ResultFailed {
				t.Errorf("got the results %q", s.results())
			}
		})
	}
}

func TestARefusedObjectThatIsAsDesiredFailsNothing(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	s.on(t)
	s.begin(syncline.Operation{Prune: true})
	s.judge = func(syncline.Change) error { return syncline.Errorf(syncline.Denied, "no") }
	s.wrote()
	s.on(t)
	s.expectWrites(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

func TestARefusedPruneThatNobodyAskedForFailsNothing(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	s.on(t)
	s.begin(syncline.Operation{})
	s.declare()
	s.judge = func(syncline.Change) error { return syncline.Errorf(syncline.Denied, "no") }
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
	if r := s.result(t, "a"); r.Code != syncline.ResultPruneSkipped {
		t.Errorf("got %+v", r)
	}
}

func TestNothingIsWrittenWithoutAGrant(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""), object("Job", "h", hook("PreSync")))
	in := s.input(t)
	in.Grant, in.Refused = syncline.Grant{}, nil
	stepOf(t, s, in)
	s.expectWrites(t)
	if s.state.Phase.Done() && s.state.Phase != syncline.OperationFailed {
		t.Errorf("the operation is %s", s.state.Phase)
	}
}

func TestAConflictIsPlannedAgain(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""), object("ConfigMap", "b", ""))
	s.on(t)
	s.begin(syncline.Operation{})
	s.declare(strings.ReplaceAll(object("ConfigMap", "a", ""), `"1"`, `"2"`), strings.ReplaceAll(object("ConfigMap", "b", ""), `"1"`, `"2"`))
	replaced := false
	s.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.Verb(syncline.Update) && r.Ref.Name == "a" && !replaced {
			replaced = true // somebody else deletes it and makes another
			s.Delete(r.Ref)
			s.Add(enginetest.Objects(t, strings.Replace(object("ConfigMap", "a", ""), "name: a", "name: a, namespace: shop", 1))[0].Reveal().Object)
		}
		return nil
	}
	if _, err := s.once(t); syncline.KindOf(err) != syncline.Conflict {
		t.Fatalf("got %v, want a conflict", err)
	}
	s.expectPhase(t, syncline.OperationRunning, "will be tried again")
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
	for _, r := range s.state.Results {
		if r.Code != syncline.ResultSynced {
			t.Errorf("got %+v", r)
		}
	}
}

func TestAFailureNamesItsObjectOnce(t *testing.T) {
	s := tell(object("Deployment", "web", ""))
	s.Answer = func(r enginetest.Request) error {
		if r.Write.Action == syncline.Create {
			return syncline.Errorf(syncline.Invalid, "apps/Deployment/shop/web apply failed: no")
		}
		return nil
	}
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "reason: apps/Deployment/shop/web apply failed: no")
}

func TestAMessageListsTheFirstFailures(t *testing.T) {
	var all []string
	for i := range 1000 {
		all = append(all, object("ConfigMap", fmt.Sprintf("m%04d", i), ""))
	}
	s := tell(all...)
	s.Answer = func(r enginetest.Request) error {
		if r.Write.Action == syncline.Create {
			return syncline.Errorf(syncline.Denied, "exceeded quota")
		}
		return nil
	}
	s.on(t)
	s.expectPhase(t, syncline.OperationFailed, "ConfigMap/shop/m0009: exceeded quota; and 990 more objects")
	if len(s.state.Message) > 1000 || len(s.state.Results) != 1000 {
		t.Errorf("%d bytes, %d results", len(s.state.Message), len(s.state.Results))
	}
}

func TestFailuresThatPassAreToldTogether(t *testing.T) {
	var all []string
	for i := range 5 {
		all = append(all, object("ConfigMap", fmt.Sprintf("m%d", i), ""))
	}
	s := tell(all...)
	s.Answer = func(r enginetest.Request) error {
		if r.Write.Action == syncline.Create {
			return syncline.Errorf(syncline.Transient, "503")
		}
		return nil
	}
	if _, err := s.once(t); syncline.KindOf(err) != syncline.Transient {
		t.Fatalf("got %v", err)
	}
	s.expectPhase(t, syncline.OperationRunning, "ConfigMap/shop/m0: 503; ConfigMap/shop/m1: 503; ConfigMap/shop/m2: 503; and 2 more objects")
}

func TestAPassingFailureIsTriedAgain(t *testing.T) {
	for _, kind := range []syncline.Kind{syncline.Transient, syncline.Conflict} {
		t.Run(string(kind), func(t *testing.T) {
			s := tell(object("Deployment", "web", ""), object("ConfigMap", "later", wave(1)), object("ConfigMap", "same", ""), object("Secret", "same", ""))
			s.Cluster.Health["ConfigMap"] = syncline.Health{Status: syncline.Progressing}
			failing := true
			s.Answer = func(r enginetest.Request) error {
				if failing && r.Ref == ref("Deployment", "web") {
					return syncline.Errorf(kind, "429")
				}
				return nil
			}
			if _, err := s.once(t); syncline.KindOf(err) != kind {
				t.Fatalf("got %v", err)
			}
			s.expectPhase(t, syncline.OperationRunning, "will be tried again: apps/Deployment/shop/web: 429")
			failing = false
			s.wrote()
			s.on(t)
			// What is of the same wave does not wait for the health of what was done.
			s.expectWrites(t, "create apps/Deployment/shop/web")
			s.expectPhase(t, syncline.OperationRunning, "waiting for healthy state of")
		})
	}
}

func TestImpatienceMakesFailuresFinal(t *testing.T) {
	for _, kind := range []syncline.Kind{syncline.Transient, syncline.Conflict} {
		s := tell(object("ConfigMap", "a", ""))
		s.Answer = func(enginetest.Request) error { return syncline.Errorf(kind, "no way") }
		s.impatient = true
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "ConfigMap/shop/a: no way")
	}
}

func TestAFailureDoesNotStopTheRestOfItsStep(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""), object("Secret", "b", ""), object("ConfigMap", "later", wave(1)))
	s.Answer = func(r enginetest.Request) error {
		if r.Ref.Kind == "Secret" {
			return syncline.WithHint(syncline.Errorf(syncline.Invalid, "data is wrong"), "correct it")
		}
		return nil
	}
	s.on(t)
	s.expectWrites(t, "create Secret/shop/b", "create ConfigMap/shop/a")
	s.expectPhase(t, syncline.OperationFailed, "reason: Secret/shop/b: data is wrong; correct it")
}

func TestAPanicOfTheWriterReachesTheCaller(t *testing.T) {
	s := tell(object("ConfigMap", "a", ""))
	s.Answer = func(enginetest.Request) error { panic("a defect") }
	defer func() {
		if recover() == nil {
			t.Error("it did not panic in the caller's goroutine, where it can be caught")
		}
	}()
	_, _ = s.once(t)
}

func TestDryRun(t *testing.T) {
	s := tell(object("ConfigMap", "kept", ""), object("ConfigMap", "left", ""), object("ConfigMap", "going", ""))
	s.on(t)
	s.Hold(t, ref("ConfigMap", "going"))
	s.Delete(ref("ConfigMap", "going"))
	s.declare(object("ConfigMap", "kept", ""), object("ConfigMap", "fresh", ""), object("ConfigMap", "going", ""), object("Job", "h", hook("PreSync")))
	s.begin(syncline.Operation{DryRun: true, Prune: true})
	s.wrote()
	s.on(t)
	s.expectWrites(t)
	s.expectPhase(t, syncline.OperationSucceeded, "dry run")
	for name, want := range map[string]string{
		"fresh": "create (dry run): it is not in the cluster", "left": "prune (dry run): it is no longer in the source",
		"h": "run (dry run): PreSync hook", "kept": "configmap/kept unchanged", "going": "create (dry run): the live object is being deleted; it is created again when it is gone",
	} {
		if got := s.result(t, name).Message; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	t.Run("of what cannot be done", func(t *testing.T) {
		s := tell(object("ConfigMap", "fine", ""), object("Secret", "refused", ""), object("Wheel", "unknown", ""))
		s.judge = func(c syncline.Change) error {
			if c.Ref.Kind == "Secret" {
				return syncline.Errorf(syncline.Denied, "it is not permitted")
			}
			return nil
		}
		s.begin(syncline.Operation{DryRun: true})
		s.on(t)
		s.expectWrites(t)
		s.expectPhase(t, syncline.OperationFailed, "(dry run): Secret/shop/refused: it is not permitted; example.com/Wheel/shop/unknown:")
	})
}

func TestTermination(t *testing.T) {
	s := tell(object("Job", "done", hook("PreSync")), object("Job", "busy", hook("PostSync")), object("ConfigMap", "a", ""), object("ConfigMap", "b", wave(1)))
	s.on(t)
	s.healthy(t, ref("Job", "done"))
	s.on(t)
	s.state.Phase = syncline.OperationTerminating
	s.wrote()
	s.on(t)
	s.expectWrites(t, "unhold batch/Job/shop/done", "prune batch/Job/shop/busy", "unhold batch/Job/shop/busy")
	s.expectPhase(t, syncline.OperationFailed, "Operation terminated")
	if len(finalizers(t, s, ref("Job", "done"))) > 0 {
		t.Error("the object of a hook that was done can never be deleted")
	}
	if r := s.result(t, "busy"); r.State != syncline.OperationFailed || r.Message != "Terminated" {
		t.Errorf("got %+v", r)
	}
	t.Run("of a hook that was not yet noted", func(t *testing.T) {
		s := tell(object("Job", "h", hook("PreSync")))
		before := s.state
		s.on(t)
		s.state = before // the process was killed
		s.state.Phase = syncline.OperationTerminating
		s.on(t)
		s.expectPhase(t, syncline.OperationFailed, "Operation terminated")
		if refs := s.Refs(); len(refs) > 0 {
			t.Errorf("it still runs: %q", refs)
		}
	})
}

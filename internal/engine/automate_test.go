package engine_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func drift(t *testing.T, w *world, name string) {
	t.Helper()
	w.Edit(t, ref("ConfigMap", name), func(u *unstructured.Unstructured) { _ = unstructured.SetNestedField(u.Object, "drifted", "data", "x") })
}

// TestWhatIsSyncedByItself is the table of argo-cd's automated sync, over whole
// turns.
func TestWhatIsSyncedByItself(t *testing.T) {
	all := syncline.SyncPolicy{Automated: true, Prune: true, SelfHeal: true}
	for name, test := range map[string]struct {
		policy syncline.SyncPolicy
		// happen happens after a first sync of the ConfigMaps a and b.
		happen func(t *testing.T, w *world)
		writes []string
		// condition is part of what the App says then.
		condition string
	}{
		"a new revision, not automated": {syncline.SyncPolicy{Prune: true, SelfHeal: true},
			func(_ *testing.T, w *world) { w.commit(config("a", "2"), config("b", "1")) }, nil, ""},
		"a new revision": {syncline.SyncPolicy{Automated: true},
			func(_ *testing.T, w *world) { w.commit(config("a", "2"), config("b", "1")) }, []string{"update ConfigMap/shop/a"}, ""},
		"a new revision that changes nothing": {all,
			func(_ *testing.T, w *world) { w.commit(config("a", "1"), config("b", "1")) }, nil, ""},
		"drift, no self-heal": {syncline.SyncPolicy{Automated: true, Prune: true},
			func(t *testing.T, w *world) { drift(t, w, "a") }, nil, ""},
		"drift": {all,
			func(t *testing.T, w *world) { drift(t, w, "a") }, []string{"update ConfigMap/shop/a"}, ""},
		"a deleted object": {all,
			func(_ *testing.T, w *world) { w.Delete(ref("ConfigMap", "a")) }, []string{"create ConfigMap/shop/a"}, ""},
		"something to prune, no prune": {syncline.SyncPolicy{Automated: true, SelfHeal: true},
			func(_ *testing.T, w *world) { w.commit(config("a", "1")) }, nil, ""},
		"something to prune": {all,
			func(_ *testing.T, w *world) { w.commit(config("a", "1")) }, []string{"prune ConfigMap/shop/b"}, ""},
		"something to prune and to change, no prune": {syncline.SyncPolicy{Automated: true},
			func(_ *testing.T, w *world) { w.commit(config("a", "2")) }, []string{"update ConfigMap/shop/a"}, ""},
		"everything to prune": {all,
			func(_ *testing.T, w *world) { w.commit("") }, nil, "auto-sync will wipe out all resources"},
		"everything to prune, allowed": {syncline.SyncPolicy{Automated: true, Prune: true, AllowEmpty: true},
			func(_ *testing.T, w *world) { w.commit("") }, []string{"prune ConfigMap/shop/a", "prune ConfigMap/shop/b"}, ""},
		"drift of what another claims": {all, func(t *testing.T, w *world) {
			drift(t, w, "a")
			w.Edit(t, ref("ConfigMap", "a"), func(u *unstructured.Unstructured) {
				u.SetAnnotations(map[string]string{convention.Tracking: "api:/ConfigMap:shop/a"})
			})
		}, nil, "ConfigMap/a is part of applications web and api"},
		"a claim and something to prune, no prune": {syncline.SyncPolicy{Automated: true, SelfHeal: true}, func(t *testing.T, w *world) {
			w.app.Policy = syncline.SyncPolicy{Automated: true, SelfHeal: true}
			w.commit(config("a", "2"))
			w.settle(t)
			w.wrote()
			w.Edit(t, ref("ConfigMap", "a"), func(u *unstructured.Unstructured) {
				u.SetAnnotations(map[string]string{convention.Tracking: "api:/ConfigMap:shop/a"})
			})
			began := w.last.Operation.StartedAt
			w.after(time.Hour)
			w.settle(t)
			if !w.last.Operation.StartedAt.Equal(began) {
				t.Errorf("an operation began that can do nothing: %+v", w.last.Operation)
			}
		}, nil, "part of applications"},
		"another destination": {syncline.SyncPolicy{Automated: true, Prune: true}, func(_ *testing.T, w *world) {
			w.Put(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}")
			w.app.Destination.Namespace = "other"
		}, []string{"create ConfigMap/other/a", "create ConfigMap/other/b", "prune ConfigMap/shop/a", "prune ConfigMap/shop/b"}, ""},
		"a revision that failed for an option": {all, func(t *testing.T, w *world) {
			var failing atomic.Bool
			failing.Store(true)
			refuseUpdates(w, &failing)
			w.app.Policy.Retry, w.app.Policy.Options = &syncline.Retry{}, option.List{"Validate=false"}
			w.commit(config("a", "2"), config("b", "1"))
			w.settle(t)
			failing.Store(false)
			w.settle(t)
			w.wrote()
		}, []string{"update ConfigMap/shop/a"}, ""},
		"a revision that failed": {all, func(t *testing.T, w *world) {
			var failing atomic.Bool
			failing.Store(true)
			refuseUpdates(w, &failing)
			w.app.Policy.Retry = &syncline.Retry{}
			w.commit(config("a", "2"), config("b", "1"))
			w.settle(t)
			failing.Store(false)
			w.after(time.Hour)
			w.wrote()
		}, nil, "Failed last sync attempt to [c2]: one or more synchronization tasks completed unsuccessfully, reason: ConfigMap/shop/a: refused"},
		"a revision after one that failed": {all, func(t *testing.T, w *world) {
			var failing atomic.Bool
			failing.Store(true)
			refuseUpdates(w, &failing)
			w.app.Policy.Retry = &syncline.Retry{}
			w.commit(config("a", "2"), config("b", "1"))
			w.settle(t)
			failing.Store(false)
			w.wrote()
			w.commit(config("a", "3"), config("b", "1"))
		}, []string{"update ConfigMap/shop/a"}, ""},
		"a revision of which only a dry run was made": {syncline.SyncPolicy{Automated: true}, func(t *testing.T, w *world) {
			w.app.Policy = syncline.SyncPolicy{}
			w.commit(config("a", "2"), config("b", "1"))
			w.sync(t, syncline.Operation{DryRun: true})
		}, []string{"update ConfigMap/shop/a"}, ""},
		"drift after a dry run, no self-heal": {syncline.SyncPolicy{Automated: true}, func(t *testing.T, w *world) {
			w.sync(t, syncline.Operation{DryRun: true})
			drift(t, w, "a")
		}, nil, ""},
		"a revision of which a person synced a part": {syncline.SyncPolicy{Automated: true}, func(t *testing.T, w *world) {
			w.app.Policy = syncline.SyncPolicy{}
			w.commit(config("a", "2"), config("b", "2"))
			w.sync(t, syncline.Operation{Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "b"}}})
			w.wrote()
		}, []string{"update ConfigMap/shop/a"}, ""},
		"the same revision of another source": {syncline.SyncPolicy{Automated: true}, func(t *testing.T, w *world) {
			w.app.Sources = []syncline.Source{{RepoURL: "https://git.example/web", Path: "other"}}
			drift(t, w, "a")
		}, []string{"update ConfigMap/shop/a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"), config("b", "1"))
			w.sync(t, syncline.Operation{})
			w.after(time.Hour)
			w.wrote()
			w.app.Policy = test.policy
			test.happen(t, w)
			w.app.Policy = test.policy
			w.after(time.Minute)
			w.settle(t)
			w.expectWrites(t, test.writes...)
			if began := w.last.Operation.StartedAt.Equal(w.now); began != (test.writes != nil) {
				t.Errorf("an operation began: %v", began)
			}
			said := fmt.Sprint(w.last.Conditions)
			if !strings.Contains(said, test.condition) || test.condition == "" && len(w.last.Conditions) > 0 {
				t.Errorf("it says %s, want %q", said, test.condition)
			}
		})
	}
}

func TestRepairsThatDoNotLast(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	w.settle(t)
	for i, seconds := range []int{0, 2, 6, 18, 54, 162, 300, 300} {
		pause := time.Duration(seconds) * time.Second
		drift(t, w, "a")
		w.wrote()
		if pause > 0 {
			result := w.settle(t)
			w.expectWrites(t)
			if want := w.now.Add(pause); !result.At.Equal(want) {
				t.Fatalf("repair %d is due at %s, want %s", i, result.At, want)
			}
			if b := w.last.Waiting; len(b) != 1 || !b[0].Until.Equal(result.At) {
				t.Errorf("it waits for %+v", b)
			}
			w.after(pause)
		}
		w.settle(t)
		w.expectWrites(t, "update ConfigMap/shop/a")
		op := w.last.Operation
		if op.Operation.SelfHealAttempts != int64(i+1) || len(op.Operation.Selection) != 1 || len(w.last.History) != 1 {
			t.Fatalf("got %+v and the history %+v", op.Operation, w.last.History)
		}
	}
	t.Run("but a quiet time does", func(t *testing.T) {
		w.after(7 * time.Minute)
		drift(t, w, "a")
		w.settle(t)
		w.expectWrites(t, "update ConfigMap/shop/a")
		if got := w.last.Operation.Operation.SelfHealAttempts; got != 1 {
			t.Errorf("it is repair #%d", got)
		}
	})
	t.Run("and a new revision is no repair", func(t *testing.T) {
		w.commit(config("a", "2"), config("b", "1"))
		w.settle(t)
		if got := w.last.Operation.Operation.SelfHealAttempts; got != 0 {
			t.Errorf("it is repair #%d", got)
		}
	})
}

func TestARepairOfOneNamespaceTouchesNoOther(t *testing.T) {
	other := strings.Replace(config("a", "1"), "name: a", "name: a, namespace: default", 1)
	w := newWorld(config("a", "1"), other)
	w.automate()
	w.settle(t)
	w.wrote()
	drift(t, w, "a")
	w.settle(t)
	w.expectWrites(t, "update ConfigMap/shop/a")
}

func TestAnAutomatedOperationIsRetriedAndThenGivenUp(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	var failing atomic.Bool
	failing.Store(true)
	refuseUpdates(w, &failing)
	w.commit(config("a", "2"))
	for range 10 {
		w.settle(t)
		w.after(3 * time.Minute)
	}
	w.expectOperation(t, syncline.OperationFailed, "(retried 5 times)")
	w.expectCondition(t, syncline.SyncError, "Failed last sync attempt to [c2]")
}

func TestAnAutomatedOperationThatCouldNotBePerformedComesAgain(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.app.Policy.Retry = &syncline.Retry{}
	w.settle(t)
	w.commit(config("a", "2"))
	broken := true
	w.Answer = func(r enginetest.Request) error {
		if broken && (r.Verb == enginetest.Verb(syncline.Update) || w.failures > 0) {
			return syncline.Errorf(syncline.Transient, "500")
		}
		return nil
	}
	w.settle(t)
	drift(t, w, "a") // so that every turn has to compare
	w.outlast(t, 2*time.Minute)
	w.expectOperation(t, syncline.OperationError, "500")
	broken = false
	result := w.settle(t)
	w.expectCondition(t, syncline.SyncError, "Failed last sync attempt to [c2]")
	if want := w.last.Operation.FinishedAt.Add(5 * time.Minute); !result.At.Equal(want) {
		t.Errorf("it comes again at %s, want %s", result.At, want)
	}
	w.after(5 * time.Minute)
	w.settle(t)
	w.expectSync(t, syncline.Synced, "c2")
}

package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

func TestAnOperationIsWrittenDownBeforeItWrites(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.app.Request = &syncline.Operation{Prune: true}
	result := w.turn(t)
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationRunning, "running")
	if !result.Again || !w.last.Consumed || w.app.Request != nil {
		t.Errorf("got %+v", result)
	}
	if !slices.ContainsFunc(w.last.Objects, func(o syncline.ObjectReport) bool { return o.Ref == ref("ConfigMap", "a") }) {
		t.Error("the kind of what it makes is not written down")
	}
	result = w.turn(t)
	w.expectWrites(t, "create ConfigMap/shop/a")
	w.expectOperation(t, syncline.OperationSucceeded, "all tasks run")
	if !result.Again {
		t.Error("the App is not looked at as declared")
	}
	w.commit(config("a", "2"))
	w.app.Request = &syncline.Operation{}
	w.turn(t)
	w.expectWrites(t) // also when all kinds are known: the request may have changed meanwhile
	w.expectOperation(t, syncline.OperationRunning, "running")
}

func TestAnOutcomeThatCouldNotBeKeptIsNotLost(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.foreign = true
	w.automate()
	w.settle(t)
	w.wrote()
	w.commit(config("a", "2"))
	w.turn(t)
	w.expectWrites(t) // where nobody could know that it was done
	w.expectOperation(t, syncline.OperationRunning, "running")
	begun := w.app
	w.turn(t)
	w.expectWrites(t, "update ConfigMap/shop/a")
	w.app = begun // the report was refused, or the process killed
	w.settle(t)
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	if h := w.last.History; len(h) != 2 || h[1].Revisions[0] != "c2" {
		t.Errorf("the history does not know what was deployed: %+v", h)
	}
}

// expectNothingLost loses the report of the App's last turn, which delivered
// ConfigMaps, and wants the history to know these deployments all the same.
func (w *world) expectNothingLost(t *testing.T, begun syncline.App, deployed ...string) {
	t.Helper()
	for name, lose := range map[string]func(){
		"everything was done": func() {},
		"something was done":  func() { w.Delete(ref("ConfigMap", "b")) },
	} {
		t.Run("lost, when "+name, func(t *testing.T) {
			w.app = begun // the report was refused, or the process killed
			lose()
			w.restart()
			w.settle(t)
			w.expectOperation(t, syncline.OperationSucceeded, "")
			var revisions []string
			for _, d := range w.last.History {
				revisions = append(revisions, d.Revisions...)
			}
			if !slices.Equal(revisions, deployed) {
				t.Errorf("the history knows %q, want %q", revisions, deployed)
			}
		})
	}
}

func TestAFirstSyncIsWrittenDownOnce(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	begun := w.app
	w.turn(t)
	w.expectWrites(t, "create ConfigMap/shop/a", "create ConfigMap/shop/b")
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.Synced, "c1")
	w.expectNothingLost(t, begun, "c1")
}

func TestACommitIsWrittenDownOnce(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"))
	w.automate()
	w.settle(t)
	w.wrote()
	w.commit(config("a", "2"), config("b", "2"))
	begun := w.app
	w.turn(t)
	w.expectWrites(t, "update ConfigMap/shop/a", "update ConfigMap/shop/b")
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.Synced, "c2")
	w.expectNothingLost(t, begun, "c1", "c2")
}

func TestACommitThatChangesNothingIsNoDeployment(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.commit(config("a", "1"))
	w.restart()
	w.settle(t)
	w.expectSync(t, syncline.Synced, "c2")
	if h := w.last.History; len(h) != 1 {
		t.Errorf("the history is %+v", h)
	}
}

func TestARepairIsWrittenDownOnce(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	w.wrote()
	before := w.kept
	w.Delete(ref("ConfigMap", "a"))
	w.settle(t)
	w.expectWrites(t, "create ConfigMap/shop/a")
	if w.kept != before+1 {
		t.Errorf("%d reports were kept", w.kept-before)
	}
	w.after(time.Hour)
	w.commit(config("a", "1")) // which touches other Apps
	w.settle(t)
	before = w.kept
	w.Delete(ref("ConfigMap", "a"))
	w.settle(t)
	w.expectWrites(t, "create ConfigMap/shop/a")
	if op := w.last.Operation.Operation; w.kept != before+1 || op.SelfHealAttempts != 1 {
		t.Errorf("%d reports were kept after a commit, attempt %d", w.kept-before, op.SelfHealAttempts)
	}
}

func TestWhatCannotBeRepeatedIsWrittenDownFirst(t *testing.T) {
	deployed := func(w *world) {
		w.app.Past.History = []syncline.Deployment{{Revisions: []string{"c0"}}}
		w.app.Past.Rendered = "c0"
		w.app.Past.Objects = []syncline.ObjectReport{{Ref: ref("ConfigMap", "a"), Version: "v1"}}
	}
	for name, set := range map[string]func(*world){
		"a kind that the App did not have": func(w *world) { deployed(w); w.app.Past.Objects = nil },
		"what failed at the same commit": func(w *world) {
			deployed(w)
			w.app.Past.Operation = failedOnce(w)
			w.app.Past.Operation.Phase, w.app.Past.Operation.Operation.Options = syncline.OperationFailed, option.List{"Validate=false"}
		},
		"a hook":                           func(w *world) { w.commit(config("a", "1"), job("h", "PreSync")) },
		"a person":                         func(w *world) { w.app.Policy.Automated, w.app.Request = false, &syncline.Operation{} },
		"a retry":                          func(w *world) { w.app.Past.Operation = failedOnce(w) },
		"a commit after what is not known": func(w *world) { w.app.Past.History = []syncline.Deployment{{Revisions: []string{"c0"}}} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"))
			w.automate()
			set(w)
			w.turn(t)
			w.expectWrites(t)
			w.expectOperation(t, syncline.OperationRunning, "")
		})
	}
}

// failedOnce is an automated operation whose next attempt is due.
func failedOnce(w *world) *syncline.OperationState {
	return &syncline.OperationState{
		Operation: syncline.Operation{By: syncline.Initiator{Automated: true}, Retry: syncline.Retry{Limit: 5}},
		Phase:     syncline.OperationRunning, Sources: w.app.Sources, Revisions: []string{"c1"}, RetryCount: 1,
		StartedAt: w.now.Add(-time.Hour), FinishedAt: w.now.Add(-time.Hour),
	}
}

func TestARevisionThatWasAskedFor(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.commit(config("a", "2"))
	w.sync(t, syncline.Operation{Revisions: []string{"c1"}})
	w.expectOperation(t, syncline.OperationSucceeded, "")
	if got := w.last.Operation.Revisions; !slices.Equal(got, []string{"c1"}) {
		t.Errorf("it delivered %q", got)
	}
	w.expectSync(t, syncline.OutOfSync, "c2") // what is declared is another one
	w.sync(t, syncline.Operation{Revisions: []string{"c9"}})
	w.expectOperation(t, syncline.OperationError, "no revision c9")
}

func TestACommitDuringAnOperationIsNotLost(t *testing.T) {
	w := newWorld(config("a", "1"), job("h", "PreSync"))
	w.automate()
	w.settle(t)
	w.commit(config("a", "2"))
	w.settle(t) // the commit's event; the operation keeps to its revision
	w.expectSync(t, syncline.OutOfSync, "c1")
	w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
	w.settle(t) // no other event follows
	w.expectSync(t, syncline.Synced, "c2")
}

func TestHistory(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.app.HistoryLimit = 2
	for i := range 4 {
		w.commit(config("a", fmt.Sprint(i)))
		w.after(time.Minute)
		w.sync(t, syncline.Operation{By: syncline.Initiator{Username: "ann"}})
	}
	got := w.last.History
	if len(got) != 2 || got[0].ID != 2 || got[1].ID != 3 || got[1].Revisions[0] != "c5" || got[1].By.Username != "ann" ||
		!got[1].StartedAt.Equal(w.now) || !got[1].DeployedAt.Equal(w.now) || len(got[1].Sources) != 1 {
		t.Errorf("got %+v", got)
	}
	for name, op := range map[string]syncline.Operation{
		"partial":   {Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "a"}}},
		"a dry run": {DryRun: true},
	} {
		t.Run(name, func(t *testing.T) {
			w.sync(t, op)
			w.expectOperation(t, syncline.OperationSucceeded, "")
			if len(w.last.History) != 2 || w.last.History[1].ID != 3 {
				t.Errorf("it is in the history: %+v", w.last.History)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		w.app.HistoryLimit = 0
		w.sync(t, syncline.Operation{})
		if len(w.last.History) != 0 {
			t.Errorf("got %+v", w.last.History)
		}
	})
}

// refuseUpdates makes the cluster refuse updates as invalid while *failing.
func refuseUpdates(w *world, failing *atomic.Bool) {
	w.Answer = func(r enginetest.Request) error {
		if failing.Load() && r.Verb == enginetest.Verb(syncline.Update) {
			return syncline.Errorf(syncline.Invalid, "refused")
		}
		return nil
	}
}

func TestRetries(t *testing.T) {
	var failing atomic.Bool
	begin := func(t *testing.T, retry syncline.Retry) *world {
		t.Helper()
		failing.Store(true)
		w := newWorld(config("a", "1"))
		w.sync(t, syncline.Operation{})
		w.commit(config("a", "2"))
		refuseUpdates(w, &failing)
		w.sync(t, syncline.Operation{Retry: retry})
		return w
	}
	t.Run("wait longer each time, and end", func(t *testing.T) {
		w := begin(t, syncline.Retry{Limit: 4, MaxDuration: 30 * time.Second})
		for attempt, seconds := range []int{5, 10, 20, 30} {
			wait := time.Duration(seconds) * time.Second
			w.expectOperation(t, syncline.OperationRunning, fmt.Sprintf("refused. Retrying attempt #%d at %s.", attempt+1,
				w.now.Add(wait).Format(time.RFC3339)))
			if b := w.last.Waiting; len(b) != 1 || !b[0].Until.Equal(w.now.Add(wait)) || b[0].Why == "" {
				t.Errorf("it waits for %+v", b)
			}
			w.wrote()
			w.after(wait - time.Second)
			result := w.settle(t)
			w.expectWrites(t)
			if !result.At.Equal(w.now.Add(time.Second)) || w.last.Operation.RetryCount != int64(attempt+1) {
				t.Errorf("too early: it comes again at %s, after %d attempts", result.At, w.last.Operation.RetryCount)
			}
			w.after(time.Second)
			w.settle(t)
			w.expectWrites(t, "update ConfigMap/shop/a")
		}
		w.expectOperation(t, syncline.OperationFailed, "refused (retried 4 times).")
	})
	t.Run("wait, however short they are declared", func(t *testing.T) {
		w := begin(t, syncline.Retry{Limit: -1, Factor: 1, Duration: time.Millisecond, MaxDuration: time.Millisecond})
		for attempt := int64(1); attempt < 15; attempt++ {
			wait := time.Second
			if attempt > 10 {
				wait = 30 * time.Second
			}
			if b := w.last.Waiting; w.last.Operation.RetryCount != attempt || len(b) != 1 || !b[0].Until.Equal(w.now.Add(wait)) {
				t.Fatalf("at %s attempt #%d waits for %+v", w.now, w.last.Operation.RetryCount, b)
			}
			w.wrote()
			w.after(wait - time.Millisecond)
			w.settle(t)
			w.expectWrites(t)
			w.after(time.Millisecond)
			w.settle(t)
		}
	})
	t.Run("succeed", func(t *testing.T) {
		w := begin(t, syncline.Retry{Limit: -1, Factor: 1, Duration: time.Second})
		for range 10 {
			w.after(time.Second)
			w.settle(t)
		}
		failing.Store(false)
		w.after(30 * time.Second)
		w.settle(t)
		w.expectOperation(t, syncline.OperationSucceeded, "")
		if len(w.last.History) != 2 {
			t.Errorf("got the history %+v", w.last.History)
		}
	})
	for name, test := range map[string]struct {
		refresh bool
		want    string
	}{"keep to their revision": {false, "c2"}, "take the latest revision": {true, "c3"}} {
		t.Run(name, func(t *testing.T) {
			w := begin(t, syncline.Retry{Limit: 3, Refresh: test.refresh})
			w.commit(config("a", "3"))
			w.after(5 * time.Second)
			w.settle(t)
			if got := w.last.Operation.Revisions; got[0] != test.want {
				t.Errorf("the second attempt delivers %q", got)
			}
		})
	}
	t.Run("are not used up by other events", func(t *testing.T) {
		w := begin(t, syncline.Retry{Limit: 1})
		w.renderErr = syncline.Errorf(syncline.Invalid, "not YAML")
		w.settle(t)
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
	})
	t.Run("are given up when terminated", func(t *testing.T) {
		w := begin(t, syncline.Retry{Limit: -1})
		w.app.Past.Operation.Phase = syncline.OperationTerminating
		w.wrote()
		w.settle(t)
		w.expectWrites(t)
		w.expectOperation(t, syncline.OperationFailed, "Operation terminated")
	})
	t.Run("run hooks again, once", func(t *testing.T) {
		w := newWorld(job("h", "PreSync"))
		w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: 1}})
		w.SetHealth(t, ref("Job", "h"), syncline.Degraded, "exit 1")
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
		w.after(5 * time.Second)
		w.wrote()
		w.turn(t)
		w.expectWrites(t) // the new attempt is written down first
		w.settle(t)
		w.expectWrites(t, "prune batch/Job/shop/h", "run batch/Job/shop/h")
	})
}

func TestTermination(t *testing.T) {
	w := newWorld(job("h", "PreSync"), config("a", "1"))
	w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: 5}})
	w.app.Past.Operation.Phase = syncline.OperationTerminating
	w.settle(t)
	w.expectOperation(t, syncline.OperationFailed, "Operation terminated")
	if refs := w.Refs(); len(refs) > 0 {
		t.Errorf("left are %q", refs)
	}
	t.Run("of what cannot be planned any more", func(t *testing.T) {
		w := newWorld(job("h", "PreSync"))
		w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: 5}})
		w.app.Past.Operation.Phase = syncline.OperationTerminating
		w.renderErr = syncline.Errorf(syncline.Transient, "busy")
		w.outlast(t, 2*time.Minute)
		w.expectOperation(t, syncline.OperationError, "busy")
	})
}

func TestPassingFailuresOfAnOperation(t *testing.T) {
	for _, kind := range []syncline.Kind{syncline.Transient, syncline.Conflict} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(config("a", "1"))
			failing := true
			w.Answer = func(r enginetest.Request) error {
				if failing && r.Write.Action != "" {
					return syncline.Errorf(kind, "not now")
				}
				return nil
			}
			result := w.sync(t, syncline.Operation{})
			if !syncline.KindOf(result.Err).Consequence().Retry || result.Again {
				t.Fatalf("it is not tried again with a pause: %+v", result)
			}
			w.expectOperation(t, syncline.OperationRunning, "will be tried again: ConfigMap/shop/a: not now")
			if first := len(w.last.Conditions) > 0; first != (kind == syncline.Transient) {
				t.Errorf("got the conditions %q", w.last.Conditions)
			}
			for range 20 {
				w.settle(t)
			}
			w.expectOperation(t, syncline.OperationRunning, "will be tried again")
			w.expectCondition(t, syncline.SyncError, "not now")
			w.after(59 * time.Second)
			w.settle(t)
			w.expectOperation(t, syncline.OperationRunning, "will be tried again")
			w.after(time.Second)
			w.settle(t)
			w.expectOperation(t, syncline.OperationFailed, "ConfigMap/shop/a: not now")
			failing = false
			w.sync(t, syncline.Operation{})
			w.expectOperation(t, syncline.OperationSucceeded, "")
		})
	}
}

// TestAnAPIServerThatDeniesForAWhile is what happens after its restart, before
// it has read the roles.
func TestAnAPIServerThatDeniesForAWhile(t *testing.T) {
	w := newWorld(job("h", "PreSync"), config("a", "1"))
	w.sync(t, syncline.Operation{Retry: syncline.Retry{Limit: 3}})
	w.expectWrites(t, "run batch/Job/shop/h")
	w.watchErr = syncline.WithHint(syncline.Errorf(syncline.Denied, "jobs is forbidden"), "ask for it")
	if result := w.settle(t); result.Report != nil {
		t.Errorf("a failure of a moment is reported: %+v", result.Report)
	}
	result := w.outlast(t, 10*time.Second)
	if !syncline.KindOf(result.Err).Consequence().Retry || !result.Watching {
		t.Errorf("it is not looked at again: %+v", result)
	}
	w.expectOperation(t, syncline.OperationRunning, "will be tried again: jobs is forbidden")
	w.expectCondition(t, syncline.ComparisonError, "jobs is forbidden; ask for it")
	w.watchErr = nil
	w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
	w.settle(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectWrites(t, "create ConfigMap/shop/a", "unhold batch/Job/shop/h")
	t.Run("and for good", func(t *testing.T) {
		w.app.Request = &syncline.Operation{}
		w.watchErr = syncline.Errorf(syncline.Denied, "jobs is forbidden")
		w.outlast(t, 2*time.Minute)
		w.expectOperation(t, syncline.OperationError, "jobs is forbidden")
	})
}

func TestAPartialOperation(t *testing.T) {
	w := newWorld(config("a", "1"), config("b", "1"), job("h", "PreSync"))
	w.sync(t, syncline.Operation{Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "b", Namespace: "shop"}}})
	w.expectWrites(t, "create ConfigMap/shop/b")
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.expectSync(t, syncline.OutOfSync, "c1")
	if len(w.last.History) != 0 {
		t.Error("it is in the history")
	}
}

func TestLargePrunesWaitForAPerson(t *testing.T) {
	begin := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(many(20)...)
		w.sync(t, syncline.Operation{})
		w.commit(many(5)...)
		w.settle(t)
		w.wrote()
		return w
	}
	t.Run("of an operation", func(t *testing.T) {
		w := begin(t)
		result := w.sync(t, syncline.Operation{Prune: true})
		w.expectWrites(t)
		w.expectOperation(t, syncline.OperationFailed, "prunes 15 of the 20 live objects at once and waits for an approval of "+string(result.Plan.PruneDigest()))
	})
	for name, approval := range map[string]func(w *world) syncline.Digest{
		"approved by what it is": func(w *world) syncline.Digest { return w.settle(t).Plan.PruneDigest() },
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.app.ApprovedPrune = approval(w)
			w.sync(t, syncline.Operation{Prune: true})
			w.expectOperation(t, syncline.OperationSucceeded, "")
			if refs := w.Refs(); len(refs) != 5 {
				t.Errorf("left are %q", refs)
			}
		})
	}
	t.Run("approved for another plan", func(t *testing.T) {
		w := begin(t)
		w.app.ApprovedPrune = w.settle(t).Plan.PruneDigest()
		w.commit(many(4)...)
		w.sync(t, syncline.Operation{Prune: true})
		w.expectWrites(t)
		w.expectOperation(t, syncline.OperationFailed, "waits for an approval")
	})
	t.Run("asked for by name", func(t *testing.T) {
		w := begin(t)
		w.sync(t, syncline.Operation{Prune: true, Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "m19"}}})
		w.expectWrites(t, "prune ConfigMap/shop/m19")
	})
	t.Run("of the App's policy", func(t *testing.T) {
		w := begin(t)
		w.automate()
		result := w.settle(t)
		w.expectWrites(t)
		w.expectCondition(t, syncline.PruneApprovalRequired, string(result.Plan.PruneDigest()))
		w.app.ApprovedPrune = result.Plan.PruneDigest()
		w.settle(t)
		w.expectSync(t, syncline.Synced, "c2")
		if refs := w.Refs(); len(refs) != 5 {
			t.Errorf("left are %q", refs)
		}
	})
	t.Run("that nobody asked for", func(t *testing.T) {
		w := begin(t)
		w.sync(t, syncline.Operation{})
		w.expectOperation(t, syncline.OperationSucceeded, "")
		if refs := w.Refs(); len(refs) != 20 {
			t.Errorf("left are %q", refs)
		}
	})
}

func TestARepairOfTheAppsPolicyIsNoRequestByName(t *testing.T) {
	w := newWorld(many(20)...)
	w.automate()
	w.settle(t)
	// Somebody copies the App's tracking onto objects of their own.
	for i := range 30 {
		w.Put(t, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x%d, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: \"web:/ConfigMap:shop/x%d\"}}", i, i))
	}
	w.after(time.Hour)
	w.wrote()
	w.settle(t)
	w.expectWrites(t)
	w.expectCondition(t, syncline.ClaimedWarning, "objects that are left alone: 30;")
	w.expectSync(t, syncline.Synced, "c1")
	// They stop nothing, and do not let more be pruned.
	w.commit(append(many(20)[:19], config("m19", "2"))...)
	w.settle(t)
	w.expectWrites(t, "update ConfigMap/shop/m19")
	w.commit(many(9)...)
	w.settle(t)
	w.expectWrites(t)
	w.expectCondition(t, syncline.PruneApprovalRequired, "prunes 11 of the 20")
}

func TestWhatIsBeingDeletedIsNotPrunedAgain(t *testing.T) {
	w := newWorld(many(20)...)
	w.automate()
	w.settle(t)
	for i := range 15 {
		w.Hold(t, ref("ConfigMap", fmt.Sprintf("m%02d", i)))
	}
	w.commit(many(20)[15:]...)
	w.settle(t)
	w.app.ApprovedPrune = w.settle(t).Plan.PruneDigest()
	w.wrote()
	w.settle(t)
	if got := len(w.wrote()); got != 15 {
		t.Errorf("%d writes", got)
	}
	w.app.ApprovedPrune = "" // it is used up
	w.settle(t)
	w.expectWrites(t)
	w.expectSync(t, syncline.Synced, "c2")
	w.expectOperation(t, syncline.OperationSucceeded, "")
	if len(w.last.Conditions) > 0 || len(w.last.Objects) != 20 || !w.last.Objects[0].RequiresPruning {
		t.Errorf("got %+v", w.last)
	}
	w.sync(t, syncline.Operation{Prune: true})
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	if result := w.last.Operation.Results; len(result) != 20 {
		t.Errorf("got %+v", result)
	}
}

func TestAKillBetweenTurnsRunsNoHookTwice(t *testing.T) {
	w := newWorld(job("h", "PreSync"), config("a", "1"))
	w.automate()
	created := map[string]int{}
	w.After = func(r enginetest.Request) {
		if r.Write.Action == syncline.Run {
			created[r.Write.Object.Annotation(syncline.AnnotationOperation)]++
		}
	}
	for turn := range 12 {
		before, failures := w.app, w.failures
		w.turn(t)
		if turn%2 == 0 { // the report is lost with the process
			w.app, w.failures = before, failures
			w.restart()
		}
		w.after(time.Second)
		if turn == 6 {
			w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
		}
	}
	w.settle(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	if len(created) != 1 {
		t.Errorf("several operations ran hooks: %v", created)
	}
	for stamp, times := range created {
		if times != 1 {
			t.Errorf("%s ran %d times", stamp, times)
		}
	}
}

func TestAnObjectOfTheSameNameIsNotTouchedUnplanned(t *testing.T) {
	w := newWorld(config("a", "1"), config("left", "1"))
	w.sync(t, syncline.Operation{})
	w.commit(config("a", "1"))
	replaced := types.UID("")
	w.Answer = func(r enginetest.Request) error {
		if r.Write.Action == syncline.Prune && replaced == "" {
			w.Delete(r.Ref)
			w.Put(t, strings.Replace(config("left", "theirs"), "name: left", "name: left, namespace: shop", 1))
			replaced = w.UID(r.Ref)
		}
		return nil
	}
	w.sync(t, syncline.Operation{Prune: true})
	w.settle(t)
	if w.UID(ref("ConfigMap", "left")) != replaced {
		t.Error("the object of somebody else was deleted")
	}
	w.expectOperation(t, syncline.OperationSucceeded, "")
}

func TestALeftHookMayGo(t *testing.T) {
	w := newWorld(job("h", "PreSync"))
	w.sync(t, syncline.Operation{})
	w.SetHealth(t, ref("Job", "h"), syncline.Healthy, "")
	w.settle(t)
	w.Edit(t, ref("Job", "h"), func(u *unstructured.Unstructured) { u.SetFinalizers([]string{syncline.FinalizerHook}) })
	w.commit("")
	w.Delete(ref("Job", "h"))
	w.settle(t)
	if refs := w.Refs(); len(refs) > 0 {
		t.Errorf("%q can never go", refs)
	}
}

// TestOperationsOfOneSecond holds that the hooks of each run, though a status keeps
// seconds only, and a hook that changed is not taken for the last one.
func TestOperationsOfOneSecond(t *testing.T) {
	w := newWorld()
	w.commit(hookOf("first"))
	w.sync(t, syncline.Operation{})
	ref := syncline.Ref{Group: "batch", Kind: "Job", Namespace: "shop", Name: "h"}
	w.SetHealth(t, ref, syncline.Healthy, "")
	w.settle(t)
	w.expectOperation(t, syncline.OperationSucceeded, "")
	w.wrote()
	began := w.app.Past.Operation.StartedAt
	w.after(100 * time.Millisecond)
	w.commit(hookOf("second"))
	w.sync(t, syncline.Operation{})
	w.expectWrites(t, "prune batch/Job/shop/h", "run batch/Job/shop/h")
	if got, _, _ := unstructured.NestedString(w.Live(t, ref).Object, "data", "x"); got != "second" {
		t.Errorf("what ran is the %s", got)
	}
	if w.app.Past.Operation.StartedAt.Equal(began) {
		t.Error("both began at the same time")
	}
	w.app.Past.Operation.StartedAt = w.now.Add(1000 * time.Hour)
	w.app.Past.Operation.Phase = syncline.OperationSucceeded
	w.sync(t, syncline.Operation{})
	if got := w.app.Past.Operation.StartedAt; got.After(w.now) {
		t.Errorf("it began at %s, because the last one is said to have", got)
	}
}

func hookOf(x string) string {
	return fmt.Sprintf("apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {argocd.argoproj.io/hook: PreSync}}\ndata: {x: %s}", x)
}

// TestADeletionTerminatesTheOperationFirst holds that nothing is deleted while a
// hook runs, and before the end of the operation is written down.
func TestADeletionTerminatesTheOperationFirst(t *testing.T) {
	w := newWorld()
	w.commit(hookOf("first"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {argocd.argoproj.io/sync-wave: \"-1\", argocd.argoproj.io/hook: PreSync}}")
	w.sync(t, syncline.Operation{})
	hook := syncline.Ref{Group: "batch", Kind: "Job", Namespace: "shop", Name: "h"}
	w.SetHealth(t, hook, syncline.Progressing, "")
	w.Hold(t, hook)
	w.wrote()
	w.app.Deleting = &syncline.Deletion{Cascade: true, Since: w.now}
	for range 2 {
		w.turn(t)
		w.expectOperation(t, syncline.OperationTerminating, "the application is being deleted")
	}
	w.expectWrites(t, "prune batch/Job/shop/h", "unhold batch/Job/shop/h")
	w.Release(t, hook)
	w.turn(t)
	w.expectOperation(t, syncline.OperationFailed, "Operation terminated: the application is being deleted")
	w.expectWrites(t)
	w.settle(t)
	w.expectWrites(t, "prune ConfigMap/shop/a", "unhold ConfigMap/shop/a")
	if !w.last.Deleted {
		t.Error("the App does not go")
	}
}

func TestAnApprovalOfTheFuture(t *testing.T) {
	w := newWorld()
	w.commit("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {argocd.argoproj.io/sync-options: Delete=confirm}}")
	w.sync(t, syncline.Operation{})
	w.app.Deleting = &syncline.Deletion{Cascade: true, Since: w.now}
	w.app.ApprovedAt = w.now.Add(time.Hour)
	w.settle(t)
	if w.last.Deleted || len(w.last.Waiting) != 1 {
		t.Errorf("it does not wait: %v", w.last.Waiting)
	}
	w.app.ApprovedAt = w.now
	w.settle(t)
	if !w.last.Deleted {
		t.Errorf("it waits for %v", w.last.Waiting)
	}
}

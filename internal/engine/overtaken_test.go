package engine_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// failedCommit is an App whose last commit cannot be delivered, and is tried
// again later.
func failedCommit(t *testing.T, failing *atomic.Bool) *world {
	t.Helper()
	w := newWorld(config("a", "1"))
	w.automate()
	w.settle(t)
	failing.Store(true)
	refuseUpdates(w, failing)
	w.commit(config("a", "2"))
	w.settle(t)
	w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
	w.wrote()
	return w
}

func TestACommitOvertakesARetry(t *testing.T) {
	var failing atomic.Bool
	t.Run("that the policy asked for", func(t *testing.T) {
		w := failedCommit(t, &failing)
		failing.Store(false)
		w.commit(config("a", "3"))
		w.settle(t)
		w.expectWrites(t, "update ConfigMap/shop/a")
		w.expectOperation(t, syncline.OperationSucceeded, "all tasks run")
		w.expectSync(t, syncline.Synced, "c3")
		if n := w.last.Operation.RetryCount; n != 0 {
			t.Errorf("the new operation is said to be retry %d", n)
		}
	})
	t.Run("which has a count of its own", func(t *testing.T) {
		w := failedCommit(t, &failing)
		w.after(5 * time.Second)
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #2")
		w.commit(config("a", "3"))
		w.settle(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
		if r := w.last.Operation.Revisions; !slices.Equal(r, []string{"c3"}) {
			t.Errorf("it delivers %q", r)
		}
	})
	t.Run("also one that declares another source", func(t *testing.T) {
		w := failedCommit(t, &failing)
		failing.Store(false)
		w.app.Sources = slices.Clone(w.app.Sources)
		w.app.Sources[0].Path = "elsewhere"
		w.settle(t)
		w.expectWrites(t, "update ConfigMap/shop/a")
		w.expectOperation(t, syncline.OperationSucceeded, "")
	})
	t.Run("and what a person asked for meanwhile is answered", func(t *testing.T) {
		w := failedCommit(t, &failing)
		w.commit(config("a", "3"))
		w.renderErr = syncline.Errorf(syncline.Invalid, "not YAML")
		w.app.Request = &syncline.Operation{}
		w.settle(t)
		w.expectOperation(t, syncline.OperationError, "not YAML")
		if w.last.Operation.Operation.By.Automated {
			t.Error("the request was not answered")
		}
	})
	t.Run("but not when nothing moved", func(t *testing.T) {
		w := failedCommit(t, &failing)
		w.app.Refresh = syncline.RefreshNormal
		w.settle(t)
		w.expectWrites(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
	})
	t.Run("nor when it is not known", func(t *testing.T) {
		w := failedCommit(t, &failing)
		w.commit(config("a", "3"))
		w.resolveErr = syncline.Errorf(syncline.Transient, "no route to host")
		w.turn(t)
		w.expectWrites(t)
		w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
	})
	t.Run("nor one that a person asked for", func(t *testing.T) {
		for name, op := range map[string]syncline.Operation{
			"at any revision": {Retry: syncline.Retry{Limit: 2}},
			"at a fixed one":  {Retry: syncline.Retry{Limit: 2, Refresh: true}, Revisions: []string{"c2"}},
		} {
			w := failedCommit(t, &failing)
			w.app.Policy = syncline.SyncPolicy{}
			w.app.Past.Operation = nil
			w.sync(t, op)
			w.wrote()
			failing.Store(false)
			w.commit(config("a", "3"))
			w.settle(t)
			w.expectWrites(t)
			w.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
			if name == "at any revision" {
				continue
			}
			w.after(5 * time.Second)
			w.settle(t)
			if h := w.last.History; len(h) == 0 || h[len(h)-1].Revisions[0] != "c2" {
				t.Errorf("%s: it delivered %+v", name, h)
			}
		}
	})
}

// TestNoHookRunsTwiceForARevision commits again and again while operations fail,
// and loses some of the reports.
func TestNoHookRunsTwiceForARevision(t *testing.T) {
	for lost := range 4 {
		w := newWorld(job("h", "PreSync"), config("a", "0"))
		w.automate()
		w.app.Policy.Retry = &syncline.Retry{}
		ran := map[string]int{}
		w.After = func(r enginetest.Request) {
			if r.Write.Action == syncline.Run {
				ran[r.Write.Object.Annotation(syncline.AnnotationOperation)]++
			}
		}
		for turn := range 40 {
			before, failures := w.app, w.failures
			w.turn(t)
			if lost > 0 && turn%(lost+1) == 0 {
				w.app, w.failures = before, failures
				w.restart()
			}
			w.after(time.Second)
			switch {
			case turn%10 == 9:
				w.commit(job("h", "PreSync"), config("a", fmt.Sprint(turn)))
			case turn%5 == 4:
				w.SetHealth(t, ref("Job", "h"), syncline.Degraded, "")
			}
		}
		if len(ran) < 3 {
			t.Errorf("losing %d: only %d operations ran the hook", lost, len(ran))
		}
		for operation, times := range ran {
			if times != 1 {
				t.Errorf("losing %d: the hook ran %d times in the operation %s", lost, times, operation)
			}
		}
	}
}

func TestAnOperationThatCoversNothingSaysSo(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.sync(t, syncline.Operation{Selection: []syncline.Selector{{Kind: "ConfigMap", Name: "nothing", Namespace: "shop"}}})
	w.expectWrites(t)
	w.expectOperation(t, syncline.OperationSucceeded, "successfully synced (no more tasks); none of the selected resources")
}

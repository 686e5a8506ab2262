package journal_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/automation/journal"
)

// events is a sink that keeps what it is told.
type events struct {
	mu   sync.Mutex
	told []string
	err  error
}

func (e *events) Tell(_ context.Context, id syncline.AppID, _ types.UID, event journal.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, fmt.Sprintf("%s %s: %s", id.Name, event.Reason, event.Message))
	return e.err
}

// take returns what was told since the last time, after a while.
func (e *events) take(after time.Duration) []string {
	<-time.After(after) // of a clock that stands still while anything runs
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	told := e.told
	e.told = nil
	return told
}

// watched is an App with a teller.
type watched struct {
	*journal.Teller
	app    syncline.App
	before syncline.Report
}

// telling runs a test with a teller, on a clock of its own.
func telling(t *testing.T, test func(t *testing.T, teller *journal.Teller, sink *events)) {
	synctest.Test(t, func(t *testing.T) {
		sink := &events{}
		teller := journal.NewTeller(sink)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { teller.Run(ctx) })
		test(t, teller, sink)
		cancel()
		group.Wait()
	})
}

func appOf(name string) syncline.App {
	return syncline.App{ID: syncline.AppID{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: name}, UID: types.UID(name)}
}

// see takes note of a report, and makes it the one before.
func (w *watched) see(sync syncline.SyncStatus, health syncline.HealthStatus, op *syncline.OperationState) {
	now := syncline.Report{Sync: sync, Health: syncline.Health{Status: health}, Operation: op}
	w.See(w.app, w.before, now)
	w.before = now
}

func operation(phase syncline.OperationPhase, began int64) *syncline.OperationState {
	state := &syncline.OperationState{Phase: phase, StartedAt: time.Unix(began, 0), Revisions: []string{"1a2b"}, Message: "it is\ndenied\x1b[31m"}
	if phase.Done() {
		state.FinishedAt = time.Now().Truncate(time.Second)
	}
	return state
}

// firstSync is what turns report while an App is synced for the first time.
func (w *watched) firstSync() {
	w.see(syncline.OutOfSync, syncline.Missing, operation(syncline.OperationRunning, 100))
	w.see(syncline.OutOfSync, syncline.Progressing, operation(syncline.OperationRunning, 100))
	w.see(syncline.OutOfSync, syncline.Progressing, operation(syncline.OperationSucceeded, 100))
	w.see(syncline.Synced, syncline.Progressing, operation(syncline.OperationSucceeded, 100))
	w.see(syncline.Synced, syncline.Healthy, operation(syncline.OperationSucceeded, 100))
}

const succeeded = "shop OperationCompleted: Sync operation to 1a2b succeeded"

func TestTheFirstSyncIsOneEvent(t *testing.T) {
	telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
		shop := &watched{Teller: teller, app: appOf("shop")}
		shop.firstSync()
		if told := sink.take(time.Hour); !slices.Equal(told, []string{succeeded}) {
			t.Errorf("told is %q", told)
		}
	})
}

// A thousand Apps that are synced for the first time at once make no more than one event
// each, and fewer than one where that is much.
func TestAThousandFirstSyncs(t *testing.T) {
	telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
		for i := range 1000 {
			(&watched{Teller: teller, app: appOf(fmt.Sprintf("app-%d", i))}).firstSync()
		}
		told := sink.take(time.Hour)
		slices.Sort(told)
		if of := len(slices.Compact(slices.Clone(told))); of != len(told) || of < 200 || of > 300 {
			t.Errorf("told are %d events, of %d Apps", len(told), of)
		}
	})
}

func TestALastingChangeIsToldOnce(t *testing.T) {
	telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
		shop, done := &watched{Teller: teller, app: appOf("shop")}, operation(syncline.OperationSucceeded, 100)
		shop.firstSync()
		sink.take(time.Minute)
		for _, step := range []struct {
			sync   syncline.SyncStatus
			health syncline.HealthStatus
			after  time.Duration
			want   []string
		}{
			{syncline.Synced, syncline.Degraded, 5 * time.Second, nil},
			{syncline.Synced, syncline.Healthy, time.Minute, nil}, // it did not last
			{syncline.OutOfSync, syncline.Healthy, 5 * time.Second, nil},
			{syncline.OutOfSync, syncline.Degraded, 9 * time.Second, nil},
			{syncline.OutOfSync, syncline.Degraded, 9 * time.Second, []string{"shop ResourceUpdated: Updated sync status: Synced -> OutOfSync; Updated health status: Healthy -> Degraded"}},
			{syncline.OutOfSync, syncline.Degraded, time.Hour, nil},
			{syncline.SyncUnknown, "Unknown", time.Hour, nil},
			{syncline.OutOfSync, syncline.Progressing, time.Hour, nil},
			{syncline.Synced, syncline.Healthy, time.Minute, []string{"shop ResourceUpdated: Updated sync status: OutOfSync -> Synced; Updated health status: Degraded -> Healthy"}},
		} {
			shop.see(step.sync, step.health, done)
			if told := sink.take(step.after); !slices.Equal(told, step.want) {
				t.Errorf("%s, %s: told is %q, want %q", step.sync, step.health, told, step.want)
			}
		}
		// An operation says itself that it put things right.
		shop.see(syncline.OutOfSync, syncline.Healthy, done)
		sink.take(time.Minute)
		shop.see(syncline.OutOfSync, syncline.Healthy, operation(syncline.OperationSucceeded, 200))
		shop.see(syncline.Synced, syncline.Healthy, operation(syncline.OperationSucceeded, 200))
		if told := sink.take(time.Hour); !slices.Equal(told, []string{succeeded}) {
			t.Errorf("after an operation told is %q", told)
		}
	})
}

func TestHowAnOperationEnded(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*syncline.OperationState)
		want   string
	}{
		"it succeeded":     {func(*syncline.OperationState) {}, succeeded},
		"it failed":        {func(op *syncline.OperationState) { op.Phase = syncline.OperationFailed }, "shop OperationCompleted: Sync operation to 1a2b failed: it is denied"},
		"a part of it":     {func(op *syncline.OperationState) { op.Operation.Selection = []syncline.Selector{{}} }, "shop OperationCompleted: Partial sync operation to 1a2b succeeded"},
		"of no revision":   {func(op *syncline.OperationState) { op.Phase, op.Revisions = syncline.OperationError, nil }, "shop OperationCompleted: Sync operation failed: it is denied"},
		"it goes on":       {func(op *syncline.OperationState) { op.Phase = syncline.OperationTerminating }, ""},
		"in two revisions": {func(op *syncline.OperationState) { op.Revisions = []string{"a", "b"} }, "shop OperationCompleted: Sync operation to a, b succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
				op := operation(syncline.OperationSucceeded, 100)
				test.change(op)
				(&watched{Teller: teller, app: appOf("shop")}).see(syncline.Synced, syncline.Healthy, op)
				told := strings.Join(sink.take(time.Hour), "\n")
				if !strings.HasPrefix(told, test.want) || (told == "") != (test.want == "") || strings.ContainsRune(told, '\x1b') {
					t.Errorf("told is %q, want %q", told, test.want)
				}
			})
		})
	}
}

// After a start, what the resource says already is not told again.
func TestNothingIsToldAgainAfterAStart(t *testing.T) {
	telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
		shop := &watched{Teller: teller, app: appOf("shop")}
		before := operation(syncline.OperationSucceeded, 100)
		before.FinishedAt = time.Now().Add(-time.Second)
		shop.see(syncline.OutOfSync, syncline.Degraded, before)
		if told := sink.take(time.Hour); told != nil {
			t.Errorf("told is %q", told)
		}
	})
}

// One App makes an event in ten seconds at most, the last one, whatever becomes of
// writing; the others make theirs.
func TestOneAppTellsAFew(t *testing.T) {
	for _, failed := range []error{nil, syncline.Errorf(syncline.Denied, "no")} {
		telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
			sink.err = failed
			loud := &watched{Teller: teller, app: appOf("loud")}
			var told []string
			for second := range int64(100) {
				loud.see(syncline.Synced, syncline.Healthy, operation(syncline.OperationSucceeded, 100+second))
				told = append(told, sink.take(time.Second)...)
			}
			if len(told) != 11 { // the first at once
				t.Errorf("told are %d events", len(told))
			}
			(&watched{Teller: teller, app: appOf("shop")}).firstSync()
			if told := sink.take(time.Second); !slices.Equal(told, []string{succeeded}) {
				t.Errorf("of the other told is %q", told)
			}
		})
	}
}

// Of an App that is gone nothing is told, and a new one of its name begins anew.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	telling(t, func(t *testing.T, teller *journal.Teller, sink *events) {
		shop := &watched{Teller: teller, app: appOf("shop")}
		shop.firstSync()
		sink.take(time.Minute)
		shop.see(syncline.OutOfSync, syncline.Degraded, operation(syncline.OperationFailed, 200))
		teller.Forget(shop.app.ID)
		if told := sink.take(time.Hour); told != nil {
			t.Errorf("told is %q", told)
		}
		again := &watched{Teller: teller, app: appOf("shop")}
		again.app.UID = "another"
		again.firstSync()
		if told := sink.take(time.Hour); !slices.Equal(told, []string{succeeded}) {
			t.Errorf("of the new one told is %q", told)
		}
	})
}

// Nobody waits for what is told, though nobody writes it.
func TestNobodyWaitsForATeller(t *testing.T) {
	teller := journal.NewTeller(&events{})
	for i := range 5000 {
		(&watched{Teller: teller, app: appOf(fmt.Sprintf("app-%d", i))}).firstSync()
	}
}

// A report that is as the one before costs nothing.
func TestAnUnchangedReportAllocatesNothing(t *testing.T) {
	shop := &watched{Teller: journal.NewTeller(&events{}), app: appOf("shop")}
	shop.firstSync()
	if allocated := testing.AllocsPerRun(100, func() { shop.See(shop.app, shop.before, shop.before) }); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

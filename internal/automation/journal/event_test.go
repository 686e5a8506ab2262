package journal_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/automation/journal"
)

func TestEvents(t *testing.T) {
	began := time.Date(2026, 5, 4, 12, 0, 0, 700_000_000, time.UTC)
	op := func(phase syncline.OperationPhase, change func(*syncline.OperationState)) *syncline.OperationState {
		state := &syncline.OperationState{Phase: phase, StartedAt: began, Revisions: []string{"1a2b"}, Message: "it is denied"}
		state.Operation.By = syncline.Initiator{Username: "ann"}
		if change != nil {
			change(state)
		}
		return state
	}
	inSeconds := func(state *syncline.OperationState) { state.StartedAt = began.Truncate(time.Second) }
	bad, worse := syncline.Condition{Type: syncline.ComparisonError, Message: "bad"}, syncline.Condition{Type: syncline.ComparisonError, Message: "worse"}
	started := journal.Event{Reason: "OperationStarted", Message: "ann initiated sync to 1a2b"}
	for name, test := range map[string]struct {
		before, after syncline.Report
		want          []journal.Event
	}{
		"nothing changed": {
			before: syncline.Report{Operation: op(syncline.OperationSucceeded, inSeconds), Conditions: []syncline.Condition{bad}},
			after:  syncline.Report{Operation: op(syncline.OperationSucceeded, nil), Conditions: []syncline.Condition{bad}},
		},
		"it began": {after: syncline.Report{Operation: op(syncline.OperationRunning, nil)}, want: []journal.Event{started}},
		"it began by itself": {
			after: syncline.Report{Operation: op(syncline.OperationRunning, func(s *syncline.OperationState) { s.Operation.By = syncline.Initiator{Automated: true} })},
			want:  []journal.Event{{Reason: "OperationStarted", Message: "Initiated automated sync to 1a2b"}},
		},
		"it succeeded": {
			before: syncline.Report{Operation: op(syncline.OperationRunning, inSeconds)},
			after:  syncline.Report{Operation: op(syncline.OperationSucceeded, nil)},
			want:   []journal.Event{{Reason: "OperationCompleted", Message: "Sync to 1a2b succeeded"}},
		},
		"a part of it failed at once": {
			before: syncline.Report{Operation: op(syncline.OperationSucceeded, func(s *syncline.OperationState) { s.StartedAt = began.Add(-time.Hour) })},
			after: syncline.Report{Operation: op(syncline.OperationFailed, func(s *syncline.OperationState) {
				s.Operation.Selection = []syncline.Selector{{}}
			})},
			want: []journal.Event{
				{Reason: "OperationStarted", Message: "ann initiated partial sync to 1a2b"},
				{Reason: "OperationCompleted", Message: "Partial sync to 1a2b failed: it is denied", Warning: true},
			},
		},
		"it is being ended": {
			before: syncline.Report{Operation: op(syncline.OperationRunning, nil)},
			after:  syncline.Report{Operation: op(syncline.OperationTerminating, nil)},
		},
		"a new condition": {
			before: syncline.Report{Conditions: []syncline.Condition{bad}},
			after:  syncline.Report{Conditions: []syncline.Condition{bad, worse}},
			want:   []journal.Event{{Reason: "ComparisonError", Message: "worse", Warning: true}},
		},
		"a condition is gone": {before: syncline.Report{Conditions: []syncline.Condition{bad}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, journal.Events(&test.before, &test.after)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// written are the events that were written, and the error of writing.
type written struct {
	mu     sync.Mutex
	events []string
	err    error
}

func (w *written) Tell(_ context.Context, app syncline.App, event journal.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, app.ID.Name+": "+event.Message)
	return w.err
}

func (w *written) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

func appOf(name string) syncline.App {
	return syncline.App{ID: syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: name}}
}

func withCondition(message string) *syncline.Report {
	return &syncline.Report{Conditions: []syncline.Condition{{Type: syncline.SyncError, Message: message}}}
}

// One App is told of a few times a minute, whatever becomes of writing, and others all
// the same.
func TestOneAppTellsAFew(t *testing.T) {
	for _, failed := range []error{nil, syncline.Errorf(syncline.Denied, "no")} {
		synctest.Test(t, func(t *testing.T) {
			sink := &written{err: failed}
			teller := journal.NewTeller(sink)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go teller.Run(ctx)
			for range 50 {
				teller.Tell(appOf("loud"), &syncline.Report{}, withCondition("x"))
			}
			teller.Tell(appOf("quiet"), &syncline.Report{}, withCondition("y"))
			synctest.Wait()
			if got := sink.take(); len(got) != 7 || got[6] != "quiet: y" {
				t.Errorf("told are %v, want 6 of the loud one and then the other", got)
			}
			<-time.After(61 * time.Second)
			teller.Tell(appOf("loud"), &syncline.Report{}, withCondition("z"))
			synctest.Wait()
			if got := sink.take(); len(got) != 1 {
				t.Errorf("a minute later told are %v, want one", got)
			}
		})
	}
}

// Nobody waits for what is told, though nobody writes it.
func TestNobodyWaitsForATeller(t *testing.T) {
	teller := journal.NewTeller(&written{})
	for range 5000 {
		teller.Tell(appOf("a"), &syncline.Report{}, withCondition("x"))
	}
}

// After a start, what a resource says already is not told again.
func TestTheFirstReportAfterAStart(t *testing.T) {
	ended := &syncline.OperationState{Phase: syncline.OperationSucceeded, StartedAt: time.Unix(100, 0)}
	report := withCondition("x")
	report.Operation = ended
	known := appOf("known")
	known.Past = syncline.Past{Operation: ended, ReconciledAt: time.Unix(200, 0)}
	synctest.Test(t, func(t *testing.T) {
		sink := &written{}
		teller := journal.NewTeller(sink)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go teller.Run(ctx)
		teller.Tell(known, nil, report)
		synctest.Wait()
		if got := sink.take(); got != nil {
			t.Errorf("told are %v, want nothing", got)
		}
		teller.Tell(appOf("new"), nil, report)
		synctest.Wait()
		if got := sink.take(); len(got) != 3 {
			t.Errorf("of a new one told are %v, want that the operation began and ended, and the condition", got)
		}
	})
}

// What is as it was costs nothing.
func TestAnUnchangedReportAllocatesNothing(t *testing.T) {
	teller, report, app := journal.NewTeller(&written{}), withCondition("x"), appOf("a")
	report.Operation = &syncline.OperationState{Phase: syncline.OperationSucceeded, StartedAt: time.Unix(100, 0)}
	if allocated := testing.AllocsPerRun(100, func() { teller.Tell(app, report, report) }); allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

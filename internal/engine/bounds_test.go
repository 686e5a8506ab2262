package engine_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/loop"
)

// endless renders until it is told to stop.
type endless struct {
	mu         sync.Mutex
	began, cut int
}

func (*endless) Forget(syncline.AppID) {}

func (e *endless) Render(ctx context.Context, _ render.Request) (render.Result, error) {
	e.mu.Lock()
	e.began++
	e.mu.Unlock()
	<-ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut++
	return render.Result{}, ctx.Err()
}

func (e *endless) counts() (began, cut int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.began, e.cut
}

// runEndless runs the test in a bubble, with an App whose rendering does not end.
func runEndless(t *testing.T, test func(t *testing.T, l *loopWorld, e *endless)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, e := newWorld(config("a", "1")), &endless{}
		w.options.Now = nil
		l := &loopWorld{world: w}
		l.engine = engine.New(w, e, w, w, engine.Options{Limit: time.Minute})
		l.loop = &loop.Loop{Engine: l.engine, Apps: l, Reports: l, Audience: l, Queue: queue.New(queue.Backoff{}), Workers: 2}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { l.loop.Run(ctx) })
		test(t, l, e)
		stop()
		group.Wait()
	})
}

func TestATurnHasALimit(t *testing.T) {
	runEndless(t, func(t *testing.T, l *loopWorld, e *endless) {
		l.ask()
		pass(59 * time.Second)
		if began, cut := e.counts(); began != 1 || cut != 0 {
			t.Fatalf("%d renders have begun and %d were cut short before the limit", began, cut)
		}
		pass(5 * time.Minute)
		if began, cut := e.counts(); began < 2 || cut < 2 {
			t.Errorf("%d renders have begun and %d were cut short, want another try", began, cut)
		}
		l.set(func() { l.expectCondition(t, syncline.ComparisonError, "stopped, because a turn may take 1m0s") })
	})
}

// What a turn works on is let go when the App is gone or declared otherwise.
func TestATurnEndsWhenTheAppChanges(t *testing.T) {
	runEndless(t, func(t *testing.T, l *loopWorld, e *endless) {
		l.ask() // by the change itself, whose turn begins before the change ends what runs
		l.loop.Interrupt(l.app.ID)
		synctest.Wait()
		if began, cut := e.counts(); began != 2 || cut != 1 {
			t.Fatalf("%d renders have begun and %d were cut short, want the second at once", began, cut)
		}
		if _, keeps := l.count(); keeps != 0 {
			t.Error("a turn that was cut short has left a report")
		}
		l.set(func() { l.missing = true })
		l.ask()
		l.loop.Interrupt(l.app.ID)
		synctest.Wait()
		if began, cut := e.counts(); began != 2 || cut != 2 {
			t.Errorf("%d renders have begun and %d were cut short, want none to go on", began, cut)
		}
		l.loop.Interrupt(l.app.ID) // nothing runs
	})
}

// However an operation and its retry are declared and what the status says of
// them, the next attempt has a time, and is not put off for ever.
func FuzzRetry(f *testing.F) {
	f.Add(int64(5), int64(2), int64(180), int64(math.MaxInt64), int64(-1), int64(math.MaxInt64))
	f.Add(int64(0), int64(math.MaxInt64), int64(math.MaxInt64), int64(9e18), int64(0), int64(math.MinInt64))
	f.Add(int64(math.MaxInt64), int64(1), int64(math.MaxInt64), int64(9e18), int64(9e18), int64(0))
	f.Add(int64(-1), int64(-1), int64(-1), int64(math.MinInt64), int64(math.MinInt64), int64(math.MaxInt64/2))
	f.Fuzz(func(t *testing.T, wait, factor, longest, attempts, limit, finished int64) {
		bound.Limits{}.Run(t, func() {
			w := newWorld(config("a", "1"))
			w.app.Past.Operation = &syncline.OperationState{
				Operation: syncline.Operation{Retry: syncline.Retry{
					Limit: limit, Duration: time.Duration(wait), Factor: factor, MaxDuration: time.Duration(longest),
				}},
				Phase: syncline.OperationRunning, Sources: w.app.Sources, Revisions: []string{"c1"},
				StartedAt: time.Unix(0, finished), FinishedAt: time.Unix(0, finished), RetryCount: attempts,
			}
			result := w.engine.Turn(t.Context(), w.app, 0)
			longestWait := time.Duration(longest)
			if longest <= 0 {
				longestWait = 3 * time.Minute
			}
			if at := result.At; !at.IsZero() && at.Sub(w.now)-time.Minute > longestWait {
				t.Errorf("the next attempt is %s away, and at most %s are declared", at.Sub(w.now), longestWait)
			}
		})
	})
}

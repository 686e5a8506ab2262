package engine_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/loop"
)

// slowSources are fetched for as long as somebody wants that.
type slowSources struct {
	*world
	mu     sync.Mutex
	wanted []context.Context
	quick  bool
}

func (s *slowSources) Tree(ctx context.Context, app syncline.App, source syncline.Source, commit string) (syncline.Tree, error) {
	s.mu.Lock()
	s.wanted = append(s.wanted, demand.Wanted(ctx))
	quick := s.quick
	s.mu.Unlock()
	if quick {
		return s.world.Tree(ctx, app, source, commit)
	}
	<-ctx.Done()
	return nil, syncline.Errorf(syncline.Transient, "waiting for a fetch: %w", ctx.Err())
}

// state is how often a fetch was asked for, and how many of these are wanted.
func (s *slowSources) state() (asked, wanted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ctx := range s.wanted {
		if ctx.Err() == nil {
			wanted++
		}
	}
	return len(s.wanted), wanted
}

// runSlow runs a test with an App whose fetch takes longer than a turn may.
func runSlow(t *testing.T, test func(t *testing.T, l *loopWorld, s *slowSources)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(config("a", "1"))
		w.options.Now = nil
		l, s := &loopWorld{world: w}, &slowSources{world: w}
		l.engine = engine.New(s, w, w, w, engine.Options{Limit: time.Minute})
		l.loop = &loop.Loop{Engine: l.engine, Apps: l, Reports: l, Audience: l, Queue: queue.New(queue.Backoff{}), Workers: 2}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { l.loop.Run(ctx) })
		test(t, l, s)
		stop()
		group.Wait()
	})
}

func wantState(t *testing.T, s *slowSources, asked, wanted int) {
	t.Helper()
	synctest.Wait()
	if a, w := s.state(); a != asked || w != wanted {
		t.Errorf("a fetch was asked for %d times, of which %d are wanted; want %d and %d", a, w, asked, wanted)
	}
}

// TestAFetchOutlastsTurns, and ends with the first turn that waits for nothing.
func TestAFetchOutlastsTurns(t *testing.T) {
	runSlow(t, func(t *testing.T, l *loopWorld, s *slowSources) {
		l.ask()
		pass(90 * time.Second)
		wantState(t, s, 2, 2)
		s.mu.Lock()
		s.quick = true
		s.mu.Unlock()
		pass(5 * time.Minute)
		if asked, wanted := s.state(); asked < 3 || wanted != 0 {
			t.Errorf("a fetch was asked for %d times, and %d are wanted", asked, wanted)
		}
	})
}

// TestAFetchIsNotWantedByWhoIsGone, whether a turn runs or not.
func TestAFetchIsNotWantedByWhoIsGone(t *testing.T) {
	for name, after := range map[string]time.Duration{"in a turn": time.Second, "between turns": time.Minute + 10*time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			runSlow(t, func(t *testing.T, l *loopWorld, s *slowSources) {
				l.ask()
				pass(after)
				wantState(t, s, 1, 1)
				l.set(func() { l.missing = true })
				l.loop.Interrupt(l.app.ID)
				wantState(t, s, 1, 0)
				pass(time.Hour)
				wantState(t, s, 1, 0)
			})
		})
	}
}

// TestAFetchIsNotWantedByWhoIsPaused, as its next turn tells.
func TestAFetchIsNotWantedByWhoIsPaused(t *testing.T) {
	runSlow(t, func(t *testing.T, l *loopWorld, s *slowSources) {
		l.ask()
		pass(time.Minute + 10*time.Millisecond)
		wantState(t, s, 1, 1)
		l.set(func() { l.app.Paused = true })
		pass(time.Minute)
		wantState(t, s, 1, 0)
	})
}

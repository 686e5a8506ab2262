package loop_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/loop"
)

// stage is a Loop with all that is around it, which plays one App.
type stage struct {
	loop *loop.Loop
	app  syncline.App

	mu sync.Mutex
	// missing says that the App is gone, and looking is called when the loop asks for it.
	missing bool
	looking func()
	// turn is what a turn comes to; nil for a report that says OutOfSync.
	turn      func() engine.Result
	turns     int
	forgotten int
	// later says that reports are kept by a later turn, and keepErr why none is. Heard are
	// the sync statuses that were published, and unsaved those that could not be kept, with
	// why.
	later          bool
	keepErr        error
	heard, unsaved []string
}

// play runs the test in a bubble, with the loop going until its end.
func play(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{app: syncline.App{ID: syncline.AppID{Namespace: "argocd", Name: "web"}, Project: "default"}}
		s.loop = &loop.Loop{Engine: s, Apps: s, Reports: s, Audience: s, Queue: queue.New(queue.Backoff{}), Workers: 2}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { s.loop.Run(ctx) })
		test(t, s)
		stop()
		group.Wait()
	})
}

func (s *stage) Turn(context.Context, syncline.App, int) engine.Result {
	s.mu.Lock()
	s.turns++
	turn := s.turn
	s.mu.Unlock()
	if turn != nil {
		return turn()
	}
	return engine.Result{Report: &syncline.Report{App: s.app.ID, Sync: syncline.OutOfSync}}
}

func (s *stage) Abandon(syncline.AppID) {}

func (s *stage) Forget(syncline.AppID) { s.set(func() { s.forgotten++ }) }

func (s *stage) App(syncline.AppID) (syncline.App, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := s.missing
	if s.looking != nil {
		s.looking()
	}
	return s.app, !missing
}

func (s *stage) Save(_ context.Context, report syncline.Report) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepErr != nil || s.later {
		return false, s.keepErr
	}
	s.app.Past.Report = report
	return true, nil
}

func (s *stage) Publish(_ context.Context, app syncline.App) {
	s.set(func() { s.heard = append(s.heard, string(app.Past.Sync)) })
}

func (s *stage) Unsaved(_ context.Context, report syncline.Report, err error) {
	s.set(func() { s.unsaved = append(s.unsaved, string(report.Sync)+": "+err.Error()) })
}

func (s *stage) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// ask makes the App due and waits until nothing more happens by itself.
func (s *stage) ask() {
	s.loop.Queue.Add(s.app.ID, s.app.Project, queue.Commit)
	synctest.Wait()
}

// pass lets time pass on the bubble's clock, and waits until nothing more happens.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *stage) expectTurns(t *testing.T, least, most int) {
	t.Helper()
	s.set(func() {
		if s.turns < least || s.turns > most {
			t.Errorf("%d turns, want %d to %d", s.turns, least, most)
		}
	})
}

func TestAReportThatCannotBeKeptIsTriedAgain(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() { s.keepErr = syncline.Errorf(syncline.Transient, "503") })
		s.ask()
		pass(10 * time.Second)
		s.expectTurns(t, 3, 8)
		s.set(func() { s.keepErr = nil })
		pass(time.Minute)
		if s.set(func() {}); s.app.Past.Sync != syncline.OutOfSync {
			t.Error("it was never kept")
		}
	})
}

// A report that is refused would be refused again: the next turn waits for something else, or
// for a while.
func TestAReportThatIsRefusedIsNotTriedSoon(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() { s.keepErr = syncline.Errorf(syncline.Invalid, "etcdserver: request is too large") })
		s.ask()
		pass(9 * time.Minute)
		s.expectTurns(t, 1, 1)
		s.ask()
		s.expectTurns(t, 2, 2)
		pass(time.Hour)
		s.expectTurns(t, 6, 8)
		s.set(func() { s.keepErr = nil })
		pass(10 * time.Minute)
		if s.set(func() {}); s.app.Past.Sync != syncline.OutOfSync {
			t.Error("it was never kept")
		}
	})
}

// What is heard is what was kept: nothing of a report that waits for a later turn, and of
// one that cannot be kept that it could not.
func TestOnlyWhatWasKeptIsPublished(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		hears := func(when string, heard, unsaved []string) {
			t.Helper()
			s.set(func() {
				if !slices.Equal(s.heard, heard) || !slices.Equal(s.unsaved, unsaved) {
					t.Errorf("%s: heard is %q and unsaved %q, want %q and %q", when, s.heard, s.unsaved, heard, unsaved)
				}
				s.heard, s.unsaved = nil, nil
			})
		}
		s.set(func() { s.later = true })
		s.ask()
		hears("while it waits", nil, nil)
		s.set(func() { s.later = false })
		s.ask()
		hears("when it is kept", []string{"OutOfSync"}, nil)
		s.ask()
		hears("when it says nothing new", []string{"OutOfSync"}, nil)
		s.set(func() { s.keepErr = syncline.Errorf(syncline.Transient, "503") })
		s.ask()
		hears("when it cannot be kept", nil, []string{"OutOfSync: 503"})
		s.set(func() { s.keepErr = nil })
		pass(time.Minute)
		hears("when that passed", []string{"OutOfSync"}, nil)
		s.set(func() {
			s.turn = func() engine.Result {
				s.set(func() { s.missing = true })
				return engine.Result{Report: &syncline.Report{App: s.app.ID}}
			}
		})
		s.ask()
		hears("when the App is gone by then", nil, nil)
	})
}

func TestAPanicEndsATurnAndNothingElse(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		panics := 5
		s.set(func() {
			s.turn = func() engine.Result {
				if panics--; panics >= 0 {
					panic("a defect")
				}
				return engine.Result{Report: &syncline.Report{Sync: syncline.Synced}}
			}
		})
		s.ask()
		pass(time.Minute)
		s.expectTurns(t, 6, 6)
		if !slices.Equal(s.heard, []string{"Synced"}) {
			t.Errorf("heard is %q", s.heard)
		}
	})
}

// A turn that waits for a cluster is followed by another when more of it is known, be that
// while the turn still runs.
func TestAnAppThatWaitsForTheClusterIsWoken(t *testing.T) {
	for name, during := range map[string]bool{"after its turn": false, "while its turn runs": true} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T, s *stage) {
				first := true
				s.set(func() {
					s.turn = func() engine.Result {
						if first && during {
							s.loop.ClusterReady("there")
						}
						waits := first
						first = false
						return engine.Result{Watching: waits, Cluster: "there"}
					}
				})
				s.ask()
				if !during {
					s.loop.ClusterReady("elsewhere")
					synctest.Wait()
					s.expectTurns(t, 1, 1)
					s.loop.ClusterReady("there")
					synctest.Wait()
				}
				s.expectTurns(t, 2, 2)
			})
		})
	}
}

func TestAnAppThatIsGone(t *testing.T) {
	play(t, func(t *testing.T, s *stage) {
		s.set(func() { s.missing = true })
		s.ask()
		s.expectTurns(t, 0, 0)
		if s.forgotten != 1 {
			t.Errorf("it was forgotten %d times", s.forgotten)
		}
		// It comes again just when the loop has seen that it is gone.
		s.set(func() {
			s.looking = func() {
				if s.missing {
					s.missing = false
					s.loop.Queue.Add(s.app.ID, s.app.Project, queue.Commit)
				}
			}
		})
		s.ask()
		s.expectTurns(t, 1, 2)
	})
}

func TestTheLoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{looking: func() { t.Error("it begins a turn after its end") }}
		s.loop = &loop.Loop{Engine: s, Apps: s, Reports: s, Audience: s, Queue: queue.New(queue.Backoff{})}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		s.loop.Queue.Add(s.app.ID, "", queue.Commit)
		s.loop.Run(ctx)
	})
}

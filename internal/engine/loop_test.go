package engine_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// loopWorld is a world whose turns a Loop runs, and the store and the audience of it.
type loopWorld struct {
	*world
	loop *engine.Loop

	mu      sync.Mutex
	missing bool
	keepErr error
	keeps   int
	turns   int
	// later says that reports are kept by a later turn. Heard are the sync statuses that
	// were published, and unsaved those that could not be kept, with why.
	later          bool
	heard, unsaved []string
	// saving is called when a turn has a report, after the engine has run; watched when
	// a turn has asked what it waits for; looking when the loop asks for the App.
	saving, watched, looking func()
}

// run runs the test in a bubble, with the loop going until its end.
func run(t *testing.T, w *world, test func(t *testing.T, l *loopWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &loopWorld{world: w}
		w.options.Now = nil
		l.engine = engine.New(w, w, w, l, engine.Options{})
		l.loop = &engine.Loop{Engine: l.engine, Apps: l, Reports: l, Audience: l, Queue: queue.New(queue.Backoff{}), Workers: 2}
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { l.loop.Run(ctx) })
		test(t, l)
		stop()
		group.Wait()
	})
}

func (l *loopWorld) App(id syncline.AppID) (syncline.App, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := l.missing
	if l.looking != nil {
		l.looking()
	}
	return l.app, !missing && id == l.app.ID
}

// Target counts a turn, which begins with it.
func (l *loopWorld) Target(to syncline.Destination) (syncline.Target, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turns++
	return l.world.Target(to)
}

// Cluster returns the world itself.
func (l *loopWorld) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) {
	return l, nil
}

func (l *loopWorld) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	pending, err := l.world.Watch(kinds)
	l.call(&l.watched)
	return pending, err
}

// call calls a function of the test, without the lock.
func (l *loopWorld) call(f *func()) {
	l.mu.Lock()
	now := *f
	l.mu.Unlock()
	if now != nil {
		now()
	}
}

func (l *loopWorld) Save(_ context.Context, report syncline.Report) (bool, error) {
	l.call(&l.saving)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keepErr != nil || l.later {
		return false, l.keepErr
	}
	l.keeps++
	l.keep(report)
	return true, nil
}

func (l *loopWorld) Publish(app syncline.App) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, string(app.Past.Sync))
}

func (l *loopWorld) Unsaved(report syncline.Report, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsaved = append(l.unsaved, string(report.Sync)+": "+err.Error())
}

// pass lets time pass on the bubble's clock, and waits until nothing more happens.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// ask makes the App due and waits until nothing more happens by itself.
func (l *loopWorld) ask() {
	l.loop.Queue.Add(l.app.ID, l.app.Project, queue.Commit)
	synctest.Wait()
}

func (l *loopWorld) expectSync(t *testing.T, sync syncline.SyncStatus, revisions ...string) {
	t.Helper()
	l.set(func() { l.world.expectSync(t, sync, revisions...) })
}

func (l *loopWorld) expectOperation(t *testing.T, phase syncline.OperationPhase, part string) {
	t.Helper()
	l.set(func() { l.world.expectOperation(t, phase, part) })
}

func (l *loopWorld) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *loopWorld) count() (turns, keeps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.turns, l.keeps
}

func TestTheLoopDelivers(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	run(t, w, func(t *testing.T, l *loopWorld) {
		l.ask() // the turns that follow come by themselves
		l.expectSync(t, syncline.Synced, "c1")
		l.expectWrites(t, "create ConfigMap/shop/a")
		turns, _ := l.count()
		pass(time.Hour)
		if after, _ := l.count(); after != turns {
			t.Errorf("an App at rest had %d turns", after-turns)
		}
	})
}

func TestAReportThatCannotBeKeptIsTriedAgain(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	run(t, w, func(t *testing.T, l *loopWorld) {
		l.set(func() { l.keepErr = syncline.Errorf(syncline.Transient, "503") })
		l.ask()
		pass(10 * time.Second)
		turns, keeps := l.count()
		if turns < 3 || turns > 8 || keeps != 0 {
			t.Errorf("%d turns and %d reports in 10 s of failures", turns, keeps)
		}
		l.set(func() { l.keepErr = nil })
		pass(time.Minute)
		l.expectSync(t, syncline.Synced, "c1")
	})
}

// What is heard is what was kept: nothing of a report that waits for a later turn, and of
// one that cannot be kept that it could not.
func TestOnlyWhatWasKeptIsPublished(t *testing.T) {
	w := newWorld(config("a", "1"))
	run(t, w, func(t *testing.T, l *loopWorld) {
		hears := func(when string, heard, unsaved []string) {
			t.Helper()
			l.set(func() {
				if !slices.Equal(l.heard, heard) || !slices.Equal(l.unsaved, unsaved) {
					t.Errorf("%s: heard is %q and unsaved %q, want %q and %q", when, l.heard, l.unsaved, heard, unsaved)
				}
				l.heard, l.unsaved = nil, nil
			})
		}
		l.set(func() { l.later = true })
		l.ask()
		hears("while it waits", nil, nil)
		l.set(func() { l.later = false })
		l.ask()
		hears("when it is kept", []string{"OutOfSync"}, nil)
		l.ask()
		hears("when it says nothing new", []string{"OutOfSync"}, nil)
		l.set(func() { l.keepErr = syncline.Errorf(syncline.Transient, "503") })
		l.ask()
		hears("when it cannot be kept", nil, []string{"OutOfSync: 503"})
		l.set(func() { l.keepErr = nil })
		pass(time.Minute)
		hears("when that passed", []string{"OutOfSync"}, nil)
		l.set(func() { l.saving = func() { l.set(func() { l.missing = true }) } })
		l.ask()
		hears("when the App is gone by then", nil, nil)
	})
}

func TestAPanicEndsATurnAndNothingElse(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	run(t, w, func(t *testing.T, l *loopWorld) {
		panics := 5
		l.saving = func() {
			if panics--; panics >= 0 {
				panic("a defect")
			}
		}
		l.ask()
		pass(time.Minute)
		l.expectSync(t, syncline.Synced, "c1")
	})
}

func TestAnAppThatWaitsForTheClusterIsWoken(t *testing.T) {
	configMaps := schema.GroupKind{Kind: "ConfigMap"}
	for name, when := range map[string]func(l *loopWorld){
		"after its turn": func(l *loopWorld) {
			l.ask()
			l.Blind(configMaps, false)
			l.loop.ClusterReady("another")
			synctest.Wait()
			if turns, _ := l.count(); turns != 1 {
				t.Errorf("%d turns: what another cluster comes to know is no reason for one", turns)
			}
			l.loop.ClusterReady(syncline.LocalCluster)
		},
		"while its turn ends": func(l *loopWorld) {
			once := sync.OnceFunc(func() {
				l.Blind(configMaps, false)
				l.loop.ClusterReady(syncline.LocalCluster)
			})
			l.watched = once
			l.ask()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(config("a", "1"))
			w.automate()
			w.Blind(configMaps, true)
			run(t, w, func(t *testing.T, l *loopWorld) {
				when(l)
				synctest.Wait()
				l.expectSync(t, syncline.Synced, "c1")
			})
		})
	}
}

func TestAnOperationThatWaitsForWhatIsNotSeenIsWoken(t *testing.T) {
	jobs := schema.GroupKind{Group: "batch", Kind: "Job"}
	w := newWorld(job("h", "PreSync"))
	w.kubernetes.Health = nil
	run(t, w, func(t *testing.T, l *loopWorld) {
		l.pass = map[schema.GroupKind]bool{jobs: true} // it is as if the cluster did not have the kind yet
		l.Blind(jobs, true)
		l.set(func() { l.app.Request = &syncline.Operation{} })
		l.ask()
		l.expectOperation(t, syncline.OperationRunning, "not seen yet")
		l.Blind(jobs, false)
		l.loop.ClusterReady(syncline.LocalCluster)
		synctest.Wait()
		l.expectOperation(t, syncline.OperationSucceeded, "")
	})
}

func TestAnAppThatIsGone(t *testing.T) {
	w := newWorld(config("a", "1"))
	run(t, w, func(t *testing.T, l *loopWorld) {
		l.set(func() { l.missing = true })
		l.ask()
		if turns, _ := l.count(); turns != 0 {
			t.Errorf("it had %d turns", turns)
		}
		// It comes again just when the loop has seen that it is gone.
		l.set(func() {
			l.looking = func() {
				if l.missing {
					l.missing = false
					l.loop.Queue.Add(l.app.ID, l.app.Project, queue.Commit)
				}
			}
		})
		l.ask()
		if turns, _ := l.count(); turns == 0 {
			t.Error("a new App of the same name is forgotten")
		}
	})
}

func TestTheTimeOfARetryBringsATurn(t *testing.T) {
	w := newWorld(config("a", "1"))
	w.automate()
	run(t, w, func(t *testing.T, l *loopWorld) {
		l.ask()
		var failing atomic.Bool
		failing.Store(true)
		refuseUpdates(w, &failing)
		l.set(func() { w.commit(config("a", "2")) })
		l.ask()
		l.expectOperation(t, syncline.OperationRunning, "Retrying attempt #1")
		failing.Store(false)
		pass(6 * time.Second)
		l.expectSync(t, syncline.Synced, "c2")
	})
}

func TestTheLoopEnds(t *testing.T) {
	w := newWorld(config("a", "1"))
	synctest.Test(t, func(t *testing.T) {
		l := &loopWorld{world: w}
		l.engine = engine.New(w, w, w, w, engine.Options{})
		l.loop = &engine.Loop{Engine: l.engine, Apps: l, Reports: l, Audience: l, Queue: queue.New(queue.Backoff{})}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		l.looking = func() { t.Error("it begins a turn after its end") }
		l.loop.Queue.Add(l.app.ID, "", queue.Commit)
		l.loop.Run(ctx)
	})
}

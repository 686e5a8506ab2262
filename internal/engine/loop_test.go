package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/loop"
)

// loopWorld is a world whose turns a Loop runs, and the store of it.
type loopWorld struct {
	*world
	loop *loop.Loop

	mu      sync.Mutex
	missing bool
	turns   int
	keeps   int
	// watched is called when a turn has asked what it waits for.
	watched func()
}

// run runs the test in a bubble, with the loop going until its end.
func run(t *testing.T, w *world, test func(t *testing.T, l *loopWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &loopWorld{world: w}
		w.options.Now = nil
		l.engine = engine.New(w, w, w, l, engine.Options{})
		l.loop = &loop.Loop{Engine: l.engine, Apps: l, Reports: l, Audience: l, Queue: queue.New(queue.Backoff{}), Workers: 2}
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
	return l.app, !l.missing && id == l.app.ID
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
	l.mu.Lock()
	watched := l.watched
	l.mu.Unlock()
	if watched != nil {
		watched()
	}
	return pending, err
}

func (l *loopWorld) Save(_ context.Context, report syncline.Report) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keeps++
	l.keep(report)
	return true, nil
}

func (l *loopWorld) Publish(context.Context, syncline.App) {}

func (l *loopWorld) Unsaved(context.Context, syncline.Report, error) {}

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

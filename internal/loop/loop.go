// Package loop runs the turns of the Apps that are due, keeps what each came to, and
// says when the next one is.
package loop

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/logger"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// Engine runs turns; see [engine.Engine].
type Engine interface {
	// Turn does the next thing that can be done for an App, of which as many turns in a
	// row failed.
	Turn(ctx context.Context, app syncline.App, failures int) engine.Result
	// Abandon ends what only the turns of an App asked for and still goes on.
	Abandon(id syncline.AppID)
	// Forget drops what is remembered of an App.
	Forget(id syncline.AppID)
}

var _ Engine = (*engine.Engine)(nil)

// Apps are the Apps as they are declared.
type Apps interface {
	// App returns the App as it is declared now, with what was kept last; false
	// when there is none.
	App(id syncline.AppID) (syncline.App, bool)
}

// Reports is where the reports of Apps are kept.
type Reports interface {
	// Save keeps a report, and writes nothing when it says nothing new. It reports
	// whether the App says now what the report does: words that nobody waits for may be
	// kept by a later turn.
	Save(ctx context.Context, report syncline.Report) (kept bool, err error)
}

// Requests are what people ask of Apps.
type Requests interface {
	// Take takes up what is asked of an App, if it has to know: who asks for the same
	// from here on asks once more. It returns the App as it is then, and with an error as
	// it was given.
	Take(ctx context.Context, app syncline.App) (syncline.App, error)
}

// Audience is told what turns came to, once that is kept: what is heard is what an App
// says of itself, also to another process. The logger of the context names the App.
type Audience interface {
	// Publish tells of an App that says now what its turn came to.
	Publish(ctx context.Context, app syncline.App)
	// Unsaved tells of a report that could not be kept, and why. The App still says what
	// was kept last, and another turn follows.
	Unsaved(ctx context.Context, report syncline.Report, err error)
}

// Loop runs the turns that a queue says are due, and keeps their reports.
type Loop struct {
	Engine   Engine
	Apps     Apps
	Reports  Reports
	Audience Audience
	Queue    *queue.Queue
	// Requests are told what a turn takes up. Default: nobody is told.
	Requests Requests
	// Workers is how many turns run at once, default 16.
	Workers int

	mu sync.Mutex
	// running ends the turns that run.
	running map[syncline.AppID]context.CancelCauseFunc
	// watching are, for each cluster, the Apps that wait for its objects to be known,
	// or for something that may be among them, and their projects. Known counts how
	// often some got known anywhere, and last is its value when some of a cluster did.
	watching map[syncline.ClusterID]map[syncline.AppID]string
	known    int
	last     map[syncline.ClusterID]int
}

// Run runs turns until ctx is done, and returns when the last one has ended.
func (l *Loop) Run(ctx context.Context) {
	workers := l.Workers
	if workers == 0 {
		workers = 16
	}
	l.Queue.Share(workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { l.work(ctx) })
	}
	group.Wait()
}

// Interrupt ends the turn that runs of an App which is gone or declared otherwise
// now, and what goes on that only its turns asked for. Another turn follows: the one
// that is ended may be of the new declaration.
func (l *Loop) Interrupt(id syncline.AppID) {
	l.Engine.Abandon(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	if cancel := l.running[id]; cancel != nil {
		cancel(engine.ErrChanged)
	}
}

// begin returns the context of a turn, which [Loop.Interrupt] ends.
func (l *Loop) begin(ctx context.Context, id syncline.AppID) (turn context.Context, end func()) {
	turn, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == nil {
		l.running = map[syncline.AppID]context.CancelCauseFunc{}
	}
	l.running[id] = cancel
	return turn, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.running, id)
		cancel(nil)
	}
}

// ClusterReady makes the Apps due that waited for the objects of a cluster to be
// known.
func (l *Loop) ClusterReady(id syncline.ClusterID) {
	l.mu.Lock()
	waiting := l.watching[id]
	delete(l.watching, id)
	if l.last == nil {
		l.last = map[syncline.ClusterID]int{}
	}
	l.known++
	l.last[id] = l.known
	l.mu.Unlock()
	for id, project := range waiting {
		l.Queue.Add(id, project, queue.Commit)
	}
}

func (l *Loop) work(ctx context.Context) {
	for {
		id, _, ok := l.Queue.Next(ctx)
		if !ok || ctx.Err() != nil {
			return
		}
		turn, end := l.begin(ctx, id) // before the App is read: what comes later ends it
		app, exists := l.Apps.App(id)
		if !exists {
			end()
			l.drop(id)
			continue
		}
		failed := l.turn(ctx, turn, app)
		end()
		l.Queue.Done(id, failed)
	}
}

// drop forgets an App that is gone. One of the same name that came meanwhile is
// due: the queue forgot what was asked for it too.
func (l *Loop) drop(id syncline.AppID) {
	l.Engine.Forget(id)
	l.Queue.Remove(id)
	if app, exists := l.Apps.App(id); exists {
		l.Queue.Add(id, app.Project, queue.Commit)
	}
}

// turn runs one turn and reports whether it has to be tried again. Ctx ends with
// the process, turn when the App changes as well. A panic is a defect of Syncline:
// it ends this turn, and nothing else.
func (l *Loop) turn(ctx, turn context.Context, app syncline.App) (failed bool) {
	ctx, turn = logger.With(ctx, "app", app.ID.String()), logger.With(turn, "app", app.ID.String())
	defer func() {
		if cause := recover(); cause != nil {
			logger.From(ctx).Error("turn panicked", "cause", cause, "stack", string(debug.Stack()))
			failed = true
		}
	}()
	app = l.take(ctx, app)
	began, known := time.Now(), l.knownSoFar()
	result := l.Engine.Turn(turn, app, l.Queue.Failures(app.ID))
	logger.From(ctx).Debug("turn", "took", time.Since(began), "performed", result.Performed != nil, "err", result.Err)
	switch { // a turn that was cut off has nothing to say
	case ctx.Err() != nil:
		return false
	case errors.Is(result.Err, engine.ErrChanged):
		l.Queue.Add(app.ID, app.Project, queue.Commit)
		return false
	}
	if result.Watching || result.Report != nil && len(result.Report.Waiting) > 0 {
		l.await(app, result.Cluster, known)
	}
	return l.follow(ctx, app, result)
}

// take takes up what is asked of an App. What cannot be taken up is answered all the same:
// of somebody who asks for the same meanwhile nothing is known then.
func (l *Loop) take(ctx context.Context, app syncline.App) syncline.App {
	if l.Requests == nil {
		return app
	}
	taken, err := l.Requests.Take(ctx, app)
	if err != nil {
		logger.From(ctx).Info("a request could not be taken up", "err", err)
	}
	return taken
}

// refusalPause is how long a turn waits after one whose report was refused, as when it is too
// large, unless something else makes it due: it would most likely say the same.
const refusalPause = 10 * time.Minute

// follow keeps the report of a turn, tells of it, and arranges the next turn.
func (l *Loop) follow(ctx context.Context, app syncline.App, result engine.Result) (failed bool) {
	if result.Report != nil {
		kept, err := l.Reports.Save(ctx, *result.Report)
		if err != nil {
			l.Audience.Unsaved(ctx, *result.Report, err)
			if syncline.KindOf(err) == syncline.Invalid {
				l.Queue.AddAt(app.ID, time.Now().Add(refusalPause))
				return false
			}
			return true
		}
		if saved, exists := l.Apps.App(app.ID); kept && exists {
			l.Audience.Publish(ctx, saved)
		}
	}
	if result.Again {
		l.Queue.Add(app.ID, app.Project, queue.Drift)
	}
	if !result.At.IsZero() {
		l.Queue.AddAt(app.ID, result.At)
	}
	return result.Err != nil && syncline.KindOf(result.Err).Consequence().Retry
}

func (l *Loop) knownSoFar() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known
}

// await makes the App due when more of a cluster gets known, at once when that has
// happened since its turn began.
func (l *Loop) await(app syncline.App, on syncline.ClusterID, known int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last[on] > known {
		l.Queue.Add(app.ID, app.Project, queue.Commit)
		return
	}
	if l.watching == nil {
		l.watching = map[syncline.ClusterID]map[syncline.AppID]string{}
	}
	if l.watching[on] == nil {
		l.watching[on] = map[syncline.AppID]string{}
	}
	l.watching[on][app.ID] = app.Project
}

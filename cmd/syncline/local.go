package main

import (
	"context"
	"os"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/front/cli"
)

// localEngine is the agent's engine, run for one command: it plans, and never
// writes.
type localEngine struct {
	target *kube.Target
	engine *engine.Engine

	pool        *confined.Pool
	expressions jq.Pool
	// remove removes the mirrors.
	remove func()
	// ready is signalled when more of the cluster is known.
	ready chan struct{}
}

// startLocalEngine reads the settings of a control plane and starts an engine
// on them.
func startLocalEngine(ctx context.Context, connection cli.Connection) (cli.Engine, error) {
	cluster, err := connect(connection, "syncline-cli")
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &localEngine{ready: make(chan struct{}, 1)}
	projects, repositories := newProjects(), repository.NewStore()
	if err := loadSettings(ctx, cluster, connection.ControlPlane, projects, repositories); err != nil {
		return nil, err
	}
	others, err := listOthers(ctx, cluster, connection.ControlPlane)
	if err != nil {
		return nil, err
	}
	sources, remove, err := temporarySources(repositories, false)
	if err != nil {
		return nil, err
	}
	l.remove = remove
	// What it plans does not depend on health, so it judges none.
	l.target = kube.NewTarget(cluster, live.Options{OnReady: func(schema.GroupKind) { l.known() }, OnSwept: l.known})
	l.target.Live.Sweep()
	if l.pool, err = newLocalPool(); err != nil {
		return nil, err
	}
	renderer := render.New(render.Confined{Pool: l.pool}, render.Options{MemoBytes: -1})
	l.expressions = jq.NewPool(confined.Options{Command: []string{program, "jq-worker"}})
	l.engine = engine.New(sources, renderer, projects, clusters{destination{l.target}}, engine.Options{
		ReadOnly: true, Expressions: l.expressions, Others: others,
	})
	return l, nil
}

// known takes note that more of the cluster is known.
func (l *localEngine) known() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// loadSettings reads the projects and repositories once.
func loadSettings(ctx context.Context, cluster *kube.Cluster, namespace string, projects *projects, repositories *repository.Store) error {
	listed, err := cluster.ListObjects(ctx, v1alpha1.AppProjectResource(), kube.WatchOptions{Namespace: namespace})
	if err != nil {
		return err
	}
	for i := range listed {
		projects.put(&listed[i])
	}
	listed, err = cluster.ListObjects(ctx, secrets(), kube.WatchOptions{
		Namespace: namespace, LabelSelector: repository.Selector,
	})
	if syncline.KindOf(err) == syncline.Denied {
		return nil // who may not read credentials may still look at public repositories
	}
	for i := range listed {
		_, _ = repositories.Put(&listed[i]) // what cannot be read concerns nothing
	}
	return err
}

// Close ends the watches and removes the mirrors.
func (l *localEngine) Close() error {
	l.target.Close()
	l.pool.Close()
	l.expressions.Close()
	l.remove()
	return nil
}

// Plan resolves, renders and compares for an operation.
func (l *localEngine) Plan(ctx context.Context, app syncline.App, operation syncline.Operation) (syncline.Plan, error) {
	app.Request, app.Deleting = &operation, nil
	return l.plan(ctx, app)
}

// Teardown returns what would be deleted with the App.
func (l *localEngine) Teardown(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	app.Request, app.Deleting = nil, &syncline.Deletion{Since: time.Now(), Cascade: true}
	return l.plan(ctx, app)
}

// plan takes the turn of an App, once it is known what the App owns: an approval
// names what the agent prunes.
func (l *localEngine) plan(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	app.Paused = false
	for {
		result := l.engine.Turn(ctx, app, 0)
		switch {
		case result.Err != nil:
			return syncline.Plan{}, result.Err
		case result.Plan != nil && syncline.KindOf(result.Plan.Unknown) != syncline.Waiting:
			return *result.Plan, nil
		case result.Plan == nil && !result.Watching:
			return syncline.Plan{}, refusal(result)
		}
		select {
		case <-l.ready:
		case <-ctx.Done():
			return syncline.Plan{}, syncline.Errorf(syncline.Transient, "the cluster's objects could not be read in time: %w", ctx.Err())
		}
	}
}

// refusal is the error of a turn that made no plan because the App is invalid.
func refusal(result engine.Result) error {
	if result.Report == nil || len(result.Report.Conditions) == 0 {
		return syncline.Errorf(syncline.Internal, "no plan was made")
	}
	return syncline.Errorf(syncline.Invalid, "%s", result.Report.Conditions[0].Message)
}

// Live returns the App's objects as they are, sorted by ref.
func (l *localEngine) Live(ctx context.Context, app syncline.App) ([]syncline.Object, error) {
	plan, err := l.Plan(ctx, app, syncline.Operation{})
	if err != nil {
		return nil, err
	}
	var objects []syncline.Object
	for _, change := range plan.Changes {
		if change.UID == "" {
			continue
		}
		object, err := l.target.Cluster.Get(ctx, change.Ref, change.Version)
		if syncline.KindOf(err) == syncline.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	slices.SortFunc(objects, func(a, b syncline.Object) int { return a.Ref().Compare(b.Ref()) })
	return objects, nil
}

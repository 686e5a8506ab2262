package backend

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// planner makes plans and writes nothing, as an [engine.Engine] does.
type planner interface {
	Preview(ctx context.Context, app syncline.App, memory *plan.Planner) (syncline.Plan, error)
}

// reader reads objects of the cluster.
type reader interface {
	// Read returns an object as it is now, or a NotFound error.
	Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error)
}

// preview says what a turn would do: it waits for what of the cluster is not known
// yet, and plans as the agent would.
type preview struct {
	planner planner
	// dialect is that of every App; nil for the one that it has.
	dialect *syncline.Dialect
	// memory is what is remembered of one preview for the next.
	memory *plan.Planner
	// reach returns what reads objects of a cluster as an identity.
	reach func(on syncline.ClusterID, as syncline.Identity) (reader, error)
	// ready is signalled when more of the cluster is known.
	ready chan struct{}
}

// known takes note that more of the cluster is known. It does not wait.
func (p *preview) known() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// Plan resolves, renders and compares for an operation.
func (p *preview) Plan(ctx context.Context, app syncline.App, operation syncline.Operation) (syncline.Plan, error) {
	app.Request, app.Deleting = &operation, nil
	return p.plan(ctx, app)
}

// Teardown returns what would be deleted with the App.
func (p *preview) Teardown(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	app.Request, app.Deleting = nil, &syncline.Deletion{Since: time.Now(), Cascade: true}
	return p.plan(ctx, app)
}

// plan makes the plan of an App, once it is known what the App owns: an approval
// names what the agent prunes.
func (p *preview) plan(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	if p.dialect != nil {
		app.Dialect = p.dialect
	}
	for {
		made, err := p.planner.Preview(ctx, app, p.memory)
		early := errors.Is(err, engine.ErrWatching) || err == nil && syncline.KindOf(made.Unknown) == syncline.Waiting
		if !early {
			return made, err
		}
		select {
		case <-p.ready:
		case <-ctx.Done():
			return syncline.Plan{}, syncline.Errorf(syncline.Transient, "the cluster's objects could not be read in time: %w", ctx.Err())
		}
	}
}

// Live returns the App's objects as they are, sorted by ref.
func (p *preview) Live(ctx context.Context, app syncline.App) ([]syncline.Object, error) {
	made, err := p.Plan(ctx, app, syncline.Operation{})
	if err != nil {
		return nil, err
	}
	cluster, err := p.reach(made.Cluster, app.As)
	if err != nil {
		return nil, err
	}
	var objects []syncline.Object
	for _, change := range made.Changes {
		if change.UID == "" {
			continue
		}
		object, err := cluster.Read(ctx, change.Ref, change.Version)
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

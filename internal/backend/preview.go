package backend

import (
	"context"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine"
)

// turns take turns of Apps and write nothing, as those of an [engine.Engine] that is
// read-only.
type turns interface {
	Turn(ctx context.Context, app syncline.App, failures int) engine.Result
}

// reader reads objects of the cluster.
type reader interface {
	// Read returns an object as it is now, or a NotFound error.
	Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error)
}

// preview says what turns would come to: it waits for what of the cluster is not known
// yet, and plans as the agent would.
type preview struct {
	turns turns
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

// plan takes the turn of an App, once it is known what the App owns: an approval
// names what the agent prunes.
func (p *preview) plan(ctx context.Context, app syncline.App) (syncline.Plan, error) {
	app.Paused = false
	for {
		result := p.turns.Turn(ctx, app, 0)
		switch {
		case result.Err != nil:
			return syncline.Plan{}, result.Err
		case result.Plan != nil && syncline.KindOf(result.Plan.Unknown) != syncline.Waiting:
			return *result.Plan, nil
		case result.Plan == nil && !result.Watching:
			return syncline.Plan{}, refusal(result)
		}
		select {
		case <-p.ready:
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
func (p *preview) Live(ctx context.Context, app syncline.App) ([]syncline.Object, error) {
	plan, err := p.Plan(ctx, app, syncline.Operation{})
	if err != nil {
		return nil, err
	}
	cluster, err := p.reach(plan.Cluster, app.As)
	if err != nil {
		return nil, err
	}
	var objects []syncline.Object
	for _, change := range plan.Changes {
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

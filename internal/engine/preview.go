package engine

import (
	"context"
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// ErrWatching says that a preview needs to know objects of the cluster which are not
// known yet. It may be made when [Cluster] knows more of them.
var ErrWatching = syncline.Errorf(syncline.Waiting, "not all that is needed is known of the cluster's objects yet")

// Preview returns the plan that a turn of the App would make: of what it requests, or of
// its end when it is being deleted. It goes the same way as a turn up to the plan, which
// the same functions make, and begins nothing: the App, its own turns and others do not
// notice. What is learned of the cluster is remembered in the planner, which is the
// preview's own, so that it may be made again at little cost. The plan may have an
// Unknown. The error is [ErrWatching] when it is too early, and says what keeps the App
// from having a plan.
func (e *Engine) Preview(ctx context.Context, app syncline.App, planner *plan.Planner) (syncline.Plan, error) {
	if app.Unit != syncline.Deliver {
		return syncline.Plan{}, syncline.Errorf(syncline.Invalid, "%s is only fetched, which changes nothing in any cluster", app.ID)
	}
	t := e.newTurn(app, planner)
	t.preview = true
	ctx, cancel := context.WithTimeoutCause(ctx, e.options.Limit, overrunError(e.options.Limit))
	defer cancel()
	for _, s := range t.previewSteps() {
		if err := t.do(ctx, s); err != nil {
			return syncline.Plan{}, fmt.Errorf("%s: %w", s.name, err)
		}
		if t.ended {
			break
		}
	}
	switch {
	case t.plan != nil:
		return *t.plan, nil
	case t.result.Watching:
		return syncline.Plan{}, ErrWatching
	case t.deleted: // it has nothing
		return syncline.Plan{App: app.ID, Cluster: t.target.ID}, nil
	case len(t.conditions) > 0:
		return syncline.Plan{}, syncline.Errorf(syncline.Invalid, "%s", t.conditions[0].Message)
	}
	return syncline.Plan{}, syncline.Errorf(syncline.Internal, "no plan was made")
}

// previewSteps are those of a turn up to its plan.
func (t *turn) previewSteps() []step {
	switch {
	case t.app.Deleting != nil && !t.app.Deleting.Cascade:
		return t.steps()
	case t.app.Deleting != nil:
		return t.removal(step{"plan", t.planEnd, syncline.DeletionError, false})
	}
	return t.delivery(t.propose)
}

// propose takes up what the App requests as if it began now, whatever goes on.
func (t *turn) propose(context.Context) error {
	t.operation = nil
	if t.app.Request != nil {
		t.start(*t.app.Request)
		t.consumed = true
		t.admit()
	}
	return nil
}

// planEnd plans what is deleted with the App.
func (t *turn) planEnd(ctx context.Context) error {
	teardown, err := t.teardown(ctx)
	t.plan = &teardown
	return err
}

package engine

import (
	"context"
	"reflect"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// ahead is what an App declares by now, while an operation delivers something
// earlier.
type ahead struct {
	revisions []string
	err       error
}

// lookAhead notes in the plan of an operation that goes on what the App declares by
// now and the operation does not deliver: whoever waits to know that need not wait
// for its end, which may be hours away.
func (t *turn) lookAhead(ctx context.Context) {
	if t.options.Others == nil || t.plan == nil || !t.running() || t.app.Deleting != nil {
		return
	}
	next := &turn{Engine: t.Engine, app: t.app, now: t.now, target: t.target, project: t.project, judge: t.judge, cluster: t.cluster}
	next.app.Past.Operation, next.app.Refresh = nil, syncline.NoRefresh // which is answered at the end of the operation
	err := next.resolve(ctx)
	if err == nil && (!slices.Equal(next.revisions, t.revisions) || !reflect.DeepEqual(next.sources, t.sources)) {
		t.plan.Ahead, err = t.declaredBeside(ctx, next)
	}
	t.plan.AheadUnknown = err
	t.ahead = &ahead{next.revisions, err}
}

// declaredBeside returns what another turn of the App finds declared that is not in
// the plan of this one.
func (t *turn) declaredBeside(ctx context.Context, next *turn) ([]syncline.Ref, error) {
	if err := next.render(ctx); err != nil {
		return nil, err
	}
	refs, err := plan.Declares(ctx, plan.Input{
		App: t.app, Objects: next.objects, Revisions: next.revisions, Cluster: t.cluster, Memory: t.cluster, Unanswered: t.unanswered,
		Judge: t.judge.Change,
	})
	if err != nil {
		return nil, err
	}
	known := map[syncline.Ref]bool{}
	for _, c := range t.plan.Changes {
		known[c.Ref] = !c.Leaves()
	}
	return slices.DeleteFunc(refs, func(ref syncline.Ref) bool { return known[ref] }), nil
}

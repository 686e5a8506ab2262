package engine

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
)

// found checks that there is such a cluster as the destination names. Who may not use
// it need not learn that, so this comes after the project was asked.
func (t *turn) found(context.Context) error { return t.orWayOut(t.nowhere) }

// orWayOut adds to that there is no cluster how an App that is being deleted with its
// objects goes without.
func (t *turn) orWayOut(err error) error {
	if syncline.KindOf(err) == syncline.NotFound && t.app.Deleting != nil {
		return t.withWayOut(err)
	}
	return err
}

// connect finds the cluster, of which the App sees what its project permits.
func (t *turn) connect(ctx context.Context) error {
	cluster, err := t.Clusters.Cluster(t.target.ID, t.app.As)
	if syncline.KindOf(err) == syncline.Waiting {
		t.result.Watching, t.silent = true, true
		t.end()
		return nil
	}
	if err != nil {
		return t.orWayOut(err)
	}
	if bounded, ok := cluster.(Bounded); ok {
		t.judge = t.judge.Within(bounded.Within)
	}
	t.cluster = confine(ctx, cluster, t.judge)
	t.dismiss()
	return nil
}

// dismiss drops the objects that the status claims and the project refuses: a
// status is written by whoever may write the App, and nothing is looked up for it.
func (t *turn) dismiss() {
	t.app.Past.Objects = slices.DeleteFunc(slices.Clone(t.app.Past.Objects), func(o syncline.ObjectReport) bool {
		return t.judge.Object(o.Ref) != nil
	})
	if t.running() {
		t.operation.Results = slices.DeleteFunc(slices.Clone(t.operation.Results), func(r syncline.ObjectResult) bool {
			return !r.State.Done() && t.judge.Object(r.Ref) != nil
		})
	}
}

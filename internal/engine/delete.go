package engine

import (
	"context"
	"errors"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// leave finds the project by which the objects of an App that is being deleted
// are judged. One that leaves its objects behind needs none.
func (t *turn) leave(context.Context) error {
	if !t.app.Deleting.Cascade {
		t.judge = policy.For(syncline.Project{}, t.app)
		return nil
	}
	return t.enter()
}

// delete removes the next of the objects of an App that is being deleted. When
// none is left, the App itself may go. It stays while it may have objects that
// are not known.
func (t *turn) delete(ctx context.Context) error {
	if t.running() {
		t.close(syncline.OperationFailed, "the application is being deleted")
	}
	if !t.app.Deleting.Cascade {
		t.deleted = true
		return nil
	}
	teardown, unknown := plan.Teardown(t.app, t.cluster)
	if syncline.KindOf(unknown) == syncline.Waiting { // the order of waves counts
		return unknown
	}
	grant, refused := t.judge.Allow(teardown)
	writer, err := t.writer()
	if err != nil {
		return err
	}
	t.waiting, err = apply.Delete(ctx, apply.Input{
		App: t.app, Plan: teardown, Grant: grant, Refused: refused,
		Memory: t.cluster, Reader: t.cluster, Writer: writer, Now: t.now,
	})
	err = errors.Join(err, unknown)
	t.deleted = err == nil && len(t.waiting) == 0
	return err
}

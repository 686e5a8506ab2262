package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// leaveAll lets an App go that leaves behind what it has, wherever that is: no project
// is asked, and no cluster.
func (t *turn) leaveAll(context.Context) error {
	if t.running() {
		t.close(syncline.OperationFailed, leaving)
	}
	if err := t.hooksAtEnd(); err != nil {
		return err
	}
	t.deleted = true
	return nil
}

// leave finds the project by which the objects of an App that is being deleted
// are judged.
func (t *turn) leave(context.Context) error {
	err := t.enter()
	if syncline.KindOf(err) != syncline.NotFound {
		return err
	}
	if t.neverDelivered() {
		t.deleted = true
		t.end()
		return nil
	}
	return t.withWayOut(err)
}

// withWayOut adds to why the objects of an App cannot be deleted how it goes without.
func (t *turn) withWayOut(err error) error {
	way := fmt.Sprintf("delete the application without its objects, which stay: `syncline app delete %s --cascade=false`", t.app.ID.Name)
	if hint := syncline.HintOf(err); hint != "" {
		way = hint + "; or " + way
	}
	return syncline.WithHint(err, way)
}

// neverDelivered reports whether an App is known to have nothing that it could leave
// behind: it says so itself, and nothing in its cluster is tracked as its own.
func (t *turn) neverDelivered() bool {
	past := t.app.Past
	if t.running() || past.Unlisted || len(past.History)+len(past.Objects) > 0 ||
		past.Operation != nil && len(past.Operation.Results) > 0 {
		return false
	}
	if t.nowhere != nil {
		return false
	}
	cluster, err := t.Clusters.Cluster(t.target.ID, t.app.As)
	if err != nil {
		return false
	}
	owned, unknown := cluster.Owned(t.app.Instance)
	t.result.Watching = unknown != nil
	return unknown == nil && len(owned) == 0
}

// leaving is why an operation ends of an App that is being deleted.
const leaving = "Operation terminated: the application is being deleted"

// delete removes the next of the objects of an App that is being deleted. When
// none is left, the App itself may go. It stays while it may have objects that
// are not known. An operation that goes on is terminated first.
func (t *turn) delete(ctx context.Context) error {
	if t.running() {
		return t.stop(ctx)
	}
	if err := t.hooksAtEnd(); err != nil {
		return err
	}
	teardown, err := t.teardown(ctx)
	unknown := teardown.Unknown
	if syncline.KindOf(unknown) == syncline.Waiting { // the order of waves counts
		return unknown
	}
	t.leaving = &teardown
	if err != nil {
		return err
	}
	err = errors.Join(t.remove(ctx, teardown), unknown)
	t.deleted = err == nil && len(t.waiting) == 0
	return err
}

// hooksAtEnd holds up the deletion of an App whose hooks of PreDelete would be
// passed over, such as one that saves what is about to go, until a person has seen
// to that. Of those of PostDelete it warns.
func (t *turn) hooksAtEnd() error {
	if t.app.Deleting.PostDelete {
		t.conditions = append(t.conditions, syncline.Condition{Type: syncline.HookWarning,
			Message: "the application is deleted without its hooks of PostDelete, which are not supported yet"})
	}
	if !t.app.Deleting.PreDelete {
		return nil
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Stalled, "nothing is deleted: hooks of PreDelete were to run first, and they are not supported yet"),
		"do what they do, and then remove the finalizer "+t.app.Dialect.Words.PreDelete+" from the application")
}

// teardown plans what is deleted with the App, without what its project refuses, and
// what other Apps declare or need. It is a Waiting error while that is not known.
func (t *turn) teardown(ctx context.Context) (syncline.Plan, error) {
	teardown, unknown := plan.Teardown(t.app, t.options.Dialects, heir{t.cluster, t.inherited()})
	_, refused := t.judge.Allow(teardown)
	teardown.Changes = slices.DeleteFunc(slices.Clone(teardown.Changes), func(c syncline.Change) bool { return refused[c.Ref] != nil })
	teardown.Unknown, t.result.Watching = unknown, unknown != nil
	if len(teardown.Changes) == 0 || t.options.Others == nil {
		return teardown, nil
	}
	teardown, err := plan.Spare(teardown, t.neighbours(ctx))
	t.conditions = append(t.conditions, teardown.Warnings...)
	t.awaitUsers(teardown)
	return teardown, err
}

// usersAgain is how soon it is looked again whether Apps are gone that need what is
// to be deleted: that they are may be known later here than to the cluster's memory.
const usersAgain = 5 * time.Second

// awaitUsers asks for another turn when a plan deletes something after Apps.
func (t *turn) awaitUsers(p syncline.Plan) {
	at := t.now.Add(usersAgain)
	waits := slices.ContainsFunc(p.Changes, func(c syncline.Change) bool { return len(c.After) > 0 })
	if waits && (t.result.At.IsZero() || at.Before(t.result.At)) {
		t.result.At = at
	}
}

// stop terminates the operation: what it runs is deleted, and has to be gone and
// the end of the operation written down before anything else is deleted.
func (t *turn) stop(ctx context.Context) error {
	running, err := plan.Running(t.app, t.operation, t.cluster)
	if err == nil {
		err = t.remove(ctx, running)
	}
	if err != nil || len(t.waiting) > 0 {
		t.operation.Phase, t.operation.FinishedAt = syncline.OperationTerminating, time.Time{}
		t.operation.Message = "operation is terminating: the application is being deleted"
		return err
	}
	t.close(syncline.OperationFailed, leaving)
	t.requeue()
	return nil
}

// remove deletes the first wave of the objects that a plan deletes.
func (t *turn) remove(ctx context.Context, teardown syncline.Plan) (err error) {
	grant, refused := t.judge.Allow(teardown)
	writer, err := t.writer()
	if err != nil {
		return err
	}
	t.result.Performed = &teardown
	t.waiting, err = apply.Delete(ctx, apply.Input{
		App: t.app, Plan: teardown, Grant: grant, Refused: refused,
		Memory: t.cluster, Reader: t.cluster, Writer: writer, Now: t.now,
	})
	return err
}

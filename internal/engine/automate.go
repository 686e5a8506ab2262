package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/autosync"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// automate begins an operation when the App's policy asks for one.
func (t *turn) automate(ctx context.Context) error {
	if t.running() {
		return nil
	}
	if err := t.markDrawn(ctx); err != nil {
		return err
	}
	if t.premature(syncline.Operation{Prune: t.app.Policy.Automated && t.app.Policy.Prune}) {
		return nil
	}
	choice := autosync.Decide(t.app, *t.plan, t.objects, t.now)
	if choice.Condition != nil {
		t.conditions = append(t.conditions, *choice.Condition)
	}
	if !choice.At.IsZero() {
		t.waitUntil(choice.At, choice.Why)
	}
	if choice.Operation == nil {
		return nil
	}
	if until, err := policy.CheckTime(t.project, t.app, t.target, policy.Sync{}, t.now); err != nil {
		t.waitUntil(until, err.Error())
		return nil
	}
	if blocked := guardPrune(t.app, *t.plan, t.options.Guard, *choice.Operation); blocked != nil {
		t.conditions = append(t.conditions, *blocked)
		return nil
	}
	if t.mayOwnMore(*choice.Operation) {
		return t.plan.Unknown
	}
	t.start(*choice.Operation)
	t.operation.Revisions = t.revisions
	t.automatic = true
	return nil
}

// markDrawn finds out what the source draws anew, when revisions that were synced differ.
func (t *turn) markDrawn(ctx context.Context) error {
	if !autosync.Drifted(t.app, *t.plan) {
		return nil
	}
	conditions, err := t.drawn.Mark(t.plan, t.app, t.objects, func() ([]syncline.Object, error) {
		again := turn{Engine: t.Engine, app: t.app, project: t.project, cluster: t.cluster, sources: t.sources, revisions: t.revisions, given: t.given, apart: true}
		err := again.render(ctx)
		return again.objects, err
	})
	t.conditions = append(t.conditions, conditions...)
	return err
}

// premature reports whether it is too soon to judge how much an operation prunes:
// more than it may, and of some of it is not known yet whether it is declared by
// other Apps.
func (t *turn) premature(op syncline.Operation) bool {
	i := t.plan.Undecided()
	if i < 0 || guardPrune(t.app, *t.plan, t.options.Guard, op) == nil {
		return false
	}
	t.waiting = append(t.waiting, syncline.Blocker{Ref: t.plan.Changes[i].Ref, Why: t.plan.Changes[i].Err.Error()})
	return true
}

// guardPrune says why an automated operation may not prune what the plan
// prunes, or nil.
func guardPrune(app syncline.App, p syncline.Plan, guard plan.Guard, op syncline.Operation) *syncline.Condition {
	if !op.Prune {
		return nil
	}
	kept := func(c syncline.Change) bool { return c.Role == syncline.RoleResource && !c.Leaves() }
	prunes := func(c syncline.Change) bool { return c.Action == syncline.Prune }
	if !app.Policy.AllowEmpty && slices.ContainsFunc(p.Changes, prunes) && !slices.ContainsFunc(p.Changes, kept) {
		return &syncline.Condition{Type: syncline.SyncError, Message: fmt.Sprintf(
			"Skipping sync attempt to %v: auto-sync will wipe out all resources; set spec.syncPolicy.automated.allowEmpty to allow it", upstream.Versions(p.Revisions))}
	}
	return guarded(app, p, guard)
}

package plan

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
)

// awaitGuards lets changes that a webhook or a policy refuses wait for what comes
// before them and changes or deletes such a thing: whether they are refused then is
// found out after that. Where nothing does, what is refused stays so, and of what
// nobody could be asked about nothing is known, which is the error.
func (b *build) awaitGuards(context.Context) error {
	covers := func(syncline.Change) bool { return true }
	if b.Operation != nil {
		covers = b.Operation.Operation.Covers()
	}
	var guard *syncline.Change
	for i := range b.changes {
		c := &b.changes[i]
		switch {
		case guard == nil && b.changesGuard(*c) && covers(*c):
			guard = c
		case !b.guarded[c.Ref] || c.Role == syncline.RoleHook || c.Err == nil:
		case guard != nil:
			c.Err = syncline.Errorf(syncline.Waiting, "%s is changed first, which may be what refuses it now: %w", guard.Ref, c.Err)
		case syncline.WebhookDown(c.Err) || b.changedGuards():
			return syncline.Errorf(syncline.Transient, "%w", syncline.About(c.Ref, c.Err))
		}
	}
	return nil
}

// changesGuard reports whether a change deletes or changes what decides about other
// objects.
func (b *build) changesGuard(c syncline.Change) bool {
	switch c.Action {
	case syncline.Update, syncline.Replace, syncline.Recreate:
		return c.Ref.Guards() && c.Role == syncline.RoleResource && c.Err == nil
	case syncline.Prune:
		waits := syncline.KindOf(c.Err) == syncline.Waiting // to know whose it is, or for a person
		return c.Ref.Guards() && c.Role == syncline.RoleResource && (c.Err == nil || waits) &&
			(b.Operation == nil || b.Operation.Operation.Prune)
	}
	return false
}

// mayChangeGuards reports whether the App has or had what decides about other objects,
// so that a webhook that cannot be called may be its own. Else nothing more is asked
// behind one: each question may take long.
func (b *build) mayChangeGuards() bool {
	owned, _ := b.Memory.Owned(b.App.Instance) // as far as it is known
	return b.changedGuards() ||
		slices.ContainsFunc(b.changes, func(c syncline.Change) bool { return c.Ref.Guards() }) ||
		slices.ContainsFunc(owned, func(live syncline.Live) bool { return live.Ref.Guards() })
}

// changedGuards reports whether the operation has changed or deleted such a thing: the
// API server may refuse by it for a moment longer.
func (b *build) changedGuards() bool {
	return b.Operation != nil &&
		slices.ContainsFunc(b.Operation.Results, func(r syncline.ObjectResult) bool { return r.ChangedGuard() })
}

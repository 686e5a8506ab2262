package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// Teardown plans the deletion of everything that an App has, hooks included,
// the last wave first. Left out are what is kept by Delete=false or by what the
// dialect says, definitions of kinds, with which all of the kind would go, and what
// only its marks claim, or what an inventory does not list. A namespace is left out
// too when something of the App stays in it, and waits for what waits.
// The error says why the App may have more; it is that of [Memory.Owned].
func Teardown(app syncline.App, memory Memory) (syncline.Plan, error) {
	owned, err := memory.Owned(app.Instance)
	var changes []syncline.Change
	used := map[string]error{}
	recorded := recordsOf(app.Past, nil)
	for _, live := range owned {
		if live.Controlled || !live.Made || app.Dialect.Inventory && !app.Past.Unlisted && !recorded[live.Ref] {
			continue
		}
		asks := app.Dialect.Conventions.Read(live.Marks)
		asks.Options = asks.Options.Over(app.Policy.Options)
		if stays(app, live, asks) {
			used[live.Ref.Namespace] = syncline.Errorf(syncline.Denied, "%s stays", live.Ref)
			continue
		}
		c := teardown(app, live, asks)
		if syncline.KindOf(c.Err) == syncline.Stalled && used[live.Ref.Namespace] == nil {
			used[live.Ref.Namespace] = c.Err
		}
		changes = append(changes, c)
	}
	changes = keepNamespaces(changes, used)
	servingLast(changes)
	slices.SortStableFunc(changes, func(a, b syncline.Change) int {
		return cmp.Or(cmp.Compare(b.Wave, a.Wave), cmp.Compare(rankOf(a.Ref), rankOf(b.Ref)), a.Ref.Compare(b.Ref))
	})
	return syncline.Plan{App: app.ID, Changes: changes}, err
}

// servingLast moves what Apps need into the wave of the last Application that goes,
// or a later one.
func servingLast(changes []syncline.Change) {
	last := math.MaxInt
	for _, c := range changes {
		if c.Ref.IsApp() {
			last = min(last, c.Wave)
		}
	}
	for i := range changes {
		if c := &changes[i]; c.Ref.ServesApps() {
			c.Wave = min(c.Wave, last)
		}
	}
}

// rankOf orders what is deleted in one wave: first what decides about others, which
// may refuse that they go, and last what Apps need.
func rankOf(ref syncline.Ref) int {
	switch {
	case ref.Guards():
		return -1
	case ref.ServesApps():
		return 1
	}
	return 0
}

// Spare leaves out of a teardown what other Apps declare, what they have objects in,
// and what they need; what only Apps need that go is deleted after them. The error is
// Waiting while it is not known what they declare: nothing is deleted then, for the
// order of waves counts.
func Spare(teardown syncline.Plan, neighbours Neighbours) (syncline.Plan, error) {
	var changes []syncline.Change
	used, going := map[string]error{}, map[syncline.Ref]bool{}
	for _, c := range teardown.Changes {
		going[c.Ref] = true
	}
	for _, c := range teardown.Changes {
		if syncline.KindOf(c.Err) == syncline.Waiting { // it is being deleted already
			changes = append(changes, c)
			continue
		}
		if err := neighbours.Undecided(c.Ref); err != nil {
			return teardown, fmt.Errorf("%s is not deleted yet: %w", c.Ref, err)
		}
		if neighbours.Declares(c.Ref) != "" || insideOf(neighbours, c.Ref) != "" {
			used[c.Ref.Namespace] = syncline.Errorf(syncline.Denied, "%s stays", c.Ref)
			continue
		}
		needed := usersOf(neighbours, teardown.App, c.Ref, going)
		if needed.staying != nil {
			used[c.Ref.Namespace] = syncline.Errorf(syncline.Denied, "%s stays", c.Ref)
			teardown.Warnings = append(teardown.Warnings, syncline.Condition{Type: syncline.SharedResourceWarning,
				Message: fmt.Sprintf("%s is not deleted with the application: it is needed by %s", c.Ref, keptFor(needed.staying))})
			continue
		}
		if c.After = needed.going; c.After != nil && used[c.Ref.Namespace] == nil {
			used[c.Ref.Namespace] = syncline.Errorf(syncline.Stalled, "%s is deleted first", c.Ref)
		}
		changes = append(changes, c)
	}
	teardown.Changes = keepNamespaces(changes, used)
	return teardown, nil
}

// stays reports whether an object of an App is left when the App is deleted.
func stays(app syncline.App, live syncline.Live, asks syncline.Directive) bool {
	itself := live.Ref.Kind == app.ID.Kind && live.Ref.Name == app.ID.Name && live.Ref.Namespace == app.ID.Namespace
	return itself || asks.Options.Has("Delete=false") || asks.Keep != "" ||
		live.Ref.Kind == "CustomResourceDefinition"
}

// keepNamespaces leaves out the deletions of namespaces in which something stays,
// and holds up those in which something waits. Used says why, by namespace.
func keepNamespaces(changes []syncline.Change, used map[string]error) []syncline.Change {
	changes = slices.DeleteFunc(changes, func(c syncline.Change) bool {
		return c.Ref.Kind == "Namespace" && syncline.KindOf(used[c.Ref.Name]) == syncline.Denied
	})
	for i := range changes {
		if c := &changes[i]; c.Ref.Kind == "Namespace" && c.Err == nil {
			c.Err = used[c.Ref.Name] // what is in it waits for a person, and would go with it
		}
	}
	return changes
}

func teardown(app syncline.App, live syncline.Live, asks syncline.Directive) syncline.Change {
	c := syncline.Change{
		Ref: live.Ref, Version: live.Version, Role: syncline.RoleResource, Action: syncline.Prune,
		Phase: syncline.Sync, UID: live.UID, Steering: live.Steering(), Why: "the application is being deleted",
		Wave: asks.Wave, Options: asks.Options,
	}
	if app.Deleting != nil && app.Deleting.Propagation != "" {
		c.Options = option.List{"PrunePropagationPolicy=" + app.Deleting.Propagation}.Over(asks.Options)
	}
	if asks.Hook != nil {
		c.Role = syncline.RoleHook
	}
	for _, option := range []string{"Delete=confirm", "Prune=confirm"} { // either, as in Argo CD
		if asks.Options.Has(option) && !isDeletionApproved(app) {
			c.Err = Disregarded(app, syncline.WithHint(syncline.Errorf(syncline.Stalled, "%s is kept by %s until its deletion is approved", live.Ref, option),
				fmt.Sprintf("approve it with `syncline app confirm-deletion %s`, with the annotation %s, or with %s",
					app.ID.Name, app.DeletionDigest().Approval(), app.Dialect.Words.Approval)))
			break
		}
	}
	if live.Terminating {
		c.Err = syncline.Errorf(syncline.Waiting, "%s is being deleted%s", live.Ref, heldBy(live))
	}
	return c
}

// isDeletionApproved reports whether a person approved the deletion of the App.
func isDeletionApproved(app syncline.App) bool {
	return app.Deleting != nil && (app.ApprovedPrune == app.DeletionDigest() ||
		!app.ApprovedAt.IsZero() && !app.ApprovedAt.Before(app.Deleting.Since))
}

// Running plans the end of the hooks that an operation of an App has still running,
// so that it can be terminated.
func Running(app syncline.App, state *syncline.OperationState, memory Memory) (syncline.Plan, error) {
	all, err := Teardown(app, memory)
	run := RunID(app, state, "")
	all.Changes = slices.DeleteFunc(all.Changes, func(c syncline.Change) bool {
		live, exists := memory.Get(c.Ref)
		return !exists || c.Role != syncline.RoleHook || !strings.HasPrefix(live.Marks[syncline.AnnotationOperation], run) || isDone(live)
	})
	return all, err
}

// isDone reports whether a hook's object has come to an end.
func isDone(live syncline.Live) bool {
	switch live.Health.Status {
	case syncline.Healthy, syncline.NoHealth, syncline.Degraded, syncline.Unknown:
		return !live.Terminating
	}
	return false
}

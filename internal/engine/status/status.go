// Package status folds what the stages of a turn found out into a Report. It is
// pure: it reads nothing but its arguments, and no other place writes a
// condition or a status.
package status

import (
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
)

// Memory is what is known of the live objects.
type Memory interface {
	Get(ref syncline.Ref) (syncline.Live, bool)
}

// Objects reports on every object of the plan: those that are kept, with their
// sync status, and the hooks that are live. Of an object that the project refuses
// it says only that it is declared. Of those that nothing but they themselves say to
// be the App's it has some: there may be any number.
func Objects(plan syncline.Plan, memory Memory, conventions syncline.Conventions) []syncline.ObjectReport {
	var objects []syncline.ObjectReport
	seen := map[syncline.Ref]bool{}
	claimed := 0
	for _, c := range plan.Changes {
		var live syncline.Live
		exists := false
		if !c.Refused {
			live, exists = memory.Get(c.Ref)
		}
		if seen[c.Ref] || c.Role == syncline.RoleNamespace || c.Role == syncline.RoleHook && !exists {
			continue
		}
		seen[c.Ref] = true
		report := object(c, healthOf(live, exists, conventions))
		if report.Claimed && c.Action != syncline.Prune {
			if claimed++; claimed > maxClaimed {
				continue
			}
		}
		objects = append(objects, report)
	}
	slices.SortFunc(objects, func(a, b syncline.ObjectReport) int { return a.Ref.Compare(b.Ref) })
	return objects
}

// maxClaimed is how many objects are listed that are only claimed to be of an App.
const maxClaimed = 20

// Claims warns of objects that are only claimed to be of the App, when not all of them
// are listed, or when they look as if it had made them.
func Claims(plan syncline.Plan) []syncline.Condition {
	claimed, made := 0, false
	for _, c := range plan.Changes {
		if c.Claimed || c.Unrecorded && c.Action != syncline.Prune {
			claimed++
			made = made || c.Claimed && c.Unrecorded
		}
	}
	if claimed <= maxClaimed && !made {
		return nil
	}
	return []syncline.Condition{{Type: syncline.ClaimedWarning, Message: fmt.Sprintf(
		"objects that are left alone: %d; %s; status.resources lists %d of them", claimed, syncline.ClaimText, min(claimed, maxClaimed))}}
}

func object(c syncline.Change, health syncline.Health) syncline.ObjectReport {
	report := syncline.ObjectReport{
		Ref: c.Ref, Version: c.Version, Wave: c.Wave, Hook: c.Role == syncline.RoleHook,
		Health:               health,
		RequiresPruning:      c.Role == syncline.RoleResource && (c.Action == syncline.Prune || c.Leaving),
		Claimed:              c.Claimed || c.Unrecorded,
		RequiresConfirmation: !c.Refused && (c.Options.Has("Delete=confirm") || c.Options.Has("Prune=confirm")),
	}
	explain(&report, c)
	switch {
	case report.Hook:
	case c.Refused || c.Unknown:
		report.Sync = syncline.SyncUnknown
	case c.Action == syncline.Keep:
		report.Sync = syncline.Synced
	default:
		report.Sync = syncline.OutOfSync
	}
	return report
}

// explain has the health of an object that is not declared say why it stays, or that
// only the object itself says whose it is: else nothing would.
func explain(report *syncline.ObjectReport, c syncline.Change) {
	switch {
	case c.Claimed:
		report.Health = syncline.Health{}
	case c.Unrecorded && c.Action == syncline.Retain:
		report.Health.Message = syncline.ClaimText + "; " + c.Why
	case c.Unrecorded:
		report.Health.Message = syncline.ClaimText
	}
	if c.Action == syncline.Retain && report.Health.Message == "" {
		report.Health.Message = c.Why
	}
}

// Unknown reports on the objects that an App was last known to have when this
// turn could not compare them: nothing is claimed of their sync status. Their
// health is that of now, or, when there is no memory of them, as it was.
func Unknown(past []syncline.ObjectReport, memory Memory, conventions syncline.Conventions) []syncline.ObjectReport {
	objects := slices.Clone(past)
	for i := range objects {
		if !objects[i].Hook {
			objects[i].Sync = syncline.SyncUnknown
		}
		if memory != nil {
			live, exists := memory.Get(objects[i].Ref)
			objects[i].Health = healthOf(live, exists, conventions)
		}
	}
	return objects
}

// Leaving reports on what is still to be deleted of an App: the objects of the plan
// that are live. What was reported of them before is kept, but for their health.
func Leaving(
	plan syncline.Plan, past []syncline.ObjectReport, memory Memory, conventions syncline.Conventions,
) []syncline.ObjectReport {
	before := map[syncline.Ref]syncline.ObjectReport{}
	for _, o := range past {
		before[o.Ref] = o
	}
	var objects []syncline.ObjectReport
	for _, c := range plan.Changes {
		live, exists := memory.Get(c.Ref)
		if !exists {
			continue
		}
		report, known := before[c.Ref]
		if !known {
			report = object(c, syncline.Health{})
			report.RequiresPruning = false
		}
		report.Health = healthOf(live, exists, conventions)
		objects = append(objects, report)
	}
	slices.SortFunc(objects, func(a, b syncline.ObjectReport) int { return a.Ref.Compare(b.Ref) })
	return objects
}

// healthOf is the health that counts of an object.
func healthOf(live syncline.Live, exists bool, conventions syncline.Conventions) syncline.Health {
	switch {
	case !exists:
		return syncline.Health{Status: syncline.Missing}
	case conventions.Read(live.Marks).IgnoreHealth:
		return syncline.Health{}
	}
	return live.Health
}

// Sync is the App's sync status by its plan.
func Sync(plan syncline.Plan) syncline.SyncStatus {
	switch {
	case slices.ContainsFunc(plan.Changes, syncline.Change.Differs):
		return syncline.OutOfSync
	case slices.ContainsFunc(plan.Changes, func(c syncline.Change) bool { return c.Unknown }):
		return syncline.SyncUnknown
	}
	return syncline.Synced
}

// Summary returns the images that run and the addresses that are served, each
// once and sorted.
func Summary(objects []syncline.ObjectReport, memory Memory) (images, urls []string) {
	for _, o := range objects {
		if o.Claimed {
			continue
		}
		if live, exists := memory.Get(o.Ref); exists {
			images = append(images, live.Images...)
			urls = append(urls, live.URLs...)
		}
	}
	slices.Sort(images)
	slices.Sort(urls)
	return slices.Compact(images), slices.Compact(urls)
}

// Condition returns what a person should know about an error: its message and
// what to do next.
func Condition(kind syncline.ConditionType, err error) syncline.Condition {
	return syncline.Condition{Type: kind, Message: syncline.Explain(err)}
}

// Conditions returns a condition for each of the errors that were joined in err.
func Conditions(kind syncline.ConditionType, err error) []syncline.Condition {
	var conditions []syncline.Condition
	for _, one := range syncline.Joined(err) {
		conditions = append(conditions, Condition(kind, one))
	}
	return conditions
}

// IsDeployment reports whether a finished operation brought everything to its
// revisions. Partial operations, dry runs and failures did not.
func IsDeployment(done syncline.OperationState) bool {
	op := done.Operation
	return done.Phase == syncline.OperationSucceeded && !op.DryRun && !op.Partial()
}

// History appends a finished operation that was a deployment to the others, which
// stay at most limit, the newest.
func History(history []syncline.Deployment, done syncline.OperationState, limit int) []syncline.Deployment {
	var id int64
	if len(history) > 0 {
		id = history[len(history)-1].ID + 1
	}
	history = append(slices.Clone(history), syncline.Deployment{
		ID: id, Revisions: done.Revisions, Sources: done.Sources,
		StartedAt: done.StartedAt, DeployedAt: done.FinishedAt, By: done.Operation.By,
	})
	return history[max(0, len(history)-limit):]
}

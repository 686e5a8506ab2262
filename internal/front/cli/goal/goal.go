// Package goal says how an App stands to a state that somebody waits for:
// whether it holds, what is between, and when waiting on is in vain. It only
// judges what it is shown; it does not wait.
package goal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/command"
)

// Goal is a state that an App can be in. The zero Goal holds for every App that
// exists and that no refresh was asked for.
type Goal struct {
	// Sync wants the App Synced, Operation without an operation in progress.
	Sync, Operation bool
	// Health, Suspended and Degraded each name a health that will do. When none
	// of them is set, any will.
	Health, Suspended, Degraded bool
	// Deleted wants the App gone; nothing else counts then.
	Deleted bool
	// FailDegraded takes Degraded for a failure.
	FailDegraded bool
	// Resources restricts Sync and Health to some objects; empty means the App.
	Resources []Pattern
}

// Verdict says how an App stands to a Goal: waiting on is in vain, blockers are
// between, or it holds.
type Verdict struct {
	// Failed says why waiting on is in vain; nil when it is not.
	Failed error
	// Blockers say in words what is between.
	Blockers []string
}

// Holds reports whether the Goal is reached.
func (v Verdict) Holds() bool { return v.Failed == nil && len(v.Blockers) == 0 }

// String says the Goal in words, such as "Synced, Healthy and without an
// operation in progress".
func (g Goal) String() string {
	if g.Deleted {
		return "deleted"
	}
	var words, healths []string
	if g.Sync {
		words = append(words, "Synced")
	}
	for _, h := range g.healths() {
		healths = append(healths, string(h))
	}
	if len(healths) > 0 {
		words = append(words, strings.Join(healths, " or "))
	}
	if g.Operation {
		words = append(words, "without an operation in progress")
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return strings.Join(words, "")
}

// Judges reports whether the Goal says anything about the App's state.
func (g Goal) Judges() bool { return g.Sync || g.Operation || len(g.healths()) > 0 }

// healths are those that will do.
func (g Goal) healths() []syncline.HealthStatus {
	var healths []syncline.HealthStatus
	for _, h := range []struct {
		set    bool
		status syncline.HealthStatus
	}{{g.Health, syncline.Healthy}, {g.Suspended, syncline.Suspended}, {g.Degraded, syncline.Degraded}} {
		if h.set {
			healths = append(healths, h.status)
		}
	}
	return healths
}

// Judge says how the App called id stands to the Goal. App is nil when there is
// none of that name.
func (g Goal) Judge(id syncline.AppID, app *command.State) Verdict {
	switch {
	case app == nil && g.Deleted:
		return Verdict{}
	case app == nil:
		return Verdict{Failed: syncline.Errorf(syncline.NotFound, "app %s does not exist any more", id)}
	case g.Deleted:
		return deletion(*app)
	case app.Refresh != syncline.NoRefresh:
		return refreshing(*app)
	}
	var v Verdict
	if g.Operation {
		v.Blockers = append(v.Blockers, OperationBlockers(*app)...)
	}
	if g.Sync {
		v.Blockers = append(v.Blockers, g.syncBlockers(*app)...)
	}
	if accepted := g.healths(); len(accepted) > 0 {
		v.Blockers = append(v.Blockers, g.healthBlockers(*app, accepted)...)
	}
	if v.Failed = g.failure(*app, v.Holds()); v.Failed == nil && len(v.Blockers) > 0 {
		v.Blockers = append(v.Blockers, conditionLines(*app)...)
	}
	return v
}

// deletion says what the end of an App waits for, which may be for a person to decide.
func deletion(app command.State) Verdict {
	v := Verdict{Blockers: deletionBlockers(app)}
	if _, asked := command.Confirming(app); asked && app.Deleting != nil {
		v.Failed = &Error{Err: Blocked(app), Details: v.Blockers}
	}
	return v
}

// refreshing says what a refresh that was asked for waits for: it is done when an
// operation that goes on has ended, which may be for a person to decide.
func refreshing(app command.State) Verdict {
	going := OperationBlockers(app)
	if app.Request != nil || len(going) == 0 {
		return Verdict{Blockers: []string{"a refresh was asked for and is not done yet: " + whyNothing(app)}}
	}
	v := Verdict{Blockers: append([]string{"the refresh that was asked for is done when the operation has ended"}, going...)}
	if idle(app) {
		v.Failed = Blocked(app)
	}
	return v
}

// whyNothing says why nothing comes of what was asked for.
func whyNothing(app command.State) string {
	if app.Paused {
		return "the app is paused, until its annotation argocd.argoproj.io/skip-reconcile is removed"
	}
	return "is syncline server running?"
}

// failure says whether waiting on is in vain.
func (g Goal) failure(app command.State, reached bool) error {
	if g.Operation || g.Sync && !reached {
		failed := stuck(app)
		if failed || !reached && idle(app) {
			if err := Blocked(app); err != nil {
				return err
			}
		}
		if failed {
			return Failure(app)
		}
	}
	if g.FailDegraded && !g.Degraded && app.Report.Health.Status == syncline.Degraded {
		return &Error{
			Failed:  true,
			Err:     syncline.Errorf(syncline.Stalled, "app %s is Degraded", app.ID),
			Details: g.healthBlockers(app, []syncline.HealthStatus{syncline.Healthy}),
		}
	}
	return nil
}

// stuck reports whether the last operation failed and nothing follows by itself. One
// of another revision than that which everything is as it declares counts no more.
func stuck(app command.State) bool {
	operation := app.Report.Operation
	return operation != nil && !app.Busy() && operation.Phase != syncline.OperationSucceeded && !willRepeat(app) && !overcome(app)
}

// overcome reports whether the last operation was of a revision that is known, and
// everything is as another one declares it.
func overcome(app command.State) bool {
	delivered, compared := app.Report.Operation.Revisions, app.Report.Revisions
	return app.Report.Sync == syncline.Synced && len(delivered) > 0 && len(compared) > 0 && !upstream.SameRevisions(delivered, compared)
}

// idle reports whether no operation does anything: none goes on, or a person is
// waited for.
func idle(app command.State) bool {
	_, waits := command.Confirming(app)
	return waits && app.Deleting == nil || !app.Busy()
}

// willRepeat reports whether the App's policy starts another operation by
// itself, because the failed one delivered another revision.
func willRepeat(app command.State) bool {
	return app.Policy.Automated && app.Report.Sync == syncline.OutOfSync && len(app.Report.Revisions) > 0 &&
		!upstream.SameRevisions(app.Report.Revisions, app.Report.Operation.Revisions)
}

// chosen returns the objects that the Goal is about.
func (g Goal) chosen(app command.State) []syncline.ObjectReport {
	return slices.DeleteFunc(slices.Clone(app.Report.Objects), func(o syncline.ObjectReport) bool {
		return !Matches(g.Resources, o.Ref)
	})
}

func deletionBlockers(app command.State) []string {
	if app.Deleting == nil {
		return []string{"nobody asked for the deletion"}
	}
	var waiting, left []string
	told := map[syncline.Ref]bool{}
	for _, blocker := range app.Report.Waiting {
		told[blocker.Ref] = true
		waiting = append(waiting, blocker.String())
	}
	objects := 0
	for _, object := range app.Report.Objects {
		if object.Health.Status == syncline.Missing {
			continue
		}
		if objects++; !told[object.Ref] {
			left = append(left, object.Ref.String())
		}
	}
	blockers := []string{fmt.Sprintf("being deleted; objects left: %d", objects)}
	return slices.Concat(blockers, waiting, left, conditionLines(app))
}

// OperationBlockers say what the App's operation waits for; there are none when
// no operation goes on.
func OperationBlockers(app command.State) []string {
	operation := app.Report.Operation
	switch {
	case app.Request != nil:
		return []string{"an operation was asked for and has not begun: " + whyNothing(app)}
	case operation == nil || operation.Phase.Done():
		return nil
	}
	blockers := []string{"operation is " + withMessage(string(operation.Phase), operation.Message)}
	for _, blocker := range Waiting(app.Report) {
		blockers = append(blockers, blocker.String())
	}
	return blockers
}

func (g Goal) syncBlockers(app command.State) []string {
	whole := len(g.Resources) == 0
	if whole && app.Report.Sync == syncline.Synced {
		return nil
	}
	var blockers []string
	if whole {
		blockers = append(blockers, "sync status is "+cmp.Or(string(app.Report.Sync), "not known yet"))
	}
	for _, object := range g.chosen(app) {
		switch {
		case object.Hook || object.Sync == syncline.Synced:
		case object.RequiresPruning:
			blockers = append(blockers, fmt.Sprintf("%s: requires pruning", object.Ref))
		default:
			why := "" // what does not have to be healthy has a message only when it is kept
			if status := object.Health.Status; status == syncline.NoHealth || status == syncline.Healthy {
				why = object.Health.Message
			}
			blockers = append(blockers, fmt.Sprintf("%s: %s", object.Ref, withMessage(cmp.Or(string(object.Sync), "not synced yet"), why)))
		}
	}
	return g.orNone(app, blockers)
}

func (g Goal) healthBlockers(app command.State, accepted []syncline.HealthStatus) []string {
	whole := len(g.Resources) == 0
	health := app.Report.Health
	if whole && slices.Contains(accepted, health.Status) {
		return nil
	}
	var blockers []string
	if whole {
		blockers = append(blockers, "health is "+withMessage(cmp.Or(string(health.Status), "not known yet"), health.Message))
	}
	for _, object := range g.chosen(app) {
		status := object.Health.Status
		if status == syncline.NoHealth || slices.Contains(accepted, status) || whole && status == syncline.Healthy {
			continue
		}
		blockers = append(blockers, fmt.Sprintf("%s: %s", object.Ref, withMessage(string(status), object.Health.Message)))
	}
	return g.orNone(app, blockers)
}

// orNone says that no object is among those that the Goal is about, when so.
func (g Goal) orNone(app command.State, blockers []string) []string {
	if len(g.Resources) > 0 && len(g.chosen(app)) == 0 {
		return []string{"the app has no such resource yet"}
	}
	return blockers
}

func withMessage(status, message string) string {
	if message == "" {
		return status
	}
	return status + ": " + message
}

func conditionLines(app command.State) []string {
	var lines []string
	for _, condition := range app.Report.Conditions {
		lines = append(lines, fmt.Sprintf("%s: %s", condition.Type, condition.Message))
	}
	return lines
}

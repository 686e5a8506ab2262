package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/window"
)

// Sync is a sync that has to wait for a window of its project.
type Sync struct {
	// Manual says that a person asked for it.
	Manual bool
	// Began is when it began; zero when it has not.
	Began time.Time
}

// CheckTime reports why the sync windows of the project keep an App from being synced
// now, and until when they do at least. As in Argo CD a window that denies wins; where
// there are some that allow, one of them has to be open; and windows of which each lets
// people sync, or what began in time go on, keep these from nothing.
func CheckTime(project syncline.Project, app syncline.App, target syncline.Target, sync Sync, now time.Time) (until time.Time, err error) {
	var rules []window.Rule
	for _, rule := range project.Windows {
		if rule.Concerns(app.ID.Name, app.Destination.Namespace, target.Name, target.Server) {
			rules = append(rules, rule)
		}
	}
	blocking, until := block(rules, sync.Manual, now)
	if !sync.Began.IsZero() {
		if before, _ := block(rules, sync.Manual, sync.Began); len(before) == 0 {
			blocking = notAll(blocking, func(r window.Rule) bool { return r.Overrun })
		}
	}
	if len(blocking) == 0 {
		return time.Time{}, nil
	}
	why := fmt.Sprintf("the sync window %s of project '%s' denies syncs", blocking[0], project.Name)
	if !blocking[0].Denies {
		why = fmt.Sprintf("no sync window of project '%s' is open that allows syncs, such as %s", project.Name, blocking[0])
	}
	return until, syncline.Errorf(syncline.Waiting, "%s", why)
}

// block returns the rules that block syncs at a time, manual ones or others, and until
// when none of the rules says anything else.
func block(rules []window.Rule, manual bool, at time.Time) (blocking []window.Rule, until time.Time) {
	var closed []window.Rule
	allowed := false
	for _, rule := range rules {
		open, holds := rule.At(at)
		if until.IsZero() || holds.Before(until) {
			until = holds
		}
		switch {
		case rule.Denies && open:
			blocking = append(blocking, rule)
		case !rule.Denies && open:
			allowed = true
		case !rule.Denies:
			closed = append(closed, rule)
		}
	}
	if len(blocking) == 0 && !allowed {
		blocking = closed
	}
	if manual {
		blocking = notAll(blocking, func(r window.Rule) bool { return r.Manual })
	}
	return blocking, until
}

// notAll returns the rules, none when all are so.
func notAll(rules []window.Rule, are func(window.Rule) bool) []window.Rule {
	if slices.ContainsFunc(rules, func(r window.Rule) bool { return !are(r) }) {
		return rules
	}
	return nil
}

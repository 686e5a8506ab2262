package coalesce

import (
	"reflect"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
)

// While an App gets healthy its objects tell of every pod. Nobody waits for
// each of these words, and writing them all would cost more than delivering the
// App. A report in which only they changed is written this long after the last
// one, with whatever changed until then.
const (
	// wordPause is for the health of single objects, and what is waited for.
	wordPause = time.Second
	// textPause is for messages about an unchanged health, and for objects that are
	// only claimed to be the App's, which anybody can make come and go.
	textPause = 30 * time.Second
)

// pause says how long after the last report one that replaces before by after
// may wait. Both are as a resource says them. What differs in nothing that a report
// says is the resource's own, and does not wait.
func pause(before, after syncline.Report) time.Duration {
	before.At, before.ResourceVersion = after.At, after.ResourceVersion
	if reflect.DeepEqual(before, after) {
		return 0
	}
	before, after = withoutClaims(before), withoutClaims(after)
	if !reflect.DeepEqual(withoutWords(before), withoutWords(after)) {
		return 0
	}
	if !reflect.DeepEqual(withoutTexts(before), withoutTexts(after)) {
		return wordPause
	}
	return textPause
}

// withoutClaims returns the report without the objects that are only claimed to be
// the App's.
func withoutClaims(report syncline.Report) syncline.Report {
	report.Objects = without(report.Objects, func(o syncline.ObjectReport) bool { return o.Claimed })
	report.Conditions = without(report.Conditions, func(c syncline.Condition) bool { return c.Type == syncline.ClaimedWarning })
	return report
}

// without returns a list without some items, nil when none is left.
func without[T any](list []T, left func(T) bool) []T {
	if list = slices.DeleteFunc(slices.Clone(list), left); len(list) == 0 {
		return nil
	}
	return list
}

// withoutWords returns the report without the health of single objects, without
// what the App waits for, and without what a deployment rendered to, which follows
// from it.
func withoutWords(report syncline.Report) syncline.Report {
	report.Health.Message, report.Rendered = "", ""
	report.Waiting, report.WaitingMore = nil, 0
	report.Objects = slices.Clone(report.Objects)
	for i := range report.Objects {
		report.Objects[i].Health = syncline.Health{}
	}
	return report
}

// withoutTexts returns the report without messages about health.
func withoutTexts(report syncline.Report) syncline.Report {
	report.Health.Message = ""
	report.Objects = slices.Clone(report.Objects)
	for i := range report.Objects {
		report.Objects[i].Health.Message = ""
	}
	return report
}

package application

import (
	"slices"
	"strconv"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// A revision of a chart is its version and what identifies its content. Argo CD knows the
// version alone, and so do those who read its fields: that is what stands there. The whole
// is in status.syncline.charts, by the place of the field, and counts there only while the
// field has that version: who writes the field anew need not know of it.

// atSync is the place of status.sync.
const atSync = "sync"

// atOperation is the place of status.operationState: of the operation that began then.
func atOperation(startedAt time.Time) string {
	return "operation/" + startedAt.UTC().Format(time.RFC3339)
}

// atHistory is the place of an entry of status.history.
func atHistory(id int64) string { return "history/" + strconv.FormatInt(id, 10) }

// chartsOf returns the revisions of charts that a report has, by their places.
func chartsOf(report syncline.Report) map[string][]string {
	charts := map[string][]string{}
	note := func(place string, revisions []string) {
		whole := each(revisions, func(revision string) string {
			if _, content := upstream.CutChart(revision); content == "" {
				return ""
			}
			return revision
		})
		if slices.ContainsFunc(whole, func(revision string) bool { return revision != "" }) {
			charts[place] = whole
		}
	}
	note(atSync, report.Revisions)
	if op := report.Operation; op != nil {
		note(atOperation(op.StartedAt), op.Revisions)
	}
	for _, deployment := range report.History {
		note(atHistory(deployment.ID), deployment.Revisions)
	}
	if len(charts) == 0 {
		return nil
	}
	return charts
}

// whole returns the revisions that stand at a place, those of charts with their content
// where that is known.
func whole(charts map[string][]string, place string, revisions []string) []string {
	known := charts[place]
	if len(known) != len(revisions) {
		return revisions
	}
	revisions = slices.Clone(revisions)
	for i, revision := range revisions {
		if version, _ := upstream.CutChart(known[i]); version == revision {
			revisions[i] = known[i]
		}
	}
	return revisions
}

// makeWhole makes the revisions whole that a report was read with.
func makeWhole(report *syncline.Report, charts map[string][]string) {
	report.Revisions = whole(charts, atSync, report.Revisions)
	if op := report.Operation; op != nil {
		op.Revisions = whole(charts, atOperation(op.StartedAt), op.Revisions)
	}
	for i, deployment := range report.History {
		report.History[i].Revisions = whole(charts, atHistory(deployment.ID), deployment.Revisions)
	}
}

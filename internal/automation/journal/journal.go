// Package journal tells people how the state of an App changes, in the log and in events
// of its resource.
package journal

import (
	"log/slog"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
)

// Log logs how a report differs from the one before.
func Log(log *slog.Logger, before, after syncline.Report) {
	if before.Sync != after.Sync || before.Health.Status != after.Health.Status {
		log.Info("status changed", "sync", after.Sync, "health", after.Health.Status, "revisions", after.Revisions)
	}
	if op := after.Operation; op != nil && !sameStage(before.Operation, op) {
		log.Info("operation", "phase", op.Phase, "message", op.Message, "took", elapsed(op).String())
	}
	for _, condition := range after.Conditions {
		if !slices.Contains(before.Conditions, condition) {
			log.Warn("condition", "type", condition.Type, "message", condition.Message)
		}
	}
}

// LogUnsaved logs what a report says that could not be kept, and why: nobody reads it
// anywhere else.
func LogUnsaved(log *slog.Logger, report syncline.Report, err error) {
	log.Warn("the report could not be kept", "err", err, "sync", report.Sync, "health", report.Health.Status, "revisions", report.Revisions)
	if op := report.Operation; op != nil {
		log.Warn("operation that could not be kept", "phase", op.Phase, "message", op.Message)
	}
	for _, condition := range report.Conditions {
		log.Warn("condition that could not be kept", "type", condition.Type, "message", condition.Message)
	}
}

// sameStage reports whether an operation is the one before, and in the same
// phase. In a status its times are in seconds.
func sameStage(before, after *syncline.OperationState) bool {
	return before != nil && before.Phase == after.Phase &&
		before.StartedAt.Truncate(time.Second).Equal(after.StartedAt.Truncate(time.Second))
}

func elapsed(op *syncline.OperationState) time.Duration {
	if op.FinishedAt.IsZero() {
		return 0
	}
	return max(0, op.FinishedAt.Sub(op.StartedAt)) // it may begin in the next second
}

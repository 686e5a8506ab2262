// Package operation says how an operation proceeds: how it begins, when it is tried
// again, and how it ends. It performs nothing, and looks at nothing but the state of
// the operation, its App and the time.
package operation

import (
	"time"

	"github.com/syncline-io/syncline"
)

// Begin returns the state of an operation of an App that begins now. Its revisions
// are yet to be resolved.
func Begin(op syncline.Operation, app syncline.App, now time.Time) *syncline.OperationState {
	return &syncline.OperationState{
		Operation: op, Phase: syncline.OperationRunning, Sources: SourcesOf(op, app),
		StartedAt: beginning(app.Past.Operation, now), Message: "running",
	}
}

// SourcesOf returns the sources that an operation of an App delivers.
func SourcesOf(op syncline.Operation, app syncline.App) []syncline.Source {
	if len(op.Sources) > 0 {
		return op.Sources
	}
	return app.Sources
}

// beginning is when an operation that begins now began: not within the same
// second as the one before. A status keeps seconds, and by its beginning the
// hooks of an operation are told from those of another; so it may begin up to a
// second from now. What is written down of a far future is no beginning.
func beginning(last *syncline.OperationState, now time.Time) time.Time {
	const ahead = time.Minute
	if last == nil {
		return now
	}
	next := last.StartedAt.Truncate(time.Second).Add(time.Second)
	if next.After(now.Add(ahead)) || next.Before(now) {
		return now
	}
	return next
}

// Plausible returns the state of an operation as it can be: who may write the
// status may have put its end into the future, and its count anywhere.
func Plausible(state syncline.OperationState, now time.Time) *syncline.OperationState {
	if state.FinishedAt.After(now.Add(maxAhead)) {
		state.FinishedAt = now
	}
	state.RetryCount = min(max(state.RetryCount, 0), maxAttempts)
	return &state
}

// maxAhead is how far ahead of the clock an operation may have ended: clocks differ.
const maxAhead = time.Minute

// maxAttempts is more than an operation is ever tried.
const maxAttempts = 1 << 40

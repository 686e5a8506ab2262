package operation

import (
	"fmt"
	"time"

	"github.com/syncline-io/syncline"
)

// TriedAgain lets an operation that has just ended wait for its next attempt, and
// reports whether there is one: it failed, its policy has attempts left, and nobody
// terminated it. What has none tells how often it was tried.
func TriedAgain(state *syncline.OperationState, terminated bool) bool {
	retry := state.Operation.Retry
	switch failed := state.Phase == syncline.OperationFailed || state.Phase == syncline.OperationError; {
	case !failed:
		return false
	case !terminated && (retry.Limit < 0 || state.RetryCount < retry.Limit):
		state.Phase = syncline.OperationRunning
		state.RetryCount++
		state.Message = fmt.Sprintf("%s. Retrying attempt #%d at %s.", state.Message, state.RetryCount, RetryAt(state).UTC().Format(time.RFC3339))
		return true
	case state.RetryCount > 0:
		state.Message = fmt.Sprintf("%s (retried %d times).", state.Message, state.RetryCount)
	}
	return false
}

// TryAgain begins the next attempt of an operation that waited for it.
func TryAgain(state *syncline.OperationState) {
	state.FinishedAt = time.Time{}
	state.Results = nil
	state.Message = fmt.Sprintf("Retrying operation. Attempt #%d", state.RetryCount)
	if state.Operation.Retry.Refresh {
		state.Revisions = nil
		state.Message = fmt.Sprintf("Retrying operation with latest revisions. Attempt #%d", state.RetryCount)
	}
}

// What a retry waits unless it is declared.
const (
	firstRetry   = 5 * time.Second
	longestRetry = 3 * time.Minute
	retryFactor  = 2
)

// What a retry waits at least, whatever is declared: each costs requests and a write
// of the status, and what failed so often is not mended within a second.
const (
	shortestRetry = time.Second
	manyRetries   = 10
	lateRetry     = 30 * time.Second
)

// RetryAt is when the next attempt of a failed operation is due.
func RetryAt(state *syncline.OperationState) time.Time {
	return state.FinishedAt.Add(retryWait(state.Operation.Retry, state.RetryCount))
}

// retryWait is how long to wait before an attempt: as declared, and not less than
// what any retry waits.
func retryWait(retry syncline.Retry, attempt int64) time.Duration {
	if attempt > manyRetries {
		return max(declaredWait(retry, attempt), lateRetry)
	}
	return max(declaredWait(retry, attempt), shortestRetry)
}

// declaredWait is the first wait, multiplied by the factor for each attempt before,
// up to the longest.
func declaredWait(retry syncline.Retry, attempt int64) time.Duration {
	wait, longest, factor := retry.Duration, retry.MaxDuration, retry.Factor
	if wait <= 0 {
		wait = firstRetry
	}
	if longest <= 0 {
		longest = longestRetry
	}
	if factor <= 0 {
		factor = retryFactor
	}
	if factor == 1 {
		return min(wait, longest)
	}
	for n := int64(1); n < attempt && wait < longest; n++ {
		if wait > longest/time.Duration(factor) {
			return longest
		}
		wait *= time.Duration(factor)
	}
	return min(wait, longest)
}

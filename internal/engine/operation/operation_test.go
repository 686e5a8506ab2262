package operation_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/operation"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// An operation begins in a second of its own, and at no time that nobody has seen.
func TestBegin(t *testing.T) {
	for name, test := range map[string]struct{ last, want time.Time }{
		"the last began long ago":         {noon.Add(-time.Hour), noon},
		"the last began in this second":   {noon, noon.Add(time.Second)},
		"the last begins in a far future": {noon.Add(time.Hour), noon},
	} {
		app := syncline.App{Past: syncline.Past{Report: syncline.Report{Operation: &syncline.OperationState{StartedAt: test.last}}}}
		if got := operation.Begin(syncline.Operation{}, app, noon).StartedAt; !got.Equal(test.want) {
			t.Errorf("%s: it began at %s, want %s", name, got, test.want)
		}
	}
}

func TestRetryAt(t *testing.T) {
	for name, test := range map[string]struct {
		retry   syncline.Retry
		attempt int64
		want    time.Duration
	}{
		"nothing declared, first":    {syncline.Retry{}, 1, 5 * time.Second},
		"nothing declared, third":    {syncline.Retry{}, 3, 20 * time.Second},
		"nothing declared, late":     {syncline.Retry{}, math.MaxInt64, 3 * time.Minute},
		"declared":                   {syncline.Retry{Duration: 2 * time.Second, Factor: 3, MaxDuration: time.Minute}, 3, 18 * time.Second},
		"up to the longest":          {syncline.Retry{Duration: 2 * time.Second, Factor: 3, MaxDuration: 10 * time.Second}, 3, 10 * time.Second},
		"the same each time":         {syncline.Retry{Duration: 2 * time.Second, Factor: 1}, 9, 2 * time.Second},
		"no time at all":             {syncline.Retry{Duration: 1, Factor: 1}, 1, time.Second},
		"no time at all, many times": {syncline.Retry{Duration: 1, Factor: 1}, 11, 30 * time.Second},
		"a factor beyond all bounds": {syncline.Retry{Duration: time.Second, Factor: math.MaxInt64, MaxDuration: time.Hour}, 2, time.Hour},
	} {
		state := &syncline.OperationState{Operation: syncline.Operation{Retry: test.retry}, RetryCount: test.attempt, FinishedAt: noon}
		if got := operation.RetryAt(state).Sub(noon); got != test.want {
			t.Errorf("%s: it waits %s, want %s", name, got, test.want)
		}
	}
}

// What has attempts left waits for the next, unless somebody ended it; the rest has ended.
func TestTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		phase      syncline.OperationPhase
		limit      int64
		count      int64
		terminated bool
		want       bool
		says       string
	}{
		"it succeeded":         {syncline.OperationSucceeded, 5, 1, false, false, "why"},
		"it failed":            {syncline.OperationFailed, 5, 0, false, true, "why. Retrying attempt #1 at 2026-05-04T12:00:05Z."},
		"an error":             {syncline.OperationError, 5, 0, false, true, "why. Retrying attempt #1"},
		"without end":          {syncline.OperationFailed, -1, 100, false, true, "why. Retrying attempt #101"},
		"no attempt is left":   {syncline.OperationFailed, 2, 2, false, false, "why (retried 2 times)."},
		"there never were any": {syncline.OperationFailed, 0, 0, false, false, "why"},
		"it was terminated":    {syncline.OperationFailed, 5, 0, true, false, "why"},
	} {
		state := &syncline.OperationState{
			Operation: syncline.Operation{Retry: syncline.Retry{Limit: test.limit}},
			Phase:     test.phase, RetryCount: test.count, Message: "why", FinishedAt: noon,
		}
		if got := operation.TriedAgain(state, test.terminated); got != test.want || state.Phase.Done() == got || !strings.HasPrefix(state.Message, test.says) {
			t.Errorf("%s: tried again %t, and says %s: %q", name, got, state.Phase, state.Message)
		}
	}
}

// Whoever may write a status may have written anything there.
func TestPlausible(t *testing.T) {
	got := operation.Plausible(syncline.OperationState{FinishedAt: noon.Add(time.Hour), RetryCount: -3}, noon)
	if !got.FinishedAt.Equal(noon) || got.RetryCount != 0 {
		t.Errorf("got %+v", got)
	}
	if got := operation.Plausible(syncline.OperationState{RetryCount: math.MaxInt64}, noon); got.RetryCount+1 < got.RetryCount {
		t.Errorf("the count has no next: %d", got.RetryCount)
	}
}

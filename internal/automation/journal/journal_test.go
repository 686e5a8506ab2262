package journal_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/automation/journal"
)

// TestAnOperationIsLoggedOnce has a report whose times went through a status
// since, where they are in seconds.
func TestAnOperationIsLoggedOnce(t *testing.T) {
	began := time.Date(2026, 5, 4, 12, 0, 0, 700_000_000, time.UTC)
	report := func(phase syncline.OperationPhase, started time.Time) syncline.Report {
		return syncline.Report{Operation: &syncline.OperationState{Phase: phase, StartedAt: started}}
	}
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	reports := []syncline.Report{
		{},
		report(syncline.OperationRunning, began),
		report(syncline.OperationRunning, began.Truncate(time.Second)),
		report(syncline.OperationSucceeded, began.Truncate(time.Second)),
		report(syncline.OperationSucceeded, began.Add(time.Minute)),
	}
	for i := range len(reports) - 1 {
		journal.Log(log, reports[i], reports[i+1])
	}
	if lines := strings.Count(text.String(), "msg=operation"); lines != 3 {
		t.Errorf("%d lines, want those of begin, end and the next one:\n%s", lines, text.String())
	}
}

// What could not be kept is in no status: the log has all of it.
func TestWhatCouldNotBeKeptIsLogged(t *testing.T) {
	var text bytes.Buffer
	journal.LogUnsaved(slog.New(slog.NewTextHandler(&text, nil)), syncline.Report{
		Sync: syncline.OutOfSync, Operation: &syncline.OperationState{Phase: syncline.OperationFailed, Message: "a webhook refused it"},
		Conditions: []syncline.Condition{{Type: syncline.SyncError, Message: "one object failed"}},
	}, errors.New("413 too large"))
	for _, part := range []string{"413 too large", "OutOfSync", "a webhook refused it", "one object failed"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("%q is not in the log:\n%s", part, text.String())
		}
	}
}

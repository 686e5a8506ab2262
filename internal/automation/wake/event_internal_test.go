package wake

import (
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/aspect"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

func TestDue(t *testing.T) {
	for name, test := range map[string]struct {
		event Event
		after time.Duration
		want  Due
	}{
		"declared":               {event: Declared, want: Due{Lane: queue.Commit, Ends: true}},
		"asked":                  {event: Asked, want: Due{Lane: queue.Person}},
		"gone":                   {event: Gone, want: Due{Lane: queue.Resync, Ends: true}},
		"touched":                {event: Touched, after: time.Minute, want: Due{Lane: queue.Commit}},
		"passed":                 {event: Passed, after: time.Minute, want: Due{Later: true, After: time.Minute}},
		"passed, never recorded": {event: Passed, after: -1, want: Due{Later: true, After: -1}},
		"passed, at once":        {event: Passed, want: Due{Later: true}},
		"allowed":                {event: Allowed, want: Due{Lane: queue.Commit}},
		"drifted":                {event: Drifted, want: Due{Lane: queue.Drift}},
		"judged":                 {event: Judged, want: Due{Lane: queue.Resync}},
		"claimed":                {event: Claimed, want: Due{Later: true, After: 5 * time.Second}},
		"known":                  {event: Known, want: Due{Lane: queue.Drift}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.event.due(test.after); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestOf(t *testing.T) {
	const health, summary = aspect.Health, aspect.Summary
	for name, test := range map[string]struct {
		phase    syncline.OperationPhase
		what     aspect.Set
		claim    bool
		declares bool
		want     Event
	}{
		"an object came or went":                     {what: aspect.Existence, want: Drifted},
		"our fields changed, and health with them":   {what: aspect.Applied | health, want: Drifted},
		"its deletion began":                         {what: aspect.Terminating, want: Drifted},
		"health, of an App that never had a sync":    {what: health, want: Judged},
		"health, after a sync":                       {phase: syncline.OperationSucceeded, what: health, want: Judged},
		"health and images, after a sync":            {phase: syncline.OperationFailed, what: health | summary, want: Judged},
		"health, during a sync that may wait for it": {phase: syncline.OperationRunning, what: health, want: Drifted},
		"health, while a sync is ended":              {phase: syncline.OperationTerminating, what: health, want: Drifted},
		"of what only says that it is the App's":     {phase: syncline.OperationRunning, what: aspect.Existence, claim: true, want: Claimed},
		"of what the App declares as well":           {what: aspect.Existence, claim: true, declares: true, want: Drifted},
	} {
		t.Run(name, func(t *testing.T) {
			var app syncline.App
			if test.phase != "" {
				app.Past.Operation = &syncline.OperationState{Phase: test.phase}
			}
			got := of(&app, syncline.LiveChange{What: test.what, Claim: test.claim}, func() bool { return test.declares })
			if got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

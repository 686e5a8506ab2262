package main

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

func TestUrgency(t *testing.T) {
	for name, test := range map[string]struct {
		phase syncline.OperationPhase
		what  live.What
		want  queue.Priority
	}{
		"an object came or went":                     {"", live.Existence, queue.Drift},
		"our fields changed, and health with them":   {"", live.Applied | live.Health, queue.Drift},
		"its deletion began":                         {"", live.Terminating, queue.Drift},
		"health, of an App that never had a sync":    {"", live.Health, queue.Resync},
		"health, after a sync":                       {syncline.OperationSucceeded, live.Health, queue.Resync},
		"health and images, after a sync":            {syncline.OperationFailed, live.Health | live.Summary, queue.Resync},
		"health, during a sync that may wait for it": {syncline.OperationRunning, live.Health, queue.Drift},
		"health, while a sync is ended":              {syncline.OperationTerminating, live.Health, queue.Drift},
	} {
		t.Run(name, func(t *testing.T) {
			var app syncline.App
			if test.phase != "" {
				app.Past.Operation = &syncline.OperationState{Phase: test.phase}
			}
			if got := urgency(app, test.what); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

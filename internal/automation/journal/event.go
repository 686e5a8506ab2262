package journal

import (
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// Event is something to tell people of an App, in an event of its resource.
type Event struct {
	// Reason is what happened, in Argo CD's word for it.
	Reason string
	// Message is one line that shows whatever it holds.
	Message string
	Warning bool
}

// The reasons.
const (
	OperationCompleted = "OperationCompleted"
	ResourceUpdated    = "ResourceUpdated"
)

// completed tells of the end of an operation, in Argo CD's words.
func completed(op *syncline.OperationState) Event {
	what := "Sync operation"
	if op.Operation.Partial() {
		what = "Partial sync operation"
	}
	if len(op.Revisions) > 0 {
		what += " to " + strings.Join(upstream.Versions(op.Revisions), ", ")
	}
	if op.Phase == syncline.OperationSucceeded {
		return Event{Reason: OperationCompleted, Message: visible.Line(what + " succeeded")}
	}
	return Event{Reason: OperationCompleted, Message: visible.Line(what + " failed: " + op.Message), Warning: true}
}

// standing is how an App stands: what a person looks at first.
type standing struct {
	sync   syncline.SyncStatus
	health syncline.HealthStatus
}

// settled returns how an App stands by a report. What is on its way, or not known, is
// as it was before.
func (s standing) settled(report syncline.Report) standing {
	switch report.Sync {
	case syncline.Synced, syncline.OutOfSync:
		s.sync = report.Sync
	}
	switch report.Health.Status {
	case syncline.Healthy, syncline.Degraded, syncline.Suspended:
		s.health = report.Health.Status
	}
	return s
}

// updated tells how an App stands now and stood before, in Argo CD's words.
func updated(before, now standing) Event {
	var parts []string
	if before.sync != now.sync {
		parts = append(parts, fmt.Sprintf("Updated sync status: %s -> %s", before.sync, now.sync))
	}
	if before.health != now.health {
		parts = append(parts, fmt.Sprintf("Updated health status: %s -> %s", before.health, now.health))
	}
	return Event{Reason: ResourceUpdated, Message: strings.Join(parts, "; ")}
}

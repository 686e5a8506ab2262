package main

import (
	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// urgency says how urgent the turn of an App is because of a change of one of
// its objects. What may have to be put back, and what an operation may wait for,
// comes first. Health alone is only to be told: while many Apps are delivered at
// once that comes after delivering, because telling an App costs as much.
func urgency(app syncline.App, what live.What) queue.Priority {
	operation := app.Past.Operation
	running := operation != nil && !operation.Phase.Done()
	if running || what.Has(^(live.Health | live.Summary)) {
		return queue.Drift
	}
	return queue.Resync
}

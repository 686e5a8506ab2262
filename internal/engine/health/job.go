package health

import (
	"time"

	"github.com/syncline-io/syncline"
)

func job(o object) syncline.Health {
	if c := o.condition("Failed"); c.is("True") {
		return degraded(c.text("message"))
	}
	if c := o.condition("Complete"); c.is("True") {
		return healthy(c.text("message"))
	}
	if c := o.condition("Suspended"); c.is("True") {
		return suspended(c.text("message"))
	}
	return progressing("%d pods are running, %d have succeeded, %d have failed",
		o.count("status", "active"), o.count("status", "succeeded"), o.count("status", "failed"))
}

// cronJob judges a CronJob by its last Job. One that was never run is Healthy,
// and so is a suspended one, which somebody wanted so.
func cronJob(o object) syncline.Health {
	if o.flag("spec", "suspend") {
		return healthy("Suspended")
	}
	scheduled, errA := time.Parse(time.RFC3339, o.text("status", "lastScheduleTime"))
	succeeded, errB := time.Parse(time.RFC3339, o.text("status", "lastSuccessfulTime"))
	switch {
	case errA != nil:
		return healthy("Not scheduled yet")
	case len(o.list("status", "active")) > 0:
		return healthy("Running")
	case errB != nil:
		return healthy("Has not succeeded yet")
	case succeeded.Before(scheduled):
		return degraded("The last run did not succeed")
	}
	return healthy("The last run succeeded")
}

// workflow judges a Workflow of Argo Workflows, which hooks often are.
func workflow(o object) syncline.Health {
	message := o.text("status", "message")
	switch o.text("status", "phase") {
	case "", "Pending", "Running":
		return progressing(message)
	case "Succeeded":
		return healthy(message)
	case "Failed", "Error":
		return degraded(message)
	default:
		return syncline.Health{Status: syncline.Unknown, Message: message}
	}
}

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

// cronJob judges a CronJob by its last Job, in the words of Argo CD's check. One
// that was never run is Healthy, and so is a suspended one, which somebody wanted
// so.
func cronJob(o object) syncline.Health {
	scheduled, errScheduled := time.Parse(time.RFC3339, o.text("status", "lastScheduleTime"))
	succeeded, errSucceeded := time.Parse(time.RFC3339, o.text("status", "lastSuccessfulTime"))
	switch {
	case o.flag("spec", "suspend"):
		return healthy("CronJob is Suspended")
	case o.field("status") == nil:
		return progressing("Waiting for CronJob")
	case errScheduled != nil:
		return healthy("CronJob has not been scheduled yet")
	case errSucceeded != nil:
		return healthy("The CronJob never completed successfully. It may not be healthy")
	case len(o.list("status", "active")) > 0:
		return healthy("The job is running. Its last execution may not have been successful")
	case succeeded.Before(scheduled):
		return degraded("CronJob has not completed its last execution successfully")
	}
	return healthy("CronJob has completed its last execution successfully")
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

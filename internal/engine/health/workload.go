package health

import "github.com/syncline-io/syncline"

// unobserved is said of an object whose controller has not seen its last change.
const unobserved = "The controller has not yet seen the last change"

func deployment(o object) syncline.Health {
	if o.flag("spec", "paused") {
		return suspended("The rollout is paused")
	}
	if !o.observed() {
		return progressing(unobserved)
	}
	if c := o.condition("Progressing"); c.text("reason") == "ProgressDeadlineExceeded" {
		return degraded("The rollout exceeded its progress deadline: %s", c.text("message"))
	}
	wanted := o.replicas()
	updated := o.count("status", "updatedReplicas")
	total := o.count("status", "replicas")
	available := o.count("status", "availableReplicas")
	switch {
	case updated < wanted:
		return progressing("%d of %d replicas are updated", updated, wanted)
	case total > updated:
		return progressing("%d old replicas are still there", total-updated)
	case available < updated:
		return progressing("%d of %d updated replicas are available", available, updated)
	}
	return healthy("")
}

func replicaSet(o object) syncline.Health {
	if !o.observed() {
		return progressing(unobserved)
	}
	if c := o.condition("ReplicaFailure"); c.is("True") {
		return degraded("Replicas cannot be made: %s", c.text("message"))
	}
	if available, wanted := o.count("status", "availableReplicas"), o.replicas(); available < wanted {
		return progressing("%d of %d replicas are available", available, wanted)
	}
	return healthy("")
}

func daemonSet(o object) syncline.Health {
	if !o.observed() {
		return progressing(unobserved)
	}
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return healthy("Pods are updated when they are deleted")
	}
	wanted := o.count("status", "desiredNumberScheduled")
	updated := o.count("status", "updatedNumberScheduled")
	available := o.count("status", "numberAvailable")
	switch {
	case updated < wanted:
		return progressing("%d of %d pods are updated", updated, wanted)
	case available < wanted:
		return progressing("%d of %d pods are available", available, wanted)
	}
	return healthy("")
}

func statefulSet(o object) syncline.Health {
	if o.count("status", "observedGeneration") == 0 || !o.observed() {
		return progressing(unobserved)
	}
	wanted := o.replicas()
	if ready := o.count("status", "readyReplicas"); ready < wanted {
		return progressing("%d of %d pods are ready", ready, wanted)
	}
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return healthy("Pods are updated when they are deleted")
	}
	updated := o.count("status", "updatedReplicas")
	if partition, ok := o.number("spec", "updateStrategy", "rollingUpdate", "partition"); ok {
		if updated < wanted-partition {
			return progressing("%d of %d pods are updated, which are those above the partition", updated, wanted-partition)
		}
		return healthy("%d pods are updated", updated)
	}
	if revision := o.text("status", "updateRevision"); revision != o.text("status", "currentRevision") {
		return progressing("%d of %d pods are at revision %s", updated, wanted, revision)
	}
	return healthy("")
}

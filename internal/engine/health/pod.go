package health

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// pod judges a Pod. One that ends, as a hook does, is Healthy only when it has
// succeeded, and is not Degraded by a container that waits: what it waits for
// may still come, and then it would run though its failure was reported.
func (c Checks) pod(o object) syncline.Health {
	runsOn := o.text("spec", "restartPolicy") == "Always" || slices.ContainsFunc(c.Dialects, func(d *syncline.Dialect) bool {
		return d.Conventions.Read(syncline.Content(o)).RunsOn
	})
	containers := append(o.list("status", "initContainerStatuses"), o.list("status", "containerStatuses")...)
	if runsOn {
		if reasons := stuck(containers); reasons != "" {
			return degraded(reasons)
		}
	}
	message := o.text("status", "message")
	switch phase := o.text("status", "phase"); phase {
	case "", "Pending":
		return progressing(message)
	case "Succeeded":
		return healthy(message)
	case "Failed":
		if message == "" {
			message = failures(containers)
		}
		return degraded(message)
	case "Running":
		return runningPod(o, containers, runsOn)
	default:
		return syncline.Health{Status: syncline.Unknown, Message: message}
	}
}

func runningPod(o object, containers []object, runsOn bool) syncline.Health {
	message := o.text("status", "message")
	switch {
	case !runsOn:
		return progressing(message)
	case o.condition("Ready").is("True"):
		return healthy(message)
	}
	for _, container := range containers {
		if container.field("lastState", "terminated") != nil {
			return degraded("Container %q ended and is not ready again", container.text("name"))
		}
	}
	return progressing(message)
}

// stuck says which containers wait for something that has failed.
func stuck(containers []object) string {
	var reasons []string
	for _, container := range containers {
		reason := container.text("state", "waiting", "reason")
		if strings.HasPrefix(reason, "Err") || strings.HasSuffix(reason, "Error") || strings.HasSuffix(reason, "BackOff") {
			reasons = append(reasons, fmt.Sprintf("Container %q: %s: %s",
				container.text("name"), reason, container.text("state", "waiting", "message")))
		}
	}
	return strings.Join(reasons, "; ")
}

// failures says how containers have failed.
func failures(containers []object) string {
	var reasons []string
	for _, container := range containers {
		code := container.count("state", "terminated", "exitCode")
		message := container.text("state", "terminated", "message")
		reason := container.text("state", "terminated", "reason")
		switch {
		case message != "":
			reasons = append(reasons, fmt.Sprintf("container %q: %s", container.text("name"), message))
		case reason == "OOMKilled":
			reasons = append(reasons, fmt.Sprintf("container %q ran out of memory (OOMKilled)", container.text("name")))
		case code != 0:
			reasons = append(reasons, fmt.Sprintf("container %q failed with exit code %d", container.text("name"), code))
		}
	}
	return strings.Join(reasons, "; ")
}

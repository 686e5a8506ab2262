package health

import (
	"encoding/json"

	"github.com/syncline-io/syncline"
)

// autoscalerConditions is where autoscaling/v1 keeps the conditions, as JSON.
const autoscalerConditions = "autoscaling.alpha.kubernetes.io/conditions"

// autoscaler judges a HorizontalPodAutoscaler: Degraded when it cannot get its
// metrics or change its target, Healthy when it can or is at a limit.
func autoscaler(o object) syncline.Health {
	conditions := o.list("status", "conditions")
	if text := o.text("metadata", "annotations", autoscalerConditions); len(conditions) == 0 && text != "" {
		if err := json.Unmarshal([]byte(text), &conditions); err != nil {
			return syncline.Health{Status: syncline.Unknown, Message: "The conditions cannot be read: " + err.Error()}
		}
	}
	for _, c := range conditions {
		if scalingFailed(c) {
			return degraded(c.text("message"))
		}
	}
	for _, c := range conditions {
		if kind := c.text("type"); (kind == "AbleToScale" || kind == "ScalingLimited") && c.is("True") {
			return healthy(c.text("message"))
		}
	}
	return progressing("Waiting to scale")
}

// scalingFailed reports whether a condition says that scaling failed, and not
// only that there is nothing to scale.
func scalingFailed(c object) bool {
	if !c.is("False") {
		return false
	}
	switch c.text("type") + "/" + c.text("reason") {
	case "AbleToScale/FailedGetScale", "AbleToScale/FailedUpdateScale",
		"ScalingActive/FailedGetResourceMetric", "ScalingActive/InvalidSelector":
		return true
	}
	return false
}

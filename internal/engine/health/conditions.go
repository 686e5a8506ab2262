package health

import (
	"slices"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
)

// byConditions judges an object of any kind by kstatus, if it says there
// anything that kstatus goes by. Nothing is concluded from the absence of a
// status: a kind without one would be Progressing for ever.
func byConditions(u *unstructured.Unstructured) syncline.Health {
	if !telling(u.Object) {
		return syncline.Health{}
	}
	result, err := status.Compute(u)
	if err != nil { // a status of another form than the convention's
		return syncline.Health{}
	}
	switch result.Status {
	case status.CurrentStatus:
		return healthy("")
	case status.InProgressStatus, status.TerminatingStatus:
		return progressing(result.Message)
	case status.FailedStatus:
		return degraded(result.Message)
	default:
		return syncline.Health{Status: syncline.Unknown, Message: result.Message}
	}
}

// telling reports whether the object's status has what kstatus goes by.
func telling(o object) bool {
	if _, ok := o.number("status", "observedGeneration"); ok {
		return true
	}
	return slices.ContainsFunc([]string{"Ready", "Reconciling", "Stalled"}, func(kind string) bool {
		return o.condition(kind) != nil
	})
}

package health

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// maxCauses is how many objects the message of an App's health names.
const maxCauses = 3

// Aggregate returns the health of an App of these objects: the worst of theirs,
// Healthy when none has any. Hooks and objects without health do not count, nor
// does a missing object, unless all are: then the App is Missing. Of what declares
// Apps in the dialects, the App itself does not count, nor does one whose health is
// Unknown. The message names the objects that the status comes from.
//
// Objects annotated with [syncline.AnnotationNoHealth] are for the caller to
// leave out.
func Aggregate(app syncline.AppID, dialects syncline.Dialects, objects []syncline.ObjectReport) syncline.Health {
	worst := syncline.Healthy
	var causes []syncline.Ref
	present, missing := 0, 0
	for _, o := range objects {
		switch {
		case o.Hook:
			continue
		case o.Health.Status == syncline.Missing:
			missing++
			continue
		}
		present++
		if !counts(app, dialects, o) {
			continue
		}
		if severity(o.Health.Status) > severity(worst) {
			worst, causes = o.Health.Status, nil
		}
		if o.Health.Status == worst {
			causes = append(causes, o.Ref)
		}
	}
	switch {
	case present == 0 && missing > 0:
		return syncline.Health{Status: syncline.Missing, Message: "None of the objects exists"}
	case worst == syncline.Healthy:
		return syncline.Health{Status: syncline.Healthy}
	}
	return syncline.Health{Status: worst, Message: causedBy(causes)}
}

// severity orders the statuses as Argo CD does, the worst last.
func severity(status syncline.HealthStatus) int {
	return slices.Index([]syncline.HealthStatus{
		syncline.NoHealth, syncline.Healthy, syncline.Suspended, syncline.Progressing, syncline.Missing, syncline.Degraded, syncline.Unknown,
	}, status)
}

// counts reports whether the health of an object that exists says anything about
// the App's.
func counts(app syncline.AppID, dialects syncline.Dialects, o syncline.ObjectReport) bool {
	if !dialects.IsApp(o.Ref.GroupKind()) {
		return true
	}
	return o.Ref != app.Ref() && o.Health.Status != syncline.Unknown
}

func causedBy(refs []syncline.Ref) string {
	names := make([]string, 0, maxCauses)
	for _, ref := range refs[:min(len(refs), maxCauses)] {
		names = append(names, describe(ref))
	}
	message := "Caused by " + strings.Join(names, ", ")
	if more := len(refs) - maxCauses; more > 0 {
		message += fmt.Sprintf(" and %d more", more)
	}
	return message
}

// describe writes a ref as GROUP/KIND:NAMESPACE/NAME, without what is empty.
func describe(ref syncline.Ref) string {
	kind, name := ref.Kind, ref.Name
	if ref.Group != "" {
		kind = ref.Group + "/" + kind
	}
	if ref.Namespace != "" {
		name = ref.Namespace + "/" + name
	}
	return kind + ":" + name
}

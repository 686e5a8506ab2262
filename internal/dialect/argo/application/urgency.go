package application

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// While an App gets healthy its objects tell of every pod. Nobody waits for
// each of these words, and writing them all would cost more than delivering the
// App. A status in which only they changed is written this long after the last
// one, with whatever changed until then.
const (
	// wordPause is for the health of single objects, and what is waited for.
	wordPause = time.Second
	// textPause is for messages about an unchanged health, and for objects that are
	// only claimed to be the App's, which anybody can make come and go.
	textPause = 30 * time.Second
)

// pauseOf says how long after the last status one that replaces before by after
// may wait.
func pauseOf(before, after v1alpha1.ApplicationStatus) time.Duration {
	before, after = withoutClaims(before), withoutClaims(after)
	if !equality.Semantic.DeepEqual(withoutWords(before), withoutWords(after)) {
		return 0
	}
	if !equality.Semantic.DeepEqual(withoutTexts(before), withoutTexts(after)) {
		return wordPause
	}
	return textPause
}

// withoutClaims returns the status without the objects that are only claimed to be
// the App's.
func withoutClaims(status v1alpha1.ApplicationStatus) v1alpha1.ApplicationStatus {
	status.Resources = slices.DeleteFunc(slices.Clone(status.Resources), isClaim)
	status.Conditions = slices.DeleteFunc(slices.Clone(status.Conditions), func(c v1alpha1.ApplicationCondition) bool {
		return c.Type == string(syncline.ClaimedWarning)
	})
	return status
}

// withoutWords returns the status without the health of single objects, and
// without what the App waits for.
func withoutWords(status v1alpha1.ApplicationStatus) v1alpha1.ApplicationStatus {
	status.Health.Message = ""
	status.Syncline = nil
	status.Resources = slices.Clone(status.Resources)
	for i := range status.Resources {
		status.Resources[i].Health = nil
	}
	return status
}

// withoutTexts returns the status without messages about health.
func withoutTexts(status v1alpha1.ApplicationStatus) v1alpha1.ApplicationStatus {
	status.Health.Message = ""
	status.Resources = slices.Clone(status.Resources)
	for i, resource := range status.Resources {
		if resource.Health != nil {
			status.Resources[i].Health = &v1alpha1.HealthStatus{Status: resource.Health.Status}
		}
	}
	return status
}

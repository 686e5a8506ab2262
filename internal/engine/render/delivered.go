package render

import (
	"path"
	"slices"

	"github.com/syncline-io/syncline"
)

// maxDelivered is of how many revisions Delivered tells. There are hardly three, but the
// status is what anybody may have written.
const maxDelivered = 8

// Delivered returns at which other revisions than the given one a source may have given
// what is live: those that the App was last compared with; and unless it was in sync
// with them, those of its last deployment and of its last operation, which may have
// ended halfway.
func Delivered(past syncline.Past, source syncline.Source, but string) []string {
	was := []syncline.Deployment{{Sources: past.Sources, Revisions: past.Compared}, {Sources: past.Sources, Revisions: past.Revisions}}
	if past.Sync != syncline.Synced {
		was = append(was, past.History[max(len(past.History)-1, 0):]...)
		if past.Operation != nil {
			was = append(was, syncline.Deployment{Sources: past.Operation.Sources, Revisions: past.Operation.Revisions})
		}
	}
	var found []string
	for _, deployment := range was {
		for i, former := range deployment.Sources[:min(len(deployment.Sources), len(deployment.Revisions))] {
			revision := deployment.Revisions[i]
			if len(found) < maxDelivered && revision != but && revision != "" && !slices.Contains(found, revision) &&
				former.Key() == source.Key() && path.Clean(former.Path) == path.Clean(source.Path) {
				found = append(found, revision)
			}
		}
	}
	return found
}

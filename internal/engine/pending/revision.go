package pending

import "github.com/syncline-io/syncline"

// At names a revision of a source among those of all sources; "" stays "".
func At(source syncline.Source, revision string) string {
	if revision == "" {
		return ""
	}
	return source.Key() + " " + source.Chart + " " + revision
}

// CameTo returns what says whether a turn looked at the revisions of sources that [At]
// names so.
func CameTo(sources []syncline.Source, revisions []string) func(at string) bool {
	return func(at string) bool {
		for i, revision := range revisions[:min(len(revisions), len(sources))] {
			if at == At(sources[i], revision) {
				return true
			}
		}
		return false
	}
}

package source

import (
	"hash/maphash"

	"github.com/Masterminds/semver/v3"
)

// longestTarget is how long a target revision and a tag prefix may be, in bytes: a
// constraint takes as much longer as it is longer, for every tag.
const longestTarget = 512

// seed is that of the digests of Listings.
var seed = maphash.MakeSeed()

// isConstraint reports whether a target is compared with all versions there are. An
// exact version is no constraint, as in Argo CD.
func isConstraint(want Target) bool {
	if want.Revision == "" || isVersion(want.Revision) {
		return false
	}
	_, err := semver.NewConstraint(want.Revision)
	return err == nil
}

func isVersion(text string) bool {
	_, err := semver.NewVersion(text)
	return err == nil
}

package upstream

import (
	"crypto/sha256"
	"encoding/hex"
)

// Charts are what a Helm repository offers at one moment: the versions of each chart by
// its name, the highest first, and of equal ones that which was written first. They are
// semantic versions; what is none is left out, as Helm does.
type Charts map[string][]ChartVersion

// Bytes is about how much memory they take.
func (c Charts) Bytes() int {
	all := 0
	for name, versions := range c {
		all += chartBytes + len(name)
		for _, version := range versions {
			all += version.Bytes()
		}
	}
	return all
}

// What a chart and a version of it take besides their texts.
const (
	chartBytes   = 100
	versionBytes = 72
)

// ChartVersion is one version of a chart.
type ChartVersion struct {
	// Version is as it was written, perhaps with a "v" in front.
	Version string
	// URL is where its archive is: absolute, or relative to the repository; "" when that
	// is not said.
	URL string
	// Content tells it from others of the same version. It is the SHA-256 of the archive
	// when Sealed, and else of what the index says of its digest and URLs.
	Content [sha256.Size]byte
	Sealed  bool
}

// Bytes is about how much memory it takes.
func (v ChartVersion) Bytes() int { return versionBytes + len(v.Version) + len(v.URL) }

// Revision names the version and its content for good, as in "1.2.3@sha256:…", and
// "1.2.3@entry:…" where the index has no digest of the archive.
func (v ChartVersion) Revision() string {
	scheme := "entry:"
	if v.Sealed {
		scheme = "sha256:"
	}
	return v.Version + "@" + scheme + hex.EncodeToString(v.Content[:])
}

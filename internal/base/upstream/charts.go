package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
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

// chartRevision is the form of a revision of a chart.
var chartRevision = regexp.MustCompile(`^[0-9A-Za-z.+_-]{1,256}@(sha256|entry):[0-9a-f]{64}$`)

// CutChart parts a revision of a chart, as [ChartVersion.Revision] names it, into the version
// and what identifies its content. What is no such is all version, and has no content.
func CutChart(revision string) (version, content string) {
	if !chartRevision.MatchString(revision) {
		return revision, ""
	}
	version, content, _ = strings.Cut(revision, "@")
	return version, content
}

// Versions returns what people, and Argo CD, call revisions: those of charts by their
// versions, and others as they are.
func Versions(revisions []string) []string {
	versions := slices.Clone(revisions)
	for i, revision := range revisions {
		versions[i], _ = CutChart(revision)
	}
	return versions
}

// SameRevisions reports whether revisions are the same, one by one, as far as they tell: a
// version alone, as Argo CD writes it, is that version with whatever content.
func SameRevisions(a, b []string) bool {
	return slices.EqualFunc(a, b, func(a, b string) bool {
		if a == b {
			return true
		}
		versionA, contentA := CutChart(a)
		versionB, contentB := CutChart(b)
		return versionA == versionB && (contentA == "") != (contentB == "")
	})
}

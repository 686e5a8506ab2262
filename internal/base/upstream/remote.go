package upstream

import (
	"cmp"
	"slices"
	"strings"
)

// Remote names files that a rendering reads and that no source of its App holds: a chart
// that another one depends on, a base of a kustomization. It is a source of its own, which
// the project has to permit and the App follows. What reads it is confined to what it was
// given: it says what else it [NeedsError].
type Remote struct {
	// RepoURL, Chart and TargetRevision are those of a source: of the whole repository, or
	// of a chart.
	RepoURL, Chart, TargetRevision string
	// File says that the address is that of a single file, which is given as a folder with
	// that file alone; see [FileName].
	File bool
	// By is what names it, such as "dependency redis of Chart.yaml", for people.
	By string
}

// FileName is how a single file is called where it is given.
const FileName = "file.yaml"

// Ref is the name by which the files are given: one that no reference in a source reaches.
func (r Remote) Ref() string {
	parts := []string{"", r.RepoURL, r.Chart, r.TargetRevision}
	if r.File {
		parts = append(parts, FileName)
	}
	return strings.Join(parts, "\n")
}

// Given returns what there is by the name of a Remote among all that was given, or that it
// [NeedsError] to be.
func Given[T any](all map[string]T, r Remote) (T, error) {
	files, given := all[r.Ref()]
	if !given {
		return files, NeedsError{r}
	}
	return files, nil
}

// NeedsError is the error of a rendering that goes no further without files that it was not
// given. It may need others when it has them.
type NeedsError []Remote

// Error names what is needed.
func (n NeedsError) Error() string {
	texts := make([]string, 0, len(n))
	for _, r := range n {
		texts = append(texts, cmp.Or(r.By, "a file")+" is in "+Redact(r.RepoURL))
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}

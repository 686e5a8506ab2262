package syncline

import (
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Source says where desired state is declared and how it is rendered, as one
// entry of an Argo CD Application's spec.source or spec.sources.
type Source struct {
	// RepoURL is the address of the repository.
	RepoURL string
	// Path is the folder in the repository, slash-separated; "" is its root.
	Path string
	// Chart is the name of a chart in a Helm repository, or below an address in a
	// registry; exclusive with Path.
	Chart string
	// TargetRevision is a branch, tag, commit, fully qualified ref, HEAD or a semantic
	// version constraint over tags; empty means HEAD. In a registry it is a tag, a digest
	// or a constraint; empty means the tag latest, and of a chart the highest version.
	TargetRevision string
	// TagPrefix is cut from tags before they are compared with a constraint.
	TagPrefix string
	// Bucket says which objects are meant of the bucket at RepoURL, where one is there.
	Bucket upstream.Bucket
	// Ref is the name by which other sources reach this one's files, as in "$ref/path".
	Ref  string
	File bool // RepoURL is that of a single file, as only what is needed from elsewhere may be
	// Name is a stable name for people. Empty when the source has none.
	Name string

	// Signed says who has to have signed the artifact or chart of a registry. Nil: nobody.
	Signed *signing.Artifact

	// At most one of these is declared; when none is, the files decide the tool.
	Helm      *tool.Helm
	Kustomize *tool.Kustomize
	Directory *tool.Directory
	Plugin    *tool.Plugin
}

// Address returns where the repository is, read as what the source says that it is.
func (s Source) Address() upstream.Address {
	return upstream.SourceAddress(s.RepoURL, s.Chart, s.Bucket)
}

// Key names the repository of the source: it is asked once for all sources of one
// Key, and what happens to it is told by that name. See [upstream.Address.Key].
func (s Source) Key() string { return s.Address().Key() }

// Kind returns what holds the files, as far as the declaration tells. It is an
// Invalid error that names the field where no source can be so.
func (s Source) Kind() (SourceKind, error) {
	inRegistry := s.Address().Scheme() == "oci"
	switch {
	case s.File:
		return SourceFile, nil
	case s.Chart == "" && !s.Bucket.IsZero():
		return SourceBucket, nil
	case s.Chart == "" && inRegistry:
		return SourceOCI, nil
	case s.Chart == "":
		return SourceGit, nil
	}
	for _, field := range []struct {
		name     string
		declared bool
	}{
		{"path", s.Path != ""}, {"tagPrefix", s.TagPrefix != ""}, {"a bucket", !s.Bucket.IsZero()},
		{"kustomize", !s.Kustomize.IsEmpty()}, {"directory", !s.Directory.IsEmpty()},
	} {
		if field.declared {
			return "", WithHint(Errorf(Invalid, "chart %q and %s: no source has both", s.Chart, field.name), "keep one of them")
		}
	}
	if inRegistry {
		return SourceOCI, nil
	}
	return SourceHelm, nil
}

// IsOnlyRead reports whether the source, as one of several, is there for its files to
// be reached by others: nothing is rendered from it, as in Argo CD.
func (s Source) IsOnlyRead() bool { return s.Ref != "" && s.Path == "" && s.Chart == "" }

// SourceKind says what holds a Source's files.
type SourceKind string

// The kinds of source.
const (
	SourceGit    SourceKind = "Git"    // a folder of a Git repository
	SourceHelm   SourceKind = "Helm"   // a chart of a Helm repository
	SourceOCI    SourceKind = "OCI"    // an artifact in an OCI registry, which may be a chart
	SourceBucket SourceKind = "Bucket" // the objects in a bucket
	SourceFile   SourceKind = "File"   // a single file at an address
)

// Declared returns the tools that the source has options of. Options that say
// nothing are no options, as in Argo CD: programs leave them behind.
func (s Source) Declared() []Tool {
	var declared []Tool
	if !s.Helm.IsEmpty() {
		declared = append(declared, ToolHelm)
	}
	if !s.Kustomize.IsEmpty() {
		declared = append(declared, ToolKustomize)
	}
	if !s.Directory.IsEmpty() {
		declared = append(declared, ToolDirectory)
	}
	if !s.Plugin.IsEmpty() {
		declared = append(declared, ToolPlugin)
	}
	return declared
}

// Tool is what renders a Source.
type Tool string

// The tools. Jsonnet files are rendered by ToolDirectory, as in Argo CD.
const (
	ToolHelm      Tool = "Helm"
	ToolKustomize Tool = "Kustomize"
	ToolDirectory Tool = "Directory"
	ToolPlugin    Tool = "Plugin" // a program beside Syncline
)

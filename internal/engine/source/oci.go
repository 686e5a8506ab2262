package source

import (
	"context"
	"hash/maphash"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// OCIRegistry is what there is to ask the registry of a repository of artifacts. Its
// errors name the repository.
type OCIRegistry interface {
	// Digest returns what a tag stands for, or a NotFound error.
	Digest(ctx context.Context, repo upstream.Repository, tag string) (string, error)
	// Tags lists the tags.
	Tags(ctx context.Context, repo upstream.Repository) ([]string, error)
}

// OCIArtifacts keeps artifacts of repositories.
type OCIArtifacts interface {
	// Fetch makes the artifact of a digest present.
	Fetch(ctx context.Context, repo upstream.Repository, digest string) error
	// Tree shows the files of an artifact that is present.
	Tree(ctx context.Context, repo upstream.Repository, digest string) (syncline.Tree, error)
}

// OCI is the Fetcher of artifacts and charts in OCI registries. A [Revision] of it is
// the digest of a manifest, by the tag that led to it; of a chart that a tag led to, the
// version with the digest, as in "1.2.3@sha256:…", so that its status can tell the version.
// A chart that a source names is in the repository of that name below the source's address.
// What target revisions mean is said at [OCI.List].
type OCI struct {
	registry  OCIRegistry
	artifacts OCIArtifacts
}

var (
	_ Fetcher = (*OCI)(nil)
	_ Listing = artifact{}
)

// NewOCI returns the Fetcher of artifacts in OCI registries.
func NewOCI(registry OCIRegistry, artifacts OCIArtifacts) *OCI {
	return &OCI{registry: registry, artifacts: artifacts}
}

var (
	ociDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	ociTag    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// Known knows a digest, which stands for itself, also behind a tag: "1.2@sha256:…". It
// refuses what is neither a tag, a digest nor a constraint.
func (o *OCI) Known(want Target) (Revision, error) {
	version, digest, both := strings.Cut(want.Revision, "@")
	tag := strings.ReplaceAll(version, "+", "_")
	switch {
	case ociDigest.MatchString(want.Revision):
		return Revision{ID: want.Revision}, nil
	case both && ociDigest.MatchString(digest) && ociTag.MatchString(tag):
		return revisionOf(want, tag, digest), nil
	case len(want.Revision)+len(want.TagPrefix) > longestTarget:
		return Revision{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "targetRevision and tagPrefix have more than the %d bytes that are looked for", longestTarget),
			"name a tag, a digest or a shorter constraint")
	case tagOf(want) == "" && rangeOf(want) == nil:
		return Revision{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "targetRevision %q is not a tag, a digest or a version constraint", want.Revision),
			`write a tag such as "1.2.3", a constraint such as "~1.2", or "sha256:" and 64 hexadecimal digits`)
	}
	return Revision{}, nil
}

// revisionOf returns the revision of a digest that a tag led to.
func revisionOf(want Target, tag, digest string) Revision {
	if want.Chart == "" {
		return Revision{ID: digest, By: tag}
	}
	return Revision{ID: strings.ReplaceAll(tag, "_", "+") + "@" + digest, By: tag}
}

// digestOf returns the digest that a revision names.
func digestOf(revision Revision) string {
	if _, content := upstream.CutChart(revision.ID); content != "" {
		return content
	}
	return revision.ID
}

// Scope is the target: a registry is asked for each.
func (*OCI) Scope(want Target) Target { return want }

// tagOf returns the tag that a target may name, "" when it can name none. In a tag the
// "+" of a version is "_", as Helm writes it. Nothing means the tag latest, and of a
// chart no tag.
func tagOf(want Target) string {
	switch {
	case want.Revision == "" && want.Chart != "":
		return ""
	case want.Revision == "":
		return want.TagPrefix + "latest"
	}
	tag := strings.ReplaceAll(want.TagPrefix+want.Revision, "+", "_")
	if !ociTag.MatchString(tag) {
		return ""
	}
	return tag
}

// List asks what a target means. The rules are these, in this order:
//
//   - The tag of that name, so that "1.2" may be a tag that moves. See [tagOf].
//   - A semantic version constraint is the tag of the highest version that fulfils it,
//     compared without the tag prefix. A pre-release fulfils only one that has one. An
//     exact version, such as "1.2", is a constraint of a chart, as in Helm, and else none.
//   - Nothing, of a chart, is the highest version that is no pre-release.
func (o *OCI) List(ctx context.Context, repo upstream.Repository, want Target) (Listing, error) {
	repo = below(repo, want.Chart)
	tag := tagOf(want)
	if tag != "" {
		shown, err := o.tagged(ctx, repo, want, tag)
		if err != nil || shown.none == nil || rangeOf(want) == nil {
			return shown, err
		}
	}
	names, err := o.registry.Tags(ctx, repo)
	if err != nil {
		return nil, err
	}
	tag, err = highest(ctx, names, want)
	switch {
	case err != nil:
		return nil, waitingFor(repo, err)
	case tag == "":
		return artifact{none: syncline.WithHint(
			syncline.Errorf(syncline.NotFound, "repository %s: none of its %d tags is a version that %q means", repo.Address, len(names), want.TagPrefix+want.Revision),
			"check targetRevision; a pre-release is meant only by a constraint that names one, such as >=1.0.0-0")}, nil
	}
	return o.tagged(ctx, repo, want, tag)
}

// tagged asks for what a tag stands for, which may be nothing.
func (o *OCI) tagged(ctx context.Context, repo upstream.Repository, want Target, tag string) (artifact, error) {
	digest, err := o.registry.Digest(ctx, repo, tag)
	if syncline.KindOf(err) == syncline.NotFound {
		return artifact{none: err}, nil
	}
	if err != nil {
		return artifact{}, err
	}
	return artifact{revision: revisionOf(want, tag, digest)}, nil
}

// rangeOf returns the constraint that a target is, or nil.
func rangeOf(want Target) *semver.Constraints {
	text := want.Revision
	switch {
	case text == "" && want.Chart != "":
		text = "*"
	case want.Chart == "" && !isConstraint(want):
		return nil
	}
	constraint, _ := semver.NewConstraint(text) // nil where it is none
	return constraint
}

// highest returns the tag of the highest version that a constraint means; of equal ones
// that with the most to it, such as "1.2.0" before "1.2". The only error is that of ctx.
func highest(ctx context.Context, names []string, want Target) (string, error) {
	constraint := rangeOf(want)
	var found string
	var best *semver.Version
	for i, tag := range names {
		if i%1000 == 0 && ctx.Err() != nil {
			return "", ctx.Err()
		}
		text, behind := strings.CutPrefix(tag, want.TagPrefix)
		version, err := semver.NewVersion(strings.ReplaceAll(text, "_", "+"))
		if !behind || err != nil || !constraint.Check(version) {
			continue
		}
		if best == nil || version.GreaterThan(best) || version.Equal(best) && tag > found {
			best, found = version, tag
		}
	}
	return found, nil
}

// artifact is what one target meant at one moment.
type artifact struct {
	revision Revision
	// none is why it meant nothing.
	none error
}

// Resolve returns what it meant.
func (a artifact) Resolve(context.Context, Target) (Revision, error) { return a.revision, a.none }

// Digest is that of tag and digest.
func (a artifact) Digest() uint64 { return maphash.String(seed, a.revision.By+"@"+a.revision.ID) }

// Size is that of one entry.
func (a artifact) Size() int { return 1 }

// Fetch makes an artifact present.
func (o *OCI) Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) error {
	return o.artifacts.Fetch(ctx, below(repo, from.Chart), digestOf(revision))
}

// Tree shows the files of an artifact.
func (o *OCI) Tree(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) (syncline.Tree, error) {
	return o.artifacts.Tree(ctx, below(repo, from.Chart), digestOf(revision))
}

// below returns the repository of a chart below an address, or that of the address for "".
func below(repo upstream.Repository, chart string) upstream.Repository {
	repo.Address = repo.Address.Below(chart)
	return repo
}

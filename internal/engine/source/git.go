package source

import (
	"context"
	"hash/maphash"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// GitServer is what there is to ask a Git repository's server.
type GitServer interface {
	// Refs lists the repository's refs, for those of [demand.Of]. Its errors name the
	// repository. It gives up by itself when there is no answer.
	Refs(ctx context.Context, repo upstream.Repository) (upstream.Refs, error)
	// Find returns the commit that an abbreviated name stands for, or a NotFound error.
	Find(ctx context.Context, repo upstream.Repository, abbreviation string) (string, error)
}

// GitMirror keeps commits of Git repositories.
type GitMirror interface {
	// Fetch makes a commit present. ref is the full name of the branch or tag that led
	// to it, and may be "".
	Fetch(ctx context.Context, repo upstream.Repository, commit, ref string) error
	// Tree shows the files of a commit that is present.
	Tree(ctx context.Context, repo upstream.Repository, commit string) (syncline.Tree, error)
}

// Git is the Fetcher of Git repositories. A [Revision] of it is a commit, by the full
// name of the branch or tag that led to it, or by "" when it was named itself. What
// target revisions mean is said at [refs.match].
type Git struct {
	server GitServer
	mirror GitMirror
}

var (
	_ Fetcher  = (*Git)(nil)
	_ Searcher = (*Git)(nil)
	_ Listing  = (*refs)(nil)
	_ Sorter   = (*refs)(nil)
	_ Shrinker = (*refs)(nil)
)

// NewGit returns the Fetcher of Git repositories.
func NewGit(server GitServer, mirror GitMirror) *Git { return &Git{server: server, mirror: mirror} }

var (
	fullCommit = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	// abbreviation has at least seven digits, as in Argo CD: what is shorter is
	// the name of a branch.
	abbreviation = regexp.MustCompile(`^[0-9a-fA-F]{7,39}$`)
)

// Known knows the full name of a commit, which stands for itself. It refuses a target
// that is too long to be looked for.
func (g *Git) Known(want Target) (Revision, error) {
	if fullCommit.MatchString(want.Revision) {
		return Revision{ID: strings.ToLower(want.Revision)}, nil
	}
	for _, field := range []struct{ name, value string }{{"targetRevision", want.Revision}, {"tagPrefix", want.TagPrefix}} {
		if len(field.value) > longestTarget {
			return Revision{}, syncline.WithHint(
				syncline.Errorf(syncline.Invalid, "%s has %d bytes: more than %d are not looked for", field.name, len(field.value), longestTarget),
				"name a branch, a tag, a commit or a shorter constraint")
		}
	}
	return Revision{}, nil
}

// Scope is nothing: all refs are listed at once.
func (*Git) Scope(Target) Target { return Target{} }

// List lists the refs.
func (g *Git) List(ctx context.Context, repo upstream.Repository, _ Target) (Listing, error) {
	listed, err := g.server.Refs(ctx, repo)
	if err != nil {
		return nil, err
	}
	return newRefs(listed, repo.Address.String()), nil
}

// Search resolves an abbreviation that no ref begins with.
func (g *Git) Search(ctx context.Context, repo upstream.Repository, want Target) (Revision, error) {
	if !abbreviation.MatchString(want.Revision) {
		return Revision{}, syncline.Errorf(syncline.NotFound, "revision %q is not an abbreviated commit", want.Revision)
	}
	commit, err := g.server.Find(ctx, repo, strings.ToLower(want.Revision))
	return Revision{ID: commit}, err
}

// Fetch makes a commit present.
func (g *Git) Fetch(ctx context.Context, repo upstream.Repository, _ syncline.Source, revision Revision) error {
	return g.mirror.Fetch(ctx, repo, revision.ID, revision.By)
}

// Tree shows the files of a commit.
func (g *Git) Tree(ctx context.Context, repo upstream.Repository, _ syncline.Source, revision Revision) (syncline.Tree, error) {
	return g.mirror.Tree(ctx, repo, revision.ID)
}

const tags = "refs/tags/"

// refs are those of a Git repository at one moment.
type refs struct {
	upstream.Refs
	// address is that of the repository, for messages.
	address string
	digest  uint64

	mu sync.Mutex
	// prefixes hold the versions behind the tag prefixes that were asked for last, and
	// lean says that they are not kept any more.
	prefixes []*prefix
	lean     bool
	// parsed counts the tags that were read as versions.
	parsed int
}

// prefix holds the versions that stand behind a tag prefix, the highest first.
type prefix struct {
	name     string
	mu       sync.Mutex
	versions []taggedVersion
	done     bool
}

// taggedVersion is a tag that is a version.
type taggedVersion struct {
	version *semver.Version
	ref     string
}

// maxPrefixes is of how many tag prefixes the versions are kept.
const maxPrefixes = 4

func newRefs(listed upstream.Refs, address string) *refs {
	r := &refs{Refs: listed, address: address}
	for ref, commit := range listed.Commits {
		r.digest += maphash.String(seed, ref+" "+commit) // in whatever order
	}
	return r
}

// Resolve finds the ref that a target names, and its commit.
func (r *refs) Resolve(ctx context.Context, want Target) (Revision, error) {
	found, err := r.match(ctx, want)
	if err == nil && found.ID == "" {
		err = r.noMatch(want)
	}
	return found, err
}

// Digest is that of all names and commits.
func (r *refs) Digest() uint64 { return r.digest }

// Size is the number of refs.
func (r *refs) Size() int { return len(r.Commits) }

// Slow reports whether a target is compared with all versions there are.
func (*refs) Slow(want Target) bool { return isConstraint(want) }

// Shrink gives back the versions, which are only kept while many targets are looked
// for.
func (r *refs) Shrink() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prefixes, r.lean = nil, true
}

// versions returns the versions behind a tag prefix, the highest first, and of equal
// ones that whose tag comes first: so that they always give the same tag.
func (r *refs) versions(ctx context.Context, name string) ([]taggedVersion, error) {
	p := r.prefix(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return p.versions, nil
	}
	var found []taggedVersion
	var seen int
	for ref := range r.Commits {
		if seen++; seen%1000 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if text, ok := strings.CutPrefix(ref, tags+name); ok {
			if version, err := semver.NewVersion(text); err == nil {
				found = append(found, taggedVersion{version, ref})
			}
		}
	}
	slices.SortFunc(found, func(a, b taggedVersion) int {
		if order := b.version.Compare(a.version); order != 0 {
			return order
		}
		return strings.Compare(a.ref, b.ref)
	})
	p.versions, p.done = found, true
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parsed += len(found)
	return found, nil
}

// prefix returns the place of the versions behind a tag prefix.
func (r *refs) prefix(name string) *prefix {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := slices.IndexFunc(r.prefixes, func(p *prefix) bool { return p.name == name }); at >= 0 {
		return r.prefixes[at]
	}
	if len(r.prefixes) == maxPrefixes {
		r.prefixes = slices.Delete(r.prefixes, 0, 1)
	}
	p := &prefix{name: name}
	if !r.lean {
		r.prefixes = append(r.prefixes, p)
	}
	return p
}

package source

import (
	"context"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Fetcher reads the sources of one kind. What is the same for all kinds is not its
// matter: that a repository is asked once for all who want to know, again at an
// interval and later after failures, and who is told when something moved.
type Fetcher interface {
	Lister
	Cache
}

// Lister asks the servers of repositories.
type Lister interface {
	// Known returns what a target stands for by itself, so that nobody is asked; no
	// revision when it has to be looked for in a [Listing]. It is an Invalid error
	// where that cannot be.
	Known(want Target) (Revision, error)
	// Scope returns what of a target List has to be told. Where that is the same for
	// two targets of a repository one Listing serves both: it is the zero Target where
	// a server tells everything at once, and the target itself where it is asked for each.
	Scope(want Target) Target
	// List asks the repository's server what it has within a scope, once, for those of
	// [demand.Of]. Its errors name the repository. It gives up by itself when there is
	// no answer.
	List(ctx context.Context, repo upstream.Repository, scope Target) (Listing, error)
}

// Cache keeps revisions of repositories.
type Cache interface {
	// Fetch makes a revision present, for those of [demand.Of]. Errors: NotFound when
	// the repository does not have it, Denied and Transient.
	Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) error
	// Tree shows the files of a revision that is present; a Transient error when it
	// is not.
	Tree(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) (syncline.Tree, error)
}

// Searcher is a Fetcher that finds what no Listing shows, at a price.
type Searcher interface {
	// Search returns the revision that a target stands for, always the same one. It is
	// a NotFound error when there is none, which is believed until another Listing
	// differs, or for an hour.
	Search(ctx context.Context, repo upstream.Repository, want Target) (Revision, error)
}

// Forgetter remembers something of a repository between two listings, until nobody asks for it.
type Forgetter interface {
	Forget(repo upstream.Repository)
}

// Listing is what a repository had at one moment, within a scope. It is safe for
// concurrent use.
type Listing interface {
	// Resolve returns what a target of the scope stands for. It is a NotFound error when that is
	// nothing; any other error is that of ctx.
	Resolve(ctx context.Context, want Target) (Revision, error)
	// Digest is another one when what is listed is another.
	Digest() uint64
	// Size is how much is listed, in entries of about 150 bytes.
	Size() int
}

// The powers that a Listing may have besides.
type (
	// Sorter is a Listing in which some targets take long to look for: they are looked
	// for after the others.
	Sorter interface{ Slow(want Target) bool }
	// Shrinker is a Listing that keeps something while many targets are looked for in
	// it, and can give that back.
	Shrinker interface{ Shrink() }
)

// Target is what a Source says of the revision that it wants. What its fields mean is
// for the Fetcher to know: sources of one repository and one Target mean the same.
type Target struct {
	Revision, TagPrefix, Chart string
	Bucket                     upstream.Bucket
}

// TargetOf returns what a Source says of the revision that it wants.
func TargetOf(source syncline.Source) Target {
	return Target{Revision: source.TargetRevision, TagPrefix: source.TagPrefix, Chart: source.Chart, Bucket: source.Bucket}
}

// Revision is what a target stands for.
type Revision struct {
	// ID names it for good; "" is none.
	ID string
	// By is what led to it, where that helps to fetch it.
	By string
	// At is when that was so. It is zero where a target stands for itself.
	At time.Time
}

// Fetchers are those of each kind that is read.
type Fetchers map[syncline.SourceKind]Fetcher

// of returns what reads a source.
func (f Fetchers) of(source syncline.Source) (syncline.SourceKind, Fetcher, error) {
	kind, err := source.Kind()
	if err != nil {
		return "", nil, err
	}
	fetcher := f[kind]
	if fetcher == nil {
		return "", nil, syncline.Errorf(syncline.Invalid, "repository %s: sources of kind %s are not supported", source.Address(), kind)
	}
	return kind, fetcher, nil
}

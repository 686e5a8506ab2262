package source

import (
	"context"
	"regexp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// BucketServer is what there is to ask the server of a bucket.
type BucketServer interface {
	// Revision lists the objects that are meant, for those of [demand.Of], and returns the
	// digest of what is listed: "sha256:" and 64 hexadecimal digits. It is a NotFound error
	// when there is no object. Its errors name the repository.
	Revision(ctx context.Context, repo upstream.Repository, bucket upstream.Bucket) (string, error)
	Forgetter
}

// BucketObjects keep revisions of buckets.
type BucketObjects interface {
	// Fetch makes a revision present. One that is not what the bucket has now is a
	// Transient error where it was listed last or before that, and NotFound otherwise.
	Fetch(ctx context.Context, repo upstream.Repository, bucket upstream.Bucket, revision string) error
	// Tree shows the files of a revision that is present.
	Tree(ctx context.Context, repo upstream.Repository, bucket upstream.Bucket, revision string) (syncline.Tree, error)
}

// Bucket is the Fetcher of objects in buckets. A [Revision] of it is the digest of the keys
// and entity tags of those that are meant: Flux's, where the server calls them alike. A
// bucket has what it has now: no target revision names anything else.
type Bucket struct {
	server  BucketServer
	objects BucketObjects
}

var (
	_ Fetcher   = (*Bucket)(nil)
	_ Forgetter = (*Bucket)(nil)
)

// NewBucket returns the Fetcher of objects in buckets.
func NewBucket(server BucketServer, objects BucketObjects) *Bucket {
	return &Bucket{server: server, objects: objects}
}

var bucketRevision = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Known knows a revision, which stands for itself. It refuses what else a target says.
func (*Bucket) Known(want Target) (Revision, error) {
	switch {
	case want.TagPrefix != "":
		return Revision{}, syncline.WithHint(syncline.Errorf(syncline.Invalid, "tagPrefix %.100q: a bucket has no tags", want.TagPrefix), "leave tagPrefix out")
	case bucketRevision.MatchString(want.Revision):
		return Revision{ID: want.Revision}, nil
	case want.Revision != "":
		return Revision{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "targetRevision %.100q is no revision of a bucket, which has neither branches nor tags", want.Revision),
			`leave it out, for what the bucket has, or write "sha256:" and 64 hexadecimal digits`)
	}
	return Revision{}, nil
}

// Scope is the target: other objects are listed for each.
func (*Bucket) Scope(want Target) Target { return want }

// List lists the objects that are meant.
func (b *Bucket) List(ctx context.Context, repo upstream.Repository, want Target) (Listing, error) {
	revision, err := b.server.Revision(ctx, repo, want.Bucket)
	if syncline.KindOf(err) == syncline.NotFound {
		return artifact{none: err}, nil
	}
	return artifact{revision: Revision{ID: revision}}, err
}

// Forget forgets what a bucket has.
func (b *Bucket) Forget(repo upstream.Repository) { b.server.Forget(repo) }

// Fetch makes a revision present.
func (b *Bucket) Fetch(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) error {
	return b.objects.Fetch(ctx, repo, from.Bucket, revision.ID)
}

// Tree shows the files of a revision.
func (b *Bucket) Tree(ctx context.Context, repo upstream.Repository, from syncline.Source, revision Revision) (syncline.Tree, error) {
	return b.objects.Tree(ctx, repo, from.Bucket, revision.ID)
}

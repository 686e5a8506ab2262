package source

import (
	"context"
	"hash/maphash"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// FileServer is what there is to ask the server of a single file.
type FileServer interface {
	// Current returns the revision that the file is at now. Its errors name the file.
	Current(ctx context.Context, repo upstream.Repository) (string, error)
	Forgetter
}

// FileCache keeps revisions of files.
type FileCache interface {
	// Fetch makes a revision present; NotFound when the server has another by now.
	Fetch(ctx context.Context, repo upstream.Repository, revision string) error
	// Tree shows a revision that is present, as [upstream.FileName] in a folder.
	Tree(ctx context.Context, repo upstream.Repository, revision string) (syncline.Tree, error)
}

// File is the Fetcher of single files. A [Revision] of it identifies the content: a server
// has no other than the last.
type File struct {
	server FileServer
	cache  FileCache
}

var (
	_ Fetcher   = (*File)(nil)
	_ Forgetter = (*File)(nil)
)

// NewFile returns the Fetcher of single files.
func NewFile(server FileServer, cache FileCache) *File { return &File{server, cache} }

// Known knows a revision by its full name, which stands for itself.
func (*File) Known(want Target) (Revision, error) {
	if ociDigest.MatchString(want.Revision) {
		return Revision{ID: want.Revision}, nil
	}
	return Revision{}, nil
}

// Scope is nothing: there is one file.
func (*File) Scope(Target) Target { return Target{} }

// List asks for the file.
func (f *File) List(ctx context.Context, repo upstream.Repository, _ Target) (Listing, error) {
	revision, err := f.server.Current(ctx, repo)
	return current{revision, repo.Address.String()}, err
}

// Forget forgets what a server said of a file.
func (f *File) Forget(repo upstream.Repository) { f.server.Forget(repo) }

// Fetch makes a revision of a file present.
func (f *File) Fetch(ctx context.Context, repo upstream.Repository, _ syncline.Source, revision Revision) error {
	return f.cache.Fetch(ctx, repo, revision.ID)
}

// Tree shows a file.
func (f *File) Tree(ctx context.Context, repo upstream.Repository, _ syncline.Source, revision Revision) (syncline.Tree, error) {
	return f.cache.Tree(ctx, repo, revision.ID)
}

// current is the one revision of a file, at an address.
type current struct{ revision, address string }

// Digest is that of the revision.
func (c current) Digest() uint64 { return maphash.String(seed, c.revision) }

// Size is that of one entry.
func (current) Size() int { return 1 }

// Resolve returns the revision. No target revision names another.
func (c current) Resolve(_ context.Context, want Target) (Revision, error) {
	if want.Revision != "" {
		return Revision{}, syncline.Errorf(syncline.NotFound, "file %s has no revision %.100q", c.address, want.Revision)
	}
	return Revision{ID: c.revision}, nil
}

package git

import (
	"context"
	"errors"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/catfile"
	"github.com/syncline-io/syncline/internal/edge/git/objects"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// SignedCommit returns a commit that was fetched as it is signed. Errors: those of
// [Store.Tree], and Invalid for a commit that git would not have written.
func (s *Store) SignedCommit(ctx context.Context, repo upstream.Repository, commit string) (signing.Object, error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return signing.Object{}, err
	}
	t, body, err := s.openCommit(ctx, r, commit)
	if err != nil {
		return signing.Object{}, err
	}
	signed, err := objects.Commit(commit, body)
	if err != nil {
		return signed, t.errorf(syncline.Invalid, "commit %s is none that git writes: %w", commit, err)
	}
	return signed, nil
}

// SignedTag returns the annotated tag that a ref, such as refs/tags/v1, is now, as it is
// signed; one without a Hash when the ref is a commit itself. It asks the server. Errors:
// those of [Store.Fetch], and Invalid for a tag of something else than a commit.
func (s *Store) SignedTag(ctx context.Context, repo upstream.Repository, ref string) (signing.Object, error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return signing.Object{}, err
	}
	if err := checkRef(ref); err != nil || !strings.HasPrefix(ref, "refs/tags/") {
		return signing.Object{}, syncline.Errorf(syncline.Invalid, "repository %s: %q is not the full name of a tag", r.Name, ref)
	}
	m := s.mirror(r)
	m.charge(demand.Of(ctx).Owners())
	kept := mirrored("tag " + ref)
	if _, err := m.share(ctx, r, "tag "+ref, func(ctx context.Context, _ place) (string, error) {
		return "", m.retryDamaged(ctx, func() error { return m.transfer(ctx, r, "1", "+"+ref+":"+kept) })
	}); err != nil {
		return signing.Object{}, err
	}
	found, err := m.reader.Info(kept)
	if err == nil && found.Kind == "tag" {
		found, err = m.reader.Read(found.Name, s.options.MaxFile)
	}
	switch {
	case err != nil:
		return signing.Object{}, syncline.Errorf(syncline.Transient, "repository %s: reading tag %s failed: %w", r.Name, ref, err)
	case found.Kind != "tag":
		return signing.Object{}, nil
	}
	signed, err := objects.Tag(found.Name, found.Data)
	if err != nil {
		return signed, syncline.Errorf(syncline.Invalid, "repository %s: tag %s: %w", r.Name, ref, err)
	}
	return signed, nil
}

// History makes a commit and all commits before it present, without their files, and
// returns what reads them as they are signed. It is kept in a mirror of its own: in the
// other one a commit is there with all that belongs to it. Errors: those of [Store.Fetch];
// of what is read, Invalid for a commit that git would not have written, and Transient.
func (s *Store) History(ctx context.Context, repo upstream.Repository, commit, ref string) (func(commit string) (signing.Object, error), error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkCommit(commit), checkRef(ref)); err != nil {
		return nil, err
	}
	m := s.history(r)
	m.charge(demand.Of(ctx).Owners())
	present, err := m.has(r, commit)
	if err != nil {
		return nil, err
	}
	if !present || !m.admits(r) {
		if _, err := m.share(ctx, r, "history "+commit+" "+ref, func(ctx context.Context, p place) (string, error) {
			return "", m.fetch(ctx, r, p, commit, ref)
		}); err != nil {
			return nil, err
		}
	}
	return func(commit string) (signing.Object, error) { return m.signed(ctx, r, commit) }, nil
}

// signed reads a commit of a history.
func (m *mirror) signed(ctx context.Context, r *program.Remote, commit string) (signing.Object, error) {
	if err := ctx.Err(); err != nil {
		return signing.Object{}, syncline.Errorf(syncline.Transient, "repository %s: reading its history: %w", r.Name, err)
	}
	generation, _ := m.current()
	found, err := m.reader.Read(commit, m.store.options.MaxFile)
	if errors.Is(err, catfile.ErrCorrupt) {
		m.markDamaged(generation)
	}
	if err != nil {
		return signing.Object{}, syncline.Errorf(syncline.Transient, "repository %s: reading commit %s of its history failed: %w", r.Name, commit, err)
	}
	if found.Kind != "commit" {
		return signing.Object{}, syncline.Errorf(syncline.Invalid, "repository %s: %s is a %s and not a commit", r.Name, commit, found.Kind)
	}
	signed, err := objects.Commit(commit, found.Data)
	if err != nil {
		return signed, syncline.Errorf(syncline.Invalid, "repository %s: commit %s is none that git writes: %w", r.Name, commit, err)
	}
	return signed, nil
}

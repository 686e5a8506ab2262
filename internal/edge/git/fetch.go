package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// wholeHistory is the depth that git takes for infinite.
const wholeHistory = "2147483647"

// Fetch makes a commit of the repository present. It does nothing when it is,
// and otherwise asks for that commit and what is new in it only, not for its
// history, nor for files of Options.LargeFile bytes and more. ref is the full
// name of the branch or tag that led to the commit; it is used where the server
// does not send commits by name, and may be "".
//
// Callers who want the same commit share one fetch, which ends when nobody wants
// it any more; see demand.Until. With credentials that the server has not let in
// since the Store was opened, it is asked even if the commit is present. Errors:
// those of [Store.Refs], and NotFound when the repository does not have the commit.
func (s *Store) Fetch(ctx context.Context, repo upstream.Repository, commit, ref string) error {
	r, err := s.git.Remote(repo)
	if err != nil {
		return err
	}
	if err := checkCommit(commit); err != nil {
		return err
	}
	if err := checkRef(ref); err != nil {
		return err
	}
	m := s.mirror(r)
	m.charge(demand.Of(ctx).Owners())
	if present, err := m.has(r, commit); err != nil || present && m.admits(r) {
		return err
	}
	_, err = m.share(ctx, r, "fetch "+commit+" "+ref, func(ctx context.Context, p place) (string, error) {
		return "", m.fetch(ctx, r, p, commit, ref)
	})
	return err
}

// Find returns the commit that an abbreviated name stands for. It fetches the history
// of all branches and tags, which is the only way to know, but not their files; no
// [Store.Fetch] waits for it.
//
// Errors: those of [Store.Refs], and NotFound when it is the name of no commit
// or of several.
func (s *Store) Find(ctx context.Context, repo upstream.Repository, abbreviation string) (string, error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return "", err
	}
	if !abridged.MatchString(abbreviation) {
		return "", syncline.Errorf(syncline.Invalid, "repository %s: %q is not an abbreviated commit", r.Name, abbreviation)
	}
	m := s.history(r)
	return m.share(ctx, r, findKey+abbreviation, func(ctx context.Context, p place) (string, error) {
		if err := m.retryDamaged(ctx, func() error { return m.fetchAll(ctx, r, p) }); err != nil {
			return "", err
		}
		found, err := m.reader.Info(abbreviation + "^{commit}")
		if err != nil {
			return "", syncline.Errorf(syncline.NotFound, "repository %s: %q is the name of no commit, or of several", r.Name, abbreviation)
		}
		return found.Name, nil
	})
}

// fetch asks for the commit by its name, then by its ref, then for everything.
func (m *mirror) fetch(ctx context.Context, r *program.Remote, p place, commit, ref string) error {
	present, err := m.has(r, commit)
	if err != nil || present && m.admits(r) {
		return err
	}
	if present {
		_, err := m.store.list(ctx, m, r)
		return err
	}
	return m.retryDamaged(ctx, func() error {
		into := mirrored(orDefault(ref, commit))
		attempts := []func() error{
			func() error { return m.transfer(ctx, r, m.depth(), "+"+commit+":"+into) },
			func() error { return m.transfer(ctx, r, m.depth(), "+"+ref+":"+into) },
			func() error { return m.fetchAll(ctx, r, p) },
		}
		if ref == "" {
			attempts = append(attempts[:1], attempts[2])
		}
		for _, attempt := range attempts {
			if err := attempt(); err != nil && !goesOn(err) {
				return err
			}
			if present, err := m.has(r, commit); err != nil || present {
				return err
			}
		}
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "commit %s is not in repository %s", commit, r.Name),
			"push it, or point targetRevision at a branch, tag or commit that is there")
	})
}

// depth is how many commits are fetched of one.
func (m *mirror) depth() string {
	if m.history {
		return wholeHistory
	}
	return "1"
}

// goesOn reports whether an attempt failed in a way that leaves hope for the next.
func goesOn(err error) bool {
	var fail *program.RunError
	return errors.As(err, &fail) && (fail.Cause() == program.NoRevision || fail.Cause() == program.NotFull)
}

// mirrored is the ref of the mirror that keeps what was fetched under a name.
// It is flat, so that a branch can be called like a folder that was one before.
func mirrored(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "refs/syncline/one/" + hex.EncodeToString(sum[:16])
}

// fetchAll makes all branches and tags present with their whole history, unless it
// has to give way: errGaveWay.
func (m *mirror) fetchAll(ctx context.Context, r *program.Remote, p place) error {
	searching, end := p.search(ctx)
	defer end()
	specs := []string{"+refs/heads/*:refs/syncline/all/heads/*", "+refs/tags/*:refs/syncline/all/tags/*"}
	err := m.transfer(searching, r, wholeHistory, specs...)
	if goesOn(err) && searching.Err() == nil {
		err = m.transfer(searching, r, "", specs...)
	}
	if err != nil && searching.Err() != nil && ctx.Err() == nil {
		return errGaveWay
	}
	return err
}

// transfer runs one fetch into the mirror.
func (m *mirror) transfer(ctx context.Context, r *program.Remote, depth string, specs ...string) error {
	fresh, err := m.prepare(ctx)
	if err != nil {
		return err
	}
	args := []string{
		"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
		"--prune", "--force", "--update-head-ok",
	}
	args = append(args, m.filter(r)...)
	if depth != "" {
		args = append(args, "--depth="+depth)
	}
	err = m.store.talk(ctx, m, r, func(address string) program.Command {
		return program.Command{
			Args:    append(append(args, "--end-of-options", address), specs...),
			Dir:     m.dir,
			Timeout: m.store.options.FetchTimeout,
		}
	})
	if err != nil {
		m.sweep()
		return err
	}
	m.tidy(ctx)
	return m.store.makeRoom(ctx, r, m, fresh)
}

// retryDamaged runs work, and once more with a new mirror when the old one
// turns out to be damaged.
func (m *mirror) retryDamaged(ctx context.Context, work func() error) error {
	before, _ := m.current()
	err := work()
	var fail *program.RunError
	if errors.As(err, &fail) && fail.Cause() == program.Damaged && ctx.Err() == nil {
		now, _ := m.current()
		m.markDamaged(now)
		if now == before {
			err = work()
		}
	}
	return classify(err)
}

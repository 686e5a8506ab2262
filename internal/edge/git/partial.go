package git

import (
	"context"
	"errors"
	"strconv"

	"github.com/syncline-io/syncline/internal/edge/git/catfile"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// filter returns the arguments that leave large files out of a fetch, or all files where
// only the history is wanted, where the server can do that: a partial clone, see
// gitprotocol-v2. What is left out is fetched when it is read: of a repository that holds
// everything, most bytes are of what nobody renders.
func (m *mirror) filter(r *program.Remote) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case r.Host == "":
		return nil
	case m.history:
		return []string{"--filter=tree:0"}
	case m.store.options.LargeFile < 0 || m.unnamed:
		return nil
	}
	return []string{"--filter=blob:limit=" + strconv.FormatInt(m.store.options.LargeFile, 10)}
}

// file returns a file, which is fetched if its commit was fetched without it.
func (m *mirror) file(ctx context.Context, r *program.Remote, hash string) (catfile.Object, error) {
	found, err := m.reader.Read(hash, m.store.options.MaxFile)
	if !errors.Is(err, catfile.ErrMissing) {
		return found, err
	}
	if err := m.supply(ctx, r, hash); err != nil {
		return catfile.Object{}, err
	}
	return m.reader.Read(hash, m.store.options.MaxFile)
}

// supply fetches one object by its name. It fails with catfile.ErrMissing where the
// server does not send it, although it left it out: the next mirror is whole then.
func (m *mirror) supply(ctx context.Context, r *program.Remote, hash string) error {
	_, err := m.share(ctx, r, "object "+hash, func(ctx context.Context, _ place) (string, error) {
		if _, err := m.reader.Info(hash); err == nil {
			return "", nil // somebody was faster
		}
		err := m.store.talk(ctx, m, r, func(address string) program.Command {
			return program.Command{
				Args: []string{
					"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules",
					"--end-of-options", address, hash,
				},
				// The server must not conclude from the commit that we have the object.
				Config:  []program.Setting{{Key: "fetch.negotiationAlgorithm", Value: "noop"}},
				Dir:     m.dir,
				Timeout: m.store.options.FetchTimeout,
			}
		})
		if err != nil {
			m.sweep()
		}
		var fail *program.RunError
		if errors.As(err, &fail) && fail.Cause() == program.NoRevision {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.unnamed = true
			return "", catfile.ErrMissing
		}
		if err == nil {
			err = m.store.makeRoom(ctx, r, m, false)
		}
		return "", err
	})
	return err
}

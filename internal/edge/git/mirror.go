package git

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/git/catfile"
	"github.com/syncline-io/syncline/internal/edge/git/lfs"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// mirror is the bare mirror of one repository. Objects are added and, but for a
// discard, never removed.
type mirror struct {
	store  *Store
	dir    string
	reader *catfile.Reader
	// used is when the mirror was used last.
	used atomic.Int64
	// history says that it keeps commits with all commits before them, and no files.
	history bool

	mu sync.Mutex
	// flights are what goes on, by what it is for: those who want the same commit
	// share one fetch.
	flights map[string]*flight
	// generation counts how often the mirror was discarded.
	generation int
	damaged    bool
	// outgrown says that it takes more than its share of the disk, and owners are the
	// projects that asked for commits of it.
	outgrown bool
	owners   []string
	// unnamed says that the server leaves large files out and does not send them by
	// their names.
	unnamed bool
	// at is the address that from redirects to.
	from, at string
	// admitted holds the access with which the server was read, so that nobody
	// sees by the mirror what the server would not show them.
	admitted map[[sha256.Size]byte]bool
	// places are where a server said that content is which the repository points to.
	places lfs.Places
}

// historySuffix ends the folders of mirrors that keep histories.
const historySuffix = ".history"

func newMirror(s *Store, dir string) *mirror {
	m := &mirror{store: s, dir: dir, history: strings.HasSuffix(dir, historySuffix), flights: map[string]*flight{}, admitted: map[[sha256.Size]byte]bool{}}
	m.reader = &catfile.Reader{
		Start: m.startReader, Idle: s.options.IdleReader, Patience: s.options.StallTimeout,
	}
	return m
}

// address returns where the remote is, as far as known.
func (m *mirror) address(r *program.Remote) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at != "" && m.from == r.URL {
		return m.at
	}
	return r.URL
}

// admit remembers that the server lets the remote's credentials in, and at what
// address it was found.
func (m *mirror) admit(r *program.Remote, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.from, m.at = r.URL, address
	m.admitted[r.Access()] = true
}

// expel forgets that the server let the remote's credentials in.
func (m *mirror) expel(r *program.Remote) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.admitted, r.Access())
}

// admits reports whether the server let the remote's credentials in, since the
// Store was opened.
func (m *mirror) admits(r *program.Remote) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.admitted[r.Access()]
}

// current returns the generation, and whether the mirror is known to be damaged.
func (m *mirror) current() (generation int, isDamaged bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.generation, m.damaged
}

// markDamaged makes the next fetch discard the mirror, if it is still the one
// in which the damage was found.
func (m *mirror) markDamaged(generation int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation == generation {
		m.damaged = true
	}
}

// outgrow makes the next fetch begin a new mirror.
func (m *mirror) outgrow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outgrown = true
}

// mostOwners is how many projects a mirror is charged to at most.
const mostOwners = 100

// charge remembers for whom commits of the mirror are asked for.
func (m *mirror) charge(owners []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, owner := range owners {
		if !slices.Contains(m.owners, owner) && len(m.owners) < mostOwners {
			m.owners = append(slices.Clip(m.owners), owner)
		}
	}
}

// chargedTo returns the projects that asked for commits of the mirror.
func (m *mirror) chargedTo() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owners
}

// has reports whether the mirror holds a commit, and all that belongs to it but
// for large files: objects arrive by whole packs, and a pack only after it was
// checked. It is a Transient error when the mirror cannot be read.
func (m *mirror) has(r *program.Remote, commit string) (bool, error) {
	if _, isDamaged := m.current(); isDamaged || !m.exists() {
		return false, nil
	}
	object, err := m.reader.Info(commit)
	if err != nil && !errors.Is(err, catfile.ErrMissing) && !errors.Is(err, catfile.ErrCorrupt) {
		return false, syncline.Errorf(syncline.Transient, "repository %s: reading its mirror failed: %w", r.Name, err)
	}
	return err == nil && object.Kind == "commit", nil
}

func (m *mirror) exists() bool {
	_, err := os.Stat(filepath.Join(m.dir, "HEAD"))
	return err == nil
}

// prepare makes the mirror when there is none, and anew when it is damaged or takes
// more than its share, and reports whether it did.
func (m *mirror) prepare(ctx context.Context) (fresh bool, err error) {
	m.mu.Lock()
	anew := m.damaged || m.outgrown
	m.mu.Unlock()
	if anew {
		if err := m.discard(); err != nil {
			return false, err
		}
	}
	if m.exists() {
		return false, nil
	}
	return true, m.create(ctx)
}

// create makes the mirror. It appears complete or not at all.
func (m *mirror) create(ctx context.Context) error {
	made, err := os.MkdirTemp(filepath.Dir(m.dir), "new-")
	if err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	defer os.RemoveAll(made) //nolint:errcheck // it is renamed when all went well
	if _, fail := m.store.git.Run(ctx, program.Command{
		Args:    []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=main"},
		Dir:     made,
		Timeout: m.store.options.RefsTimeout,
	}); fail != nil {
		return fmt.Errorf("making a mirror: %w", fail.About())
	}
	if err := os.RemoveAll(m.dir); err != nil { // what is there is not a mirror
		return fmt.Errorf("making a mirror: %w", err)
	}
	if err := os.Rename(made, m.dir); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	return nil
}

// discard removes the mirror. Trees that are open find that out by the generation.
func (m *mirror) discard() error {
	m.mu.Lock()
	m.generation++
	m.damaged, m.outgrown = false, false
	m.mu.Unlock()
	m.reader.Stop()
	old, err := os.MkdirTemp(filepath.Dir(m.dir), "old-")
	if err != nil {
		return fmt.Errorf("discarding a mirror: %w", err)
	}
	if err := os.Rename(m.dir, filepath.Join(old, "mirror")); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("discarding a mirror: %w", err)
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("discarding a mirror: %w", err)
	}
	return nil
}

// sweep removes what a fetch that was ended left behind, by whoever may write: the
// next one would find locks.
func (m *mirror) sweep() {
	for _, path := range leftovers(escapeGlob(m.dir)) {
		_ = os.RemoveAll(path) // git says what is in its way
	}
}

// tidy joins packs when they have become many, which keeps lookups fast. No
// object is lost by it.
func (m *mirror) tidy(ctx context.Context) {
	packs, _ := filepath.Glob(filepath.Join(escapeGlob(m.dir), "objects/pack/*.pack"))
	if len(packs) < maxPacks {
		return
	}
	generation, _ := m.current()
	args := []string{"repack", "--geometric=2", "-d", "-l", "-q"}
	if promised, _ := filepath.Glob(filepath.Join(escapeGlob(m.dir), "objects/pack/*.promisor")); len(promised) > 0 {
		args = []string{"repack", "-a", "-d", "--keep-unreachable", "-l", "-q"} // git joins all of a partial clone or nothing
	}
	_, fail := m.store.git.Run(ctx, program.Command{
		Args:    args,
		Dir:     m.dir,
		Timeout: m.store.options.FetchTimeout,
	})
	if fail != nil {
		m.sweep()
	}
	if fail != nil && fail.Cause() == program.Damaged {
		m.markDamaged(generation)
	}
}

// maxPacks is how many packs a mirror may have. Each fetch adds one.
const maxPacks = 50

// startReader starts the process that reads the mirror's objects.
func (m *mirror) startReader() (*program.Process, error) {
	return m.store.git.Start(program.Command{Args: []string{"cat-file", "--batch-command"}, Dir: m.dir})
}

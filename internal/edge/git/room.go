package git

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// share is how much of the disk the mirror of one repository may take: half.
func (o Options) share() int64 { return o.MaxDisk / 2 }

// makeRoom takes note of what a mirror takes that was just written. One that takes
// more than its share is made anew by the next fetch, for what is asked for then;
// where that alone is too much, it is an error, and gone. Then others are removed
// until all of them take no more than they may: of the project that takes most
// first. What is needed again is fetched again.
func (s *Store) makeRoom(ctx context.Context, r *program.Remote, written *mirror, fresh bool) error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	bytes := sizeOf(written.dir)
	s.disk.note(written.dir, bytes)
	if bytes > s.options.share() {
		if fresh {
			return s.refuse(r, written, bytes)
		}
		written.outgrow()
	}
	if s.disk.total <= s.options.MaxDisk {
		return nil
	}
	dirs := s.onDisk()
	for s.disk.total > s.options.MaxDisk && ctx.Err() == nil {
		at := nextToGo(dirs, written.dir)
		if at < 0 {
			return nil
		}
		d := &dirs[at]
		if d.tried = true; !s.discardUnused(*d) {
			continue
		}
		slog.Info("a mirror was removed to make room", "folder", filepath.Base(d.path), "bytes", d.bytes)
		s.disk.note(d.path, 0)
		d.bytes = 0
	}
	return nil
}

// refuse removes a mirror of which one commit is too much.
func (s *Store) refuse(r *program.Remote, m *mirror, bytes int64) error {
	if err := m.discard(); err != nil {
		return err
	}
	s.disk.note(m.dir, 0)
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "repository %s: what was asked for takes %d MiB, and one repository may take %d", r.Name, bytes>>20, s.options.share()>>20),
		"split the repository, or raise --git-disk-mib, of which one may take half")
}

// nextToGo returns the mirror to remove next, -1 when there is none: of those that no
// project used since the start, or of the project that takes most, that which was
// used least recently. What several read goes as late as for the one of them that
// takes least, so that nobody drags others' mirrors along.
func nextToGo(dirs []dirOfMirror, written string) int {
	taken := map[string]int64{}
	for _, d := range dirs {
		for _, owner := range d.owners {
			taken[owner] += d.bytes / int64(len(d.owners))
		}
	}
	found, most := -1, int64(-1)
	for i, d := range dirs { // the least recently used first
		if d.tried || d.path == written {
			continue
		}
		least := int64(math.MaxInt64)
		for _, owner := range d.owners {
			least = min(least, taken[owner])
		}
		if least > most {
			found, most = i, least
		}
	}
	return found
}

// disk is how much mirrors take, by their folders.
type disk struct {
	mu    sync.Mutex
	bytes map[string]int64
	total int64
}

// note notes how much a mirror takes, nothing when there is none.
func (d *disk) note(path string, bytes int64) {
	d.total += bytes - d.bytes[path]
	if d.bytes[path] = bytes; bytes == 0 {
		delete(d.bytes, path)
	}
}

// measure looks what is on disk, once.
func (s *Store) measure() {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.bytes = map[string]int64{}
	parent := filepath.Join(s.options.Dir, "mirrors")
	entries, _ := os.ReadDir(parent) // it was made a moment ago
	for _, entry := range entries {
		path := filepath.Join(parent, entry.Name())
		s.disk.note(path, sizeOf(path))
	}
}

// dirOfMirror is a mirror on disk.
type dirOfMirror struct {
	path   string
	bytes  int64
	used   int64
	mirror *mirror // nil when this Store has not used it
	// owners are the projects that asked for commits of it, and tried says that it was to be
	// removed.
	owners []string
	tried  bool
}

// onDisk returns all mirrors, those that were used least recently first.
func (s *Store) onDisk() []dirOfMirror {
	known := map[string]*mirror{}
	for _, m := range s.mirrors.all() {
		known[m.dir] = m
	}
	var dirs []dirOfMirror
	for path, bytes := range s.disk.bytes {
		d := dirOfMirror{path: path, bytes: bytes, mirror: known[path]}
		if d.mirror != nil {
			d.used, d.owners = d.mirror.used.Load(), d.mirror.chargedTo()
		}
		dirs = append(dirs, d)
	}
	slices.SortFunc(dirs, func(a, b dirOfMirror) int { return cmp.Compare(a.used, b.used) })
	return dirs
}

// sizeOf is how much a mirror takes: it has few files.
func sizeOf(dir string) int64 {
	var bytes int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // it is gone meanwhile
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// discardUnused removes a mirror unless somebody reads it or writes to it now.
func (s *Store) discardUnused(d dirOfMirror) bool {
	m := d.mirror
	if m == nil { // somebody may come to use it meanwhile
		m, _ = s.mirrors.get(d.path, s)
	}
	if !m.reader.Free() || !s.gate.Hold(m) {
		return false
	}
	defer s.gate.LetGo(m)
	return m.discard() == nil
}

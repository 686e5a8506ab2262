package git

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// makeRoom removes mirrors that were used least recently until all of them take
// no more than they may. The one that was just written stays. What is needed
// again is fetched again.
func (s *Store) makeRoom(ctx context.Context, keep *mirror) {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.note(keep.dir, sizeOf(keep.dir))
	if s.disk.total <= s.options.MaxDisk {
		return
	}
	for _, d := range s.onDisk() {
		if s.disk.total <= s.options.MaxDisk || ctx.Err() != nil {
			return
		}
		if d.path == keep.dir || !s.discardUnused(d) {
			continue
		}
		slog.Info("a mirror was removed to make room", "folder", filepath.Base(d.path), "bytes", d.bytes)
		s.disk.note(d.path, 0)
	}
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
}

// onDisk returns all mirrors, those that were used least recently first.
func (s *Store) onDisk() []dirOfMirror {
	known := map[string]*mirror{}
	s.mu.Lock()
	for _, m := range s.mirrors {
		known[m.dir] = m
	}
	s.mu.Unlock()
	var dirs []dirOfMirror
	for path, bytes := range s.disk.bytes {
		d := dirOfMirror{path: path, bytes: bytes, mirror: known[path]}
		if d.mirror != nil {
			d.used = d.mirror.used.Load()
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
	if d.mirror == nil {
		return os.RemoveAll(d.path) == nil
	}
	if !d.mirror.reader.free() || !s.gate.hold(d.mirror) {
		return false
	}
	defer s.gate.letGo(d.mirror)
	return d.mirror.discard() == nil
}

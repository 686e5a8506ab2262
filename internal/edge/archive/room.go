package archive

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
	"weak"

	"github.com/syncline-io/syncline"
)

// room is the disk that archives take. It is safe for concurrent use.
type room struct {
	most   int64
	remove func(path string) error

	mu sync.Mutex
	// taken is what the packs have, and what is reserved for those that are written.
	taken int64
	packs map[Digest]*kept
}

// kept is an archive on disk.
type kept struct {
	path  string
	bytes int64
	used  time.Time
	// open is what is in memory of it as long as a Tree is in use, and opening counts
	// those who are reading that.
	open    weak.Pointer[pack]
	opening int
}

func (k *kept) inUse() bool { return k.opening > 0 || k.open.Value() != nil }

// reserve makes room for bytes that are about to be written, by removing what was used
// least recently. It is a Transient error when all that is there is in use.
func (r *room) reserve(bytes int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.taken+bytes > r.most {
		digest, last := Digest(""), (*kept)(nil)
		for d, k := range r.packs {
			if !k.inUse() && (last == nil || k.used.Before(last.used)) {
				digest, last = d, k
			}
		}
		if last == nil {
			return syncline.Errorf(syncline.Transient, "there is no room: archives may take %d MiB on disk, and all that are there are in use", r.most>>20)
		}
		if err := r.forget(digest); err != nil {
			return syncline.Errorf(syncline.Transient, "making room on disk: %w", err)
		}
		slog.Info("an archive was removed to make room", "digest", string(digest), "bytes", last.bytes)
	}
	r.taken += bytes
	return nil
}

// forget removes an archive, for whoever holds the lock.
func (r *room) forget(digest Digest) error {
	k := r.packs[digest]
	if err := r.remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	delete(r.packs, digest)
	r.taken -= k.bytes
	return nil
}

// release gives back what was reserved and not written.
func (r *room) release(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= bytes
}

// keep takes over what was written, unless the same is there already.
func (r *room) keep(digest Digest, path string, w *writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.packs[digest]; k != nil {
		k.used = time.Now()
		return nil
	}
	if err := os.Rename(w.file.Name(), path); err != nil {
		return syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	r.packs[digest] = &kept{path: path, bytes: w.reserved, used: time.Now()}
	w.reserved = 0 // it is the pack's
	return nil
}

// touch reports whether an archive is there, and takes note that it is used.
func (r *room) touch(digest Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.packs[digest]
	if k != nil {
		k.used = time.Now()
	}
	return k != nil
}

// open returns what is in memory of an archive, read where nobody has it; nil where the
// archive is not there.
func (r *room) open(digest Digest, read func() (*pack, error)) (*pack, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.packs[digest]
	if k == nil {
		return nil, nil
	}
	k.used = time.Now()
	if p := k.open.Value(); p != nil {
		return p, nil
	}
	k.opening++
	r.mu.Unlock()
	p, err := read()
	r.mu.Lock()
	k.opening--
	if other := k.open.Value(); other != nil {
		return other, nil
	}
	if err == nil {
		k.open = weak.Make(p)
	}
	return p, err
}

// drop removes an archive that is damaged, whoever uses it.
func (r *room) drop(digest Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packs[digest] != nil {
		_ = r.forget(digest) // it is tried again when somebody reads it
	}
}

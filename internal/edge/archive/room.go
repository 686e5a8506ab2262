package archive

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
	"weak"

	"github.com/syncline-io/syncline"
)

// ErrNoRoom is why an archive is not kept that nothing else speaks against.
var ErrNoRoom = errors.New("there is no room")

// generosity is how many times what is left one owner may have of the disk in use, so that
// something is left for others, however much one asks for.
const generosity = 3

// room is the disk that archives take. It is safe for concurrent use.
type room struct {
	most   int64
	remove func(path string) error

	mu sync.Mutex
	// taken is what the packs have, and what is reserved for those that are written.
	taken int64
	// writing is what is reserved for those that are written, by for whom.
	writing map[string]int64
	packs   map[Digest]*kept
}

// kept is an archive on disk.
type kept struct {
	path  string
	bytes int64
	used  time.Time
	// owner is for whom it was written, "" when that is not known.
	owner string
	// open is what is in memory of it as long as a Tree is in use, and opening counts
	// those who are reading that.
	open    weak.Pointer[pack]
	opening int
}

func (k *kept) inUse() bool { return k.opening > 0 || k.open.Value() != nil }

// reserve makes room for bytes that are about to be written for an owner, by removing what
// is not in use. It is a Transient [ErrNoRoom] when what is left is in use, or when the
// owner has so much in use that the rest is for others.
func (r *room) reserve(owner string, bytes int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.may(owner, bytes); err != nil {
		return err
	}
	for r.taken+bytes > r.most {
		digest, last := r.spare()
		if last == nil {
			return r.full()
		}
		if err := r.forget(digest); err != nil {
			return syncline.Errorf(syncline.Transient, "making room on disk: %w", err)
		}
		slog.Info("an archive was removed to make room", "digest", string(digest), "bytes", last.bytes)
	}
	r.taken += bytes
	r.writing[owner] += bytes
	return nil
}

// may reports why an owner may not have so many bytes more in use.
func (r *room) may(owner string, bytes int64) error {
	free, own := r.most, r.writing[owner]
	for _, written := range r.writing {
		free -= written
	}
	for _, k := range r.packs {
		if k.inUse() {
			free -= k.bytes
			if k.owner == owner {
				own += k.bytes
			}
		}
	}
	switch free -= bytes; {
	case free < 0:
		return r.full()
	case own > 0 && own+bytes > generosity*free:
		return syncline.WithHint(
			syncline.Errorf(syncline.Transient, "%w: archives may take %d MiB on disk, and of what is left its project has its share with the %d MiB that it uses now",
				ErrNoRoom, r.most>>20, own>>20),
			"it is tried again by itself; look for sources of the project that are large or come slowly")
	}
	return nil
}

func (r *room) full() error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "%w: archives may take %d MiB on disk, and all that are there are in use", ErrNoRoom, r.most>>20),
		"it is tried again by itself")
}

// spare returns what goes first: of the owner that has most, what was used least recently.
// It is nil when all is in use.
func (r *room) spare() (digest Digest, last *kept) {
	has := map[string]int64{}
	for _, k := range r.packs {
		has[k.owner] += k.bytes
	}
	for d, k := range r.packs {
		if !k.inUse() && (last == nil || cmp.Or(cmp.Compare(has[last.owner], has[k.owner]), k.used.Compare(last.used)) < 0) {
			digest, last = d, k
		}
	}
	return digest, last
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
func (r *room) release(owner string, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= bytes
	r.written(owner, bytes)
}

// written takes note that bytes are not those of an archive that is written any more, for
// whoever holds the lock.
func (r *room) written(owner string, bytes int64) {
	if r.writing[owner] -= bytes; r.writing[owner] == 0 {
		delete(r.writing, owner)
	}
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
	r.packs[digest] = &kept{path: path, bytes: w.reserved, used: time.Now(), owner: w.owner}
	r.written(w.owner, w.reserved)
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

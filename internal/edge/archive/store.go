package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
)

// Options configure a Store. Only Dir has no default.
type Options struct {
	// Dir is the folder of the Store. It is made when missing; what is in it can be
	// deleted while no Store is open. One Store at a time uses it.
	Dir string
	// MaxDisk is how much all archives may take on disk, those that are being unpacked
	// included. When another one needs room, those go that were used least recently of the
	// owner of [demand.Of] that has most, but none of which a Tree is in use; and no owner
	// ever has all of it in use. Default: 2 GiB.
	MaxDisk int64
	// MaxBytes is how many bytes one archive may have, both as it comes and unpacked, with
	// what stands between the files. Default: 256 MiB, and never more than half of MaxDisk.
	MaxBytes int64
	// MaxFile is the size of the largest file that is read. A larger one may lie there.
	// Default: 12 MiB, as of a file in Git.
	MaxFile int64
	// MaxEntries is how many files, folders and links one archive may have, also folders
	// that are only named in paths, and MaxNames how many bytes their names and what links
	// lead to may have together: all of these are in memory as long as a Tree is in use.
	// Default: 50,000, 2 MiB, which take about 16 MiB.
	MaxEntries, MaxNames int
	// MaxDepth is how many folders a path may lead through, the entry included. Default: 100.
	MaxDepth int
	// MaxPath is how long a path, and where a link leads, may be, in bytes. Default: 4096.
	MaxPath int
}

func (o Options) withDefaults() Options {
	o.MaxDisk = orDefault(o.MaxDisk, 2<<30)
	o.MaxBytes = min(orDefault(o.MaxBytes, 256<<20), o.MaxDisk/2)
	o.MaxFile = orDefault(o.MaxFile, 12<<20)
	o.MaxEntries = orDefault(o.MaxEntries, 50_000)
	o.MaxNames = orDefault(o.MaxNames, 2<<20)
	o.MaxDepth = orDefault(o.MaxDepth, 100)
	o.MaxPath = orDefault(o.MaxPath, 4096)
	return o
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Digest names an archive by its bytes, as "sha256:" and 64 hexadecimal digits.
type Digest string

const sha256Prefix = "sha256:"

// ParseDigest reads a SHA-256 digest, with or without "sha256:" in front.
func ParseDigest(text string) (Digest, error) {
	digits := strings.ToLower(strings.TrimPrefix(text, sha256Prefix))
	if sum, err := hex.DecodeString(digits); err != nil || len(sum) != 32 {
		return "", syncline.Errorf(syncline.Invalid, "%.100q is not a SHA-256 digest", text)
	}
	return Digest(sha256Prefix + digits), nil
}

// Store keeps archives in a folder. It is safe for concurrent use.
type Store struct {
	options Options
	room    room
}

// Open returns the Store of a folder, with what is in it already.
func Open(options Options) (*Store, error) {
	options = options.withDefaults()
	dir, err := filepath.Abs(options.Dir)
	if err != nil || options.Dir == "" {
		return nil, syncline.Errorf(syncline.Invalid, "opening the store of archives: no folder %q: %w", options.Dir, err)
	}
	options.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the store of archives: %w", err)
	}
	s := &Store{options: options, room: room{
		most: options.MaxDisk, writing: map[string]int64{}, packs: map[Digest]*kept{}, remove: os.Remove,
	}}
	if err := s.find(); err != nil {
		return nil, fmt.Errorf("opening the store of archives: %w", err)
	}
	return s, s.room.reserve("", 0)
}

// find takes note of the archives in the folder, and removes what a process that was
// killed left behind.
func (s *Store) find() error {
	files, err := os.ReadDir(s.options.Dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(s.options.Dir, file.Name())
		if strings.HasPrefix(file.Name(), unfinished) {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		digits, isPack := strings.CutSuffix(file.Name(), packSuffix)
		digest, err := ParseDigest(digits)
		if info, infoErr := file.Info(); isPack && err == nil && infoErr == nil && info.Mode().IsRegular() {
			s.room.packs[digest] = &kept{path: path, bytes: info.Size(), used: info.ModTime()}
			s.room.taken += info.Size()
		}
	}
	return nil
}

// The names of files.
const (
	packSuffix = ".pack"
	unfinished = "new-"
)

func (s *Store) path(digest Digest) string {
	return filepath.Join(s.options.Dir, strings.TrimPrefix(string(digest), sha256Prefix)+packSuffix)
}

// Has reports whether an archive is there, and counts as a use of it. It is for who was
// shown it before, by [Store.Put].
func (s *Store) Has(digest Digest) bool { return s.room.touch(digest) }

// Put unpacks an archive: tar, also compressed by gzip or zstd. It returns its digest,
// which is the one that is wanted where that is not "". One that is there already is not
// unpacked, and read all the same: who cannot show an archive may not have it, whatever
// digest they name.
//
// Errors: Invalid when it is no archive, is too large or holds what is refused; Transient
// when it has another digest or ended too early, when there is no room for it, and those
// of archive, which keep their kind where they have one.
func (s *Store) Put(ctx context.Context, archive io.Reader, want Digest) (Digest, error) {
	if want != "" && s.Has(want) {
		return newIncoming(ctx, archive, s.options.MaxBytes).verify(want, nil)
	}
	w, err := s.newWriter(ownerOf(ctx))
	if err != nil {
		return "", err
	}
	defer w.discard()
	in := newIncoming(ctx, archive, s.options.MaxBytes)
	u := unpacking{options: s.options, to: w, root: newFolder("")}
	unpacked := u.run(in)
	digest, err := in.verify(want, unpacked)
	if err != nil {
		return "", err
	}
	if err := w.finish(u.root); err != nil {
		return "", err
	}
	return digest, s.room.keep(digest, s.path(digest), w)
}

// ownerOf is for whom room is taken: the first of those who want it.
func ownerOf(ctx context.Context) string {
	if owners := demand.Of(ctx).Owners(); len(owners) > 0 {
		return owners[0]
	}
	return ""
}

// Tree shows an archive that is there, and that stays there as long as the Tree is in
// use; a Transient error when it is not. The name is what errors call it.
func (s *Store) Tree(digest Digest, name string) (*Tree, error) {
	p, err := s.room.open(digest, func() (*pack, error) {
		path := s.path(digest)
		_ = os.Chtimes(path, time.Time{}, time.Now()) // tells the next process when it was used
		return readPack(path)
	})
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, fs.ErrNotExist):
		s.room.drop(digest)
		return nil, syncline.Errorf(syncline.Transient, "%s: what is kept of it is damaged; it will be fetched anew", name)
	case err != nil:
		return nil, syncline.Errorf(syncline.Transient, "%s: %w", name, err)
	case p == nil:
		return nil, syncline.Errorf(syncline.Transient, "%s is not fetched yet", name)
	}
	return &Tree{store: s, digest: digest, pack: p, root: p.root, name: name}, nil
}

package sops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// maxAtOnce is how many files of one Tree are decrypted at once, whose data keys may
// have to come from far away.
const maxAtOnce = 16

// Tree returns files with those that are encrypted by sops in plaintext, by the keys of
// one project. One that cannot be decrypted cannot be read; see [syncline.ErrLocked]. A
// hash is that of the ciphertext and of the keys, so that nothing is decrypted to see
// that it is the same; without keys it is that of the file. What follows links belongs
// around it, since the format of a file is told by its name. Ctx ends the wait for
// services.
func (d *Decrypter) Tree(ctx context.Context, files syncline.Tree, keys Keys) syncline.Tree {
	return &tree{ctx: ctx, files: files, decrypter: d, keys: keys}
}

type tree struct {
	ctx       context.Context
	files     syncline.Tree
	decrypter *Decrypter
	keys      Keys
}

var (
	_ syncline.Prefetcher = (*tree)(nil)
	_ syncline.ManyReader = (*tree)(nil)
)

// Stat describes the entry at a path.
func (t *tree) Stat(at string) (syncline.Entry, error) {
	entry, err := t.files.Stat(at)
	if err != nil {
		return entry, err
	}
	return t.keyed(entry), nil
}

// ReadDir lists a folder.
func (t *tree) ReadDir(at string) ([]syncline.Entry, error) {
	entries, err := t.files.ReadDir(at)
	for i, entry := range entries {
		entries[i] = t.keyed(entry)
	}
	return entries, err
}

// keyed returns an entry whose hash tells of the keys, too: with others, the same bytes
// come to something else. So they do in a file of another format.
func (t *tree) keyed(entry syncline.Entry) syncline.Entry {
	if t.keys.IsZero() || entry.Hash == "" || entry.Type == syncline.EntryLink || entry.Type == syncline.EntrySubmodule {
		return entry
	}
	sum := sha256.New()
	_, _ = sum.Write(t.keys.id[:])
	if entry.Type == syncline.EntryFile {
		part(sum, string(document.FormatOf(entry.Name)))
	}
	part(sum, entry.Hash)
	entry.Hash = hex.EncodeToString(sum.Sum(nil))
	return entry
}

// ReadFile returns the plaintext of a file, or the target of a link.
func (t *tree) ReadFile(at string) ([]byte, error) {
	text, err := t.files.ReadFile(at)
	if err != nil {
		return nil, err
	}
	return t.plain(at, text)
}

// ReadFiles reads many files at once.
func (t *tree) ReadFiles(paths []string) []syncline.FileRead {
	reads := syncline.ReadFiles(t.files, paths)
	var group errgroup.Group
	group.SetLimit(maxAtOnce)
	for i, read := range reads {
		if read.Err != nil {
			continue
		}
		group.Go(func() error {
			reads[i].Data, reads[i].Err = t.plain(paths[i], read.Data)
			return nil
		})
	}
	_ = group.Wait()
	return reads
}

func (t *tree) plain(at string, text []byte) ([]byte, error) {
	f, encrypted := inspect(path.Base(at), text)
	if !encrypted {
		return text, nil
	}
	f.name = at
	plain, err := t.decrypter.decrypt(t.ctx, t.keys, f)
	if errors.Is(err, syncline.ErrLocked) {
		return text, err
	}
	return plain, err
}

// Prefetch announces what is read soon.
func (t *tree) Prefetch(ahead syncline.Prefetch) { ahead.From(t.files) }

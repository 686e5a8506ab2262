package plugin

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"os"
	"path"

	"github.com/syncline-io/syncline"
)

// The bounds of what a plugin is given, and how much of it a message has.
const (
	maxEntries  = 200_000
	maxDepth    = 100
	messageSize = 64 << 10
)

// packed is a compressed archive of files, in a file that has no name any more.
type packed struct {
	file     *os.File
	size     int64
	checksum string
}

// pack archives the files of a tree below a folder, links as what they lead to.
func pack(files syncline.Tree, folder string, limit int64) (*packed, error) {
	file, err := os.CreateTemp("", "syncline-plugin-")
	if err != nil {
		return nil, syncline.Errorf(syncline.Transient, "archive files for a plugin: %w", err)
	}
	_ = os.Remove(file.Name())
	sum := sha256.New()
	compressed := gzip.NewWriter(io.MultiWriter(file, sum))
	a := archiver{files: files, tar: tar.NewWriter(compressed), left: limit, limit: limit}
	err = errors.Join(a.folder(folder, 0), a.tar.Close(), compressed.Close())
	size, seekErr := file.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr); err != nil {
		_ = file.Close()
		return nil, err
	}
	return &packed{file, size, hex.EncodeToString(sum.Sum(nil))}, nil
}

func (p *packed) close() { _ = p.file.Close() }

// archiver writes a tree into an archive, within a bound of bytes and entries.
type archiver struct {
	files       syncline.Tree
	tar         *tar.Writer
	left, limit int64
	entries     int
}

// folder adds all that is below a folder.
func (a *archiver) folder(at string, depth int) error {
	if depth > maxDepth {
		return syncline.Errorf(syncline.Invalid, "%s: folders are nested more than %d deep, or a link leads round in a circle: a plugin is not given that", at, maxDepth)
	}
	entries, err := a.files.ReadDir(at)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if a.entries++; a.entries > maxEntries {
			return syncline.Errorf(syncline.Invalid, "the repository has more than %d files: a plugin is not given that many", maxEntries)
		}
		if err := a.add(path.Join(at, entry.Name), entry, depth); err != nil {
			return err
		}
	}
	return nil
}

// add adds one entry.
func (a *archiver) add(at string, entry syncline.Entry, depth int) error {
	switch entry.Type {
	case syncline.EntryFile:
		return a.addFile(at, entry)
	case syncline.EntryDir:
		if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: at + "/", Mode: 0o755}); err != nil {
			return err
		}
		return a.folder(at, depth+1)
	case syncline.EntrySubmodule:
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s is a submodule that is not fetched: the plugin would miss its files", at),
			"commit the files themselves")
	}
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s is a link that leads nowhere, or out of the repository: the plugin would miss what it stands for", at),
		"commit the file itself, or remove the link")
}

// addFile adds a file with its bytes. Of its permissions Git keeps one.
func (a *archiver) addFile(at string, entry syncline.Entry) error {
	text, err := a.files.ReadFile(at)
	if err != nil && !errors.Is(err, syncline.ErrLocked) { // who has the key may be the plugin
		return err
	}
	if a.left -= int64(len(text)); a.left < 0 {
		return syncline.Errorf(syncline.Invalid, "the files of the repository have more than %d MiB: a plugin is not given that much", a.limit>>20)
	}
	mode := int64(0o644)
	if entry.Executable {
		mode = 0o755
	}
	if err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: at, Mode: mode, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err = a.tar.Write(text)
	return err
}

// upload is what a plugin is given.
type upload struct {
	*packed

	folder  string
	environ []string
}

// parts yields the messages that carry it.
func (u upload) parts() iter.Seq2[*part, error] {
	return func(yield func(*part, error) bool) {
		if !yield(head(path.Base("/"+u.folder), u.folder, u.checksum, u.size, u.environ), nil) {
			return
		}
		buffer := make([]byte, messageSize)
		for at := int64(0); at < u.size; {
			n, err := u.file.ReadAt(buffer, at)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, syncline.Errorf(syncline.Transient, "read the archive for a plugin: %w", err))
				return
			}
			at += int64(n)
			if !yield(chunk(buffer[:n]), nil) {
				return
			}
		}
	}
}

// Package folder shows a folder of this machine as a Tree, as it is on disk. It
// never leaves the folder, and knows nothing of revisions.
package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/syncline-io/syncline"
)

// maxFile is the size in bytes of the largest file that is read, as of a file in Git.
const maxFile = 12 << 20

// Tree is a folder. Its files may change while it is used; what is read is read
// anew each time.
type Tree struct{ root *os.Root }

// Open returns the Tree of a folder. Close ends it.
func Open(path string) (*Tree, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, syncline.Errorf(syncline.NotFound, "open folder %s: %w", path, err)
	}
	return &Tree{root: root}, nil
}

// Close ends the use of the folder.
func (t *Tree) Close() error { return t.root.Close() }

// Stat describes the entry at path, without following a link.
func (t *Tree) Stat(path string) (syncline.Entry, error) {
	info, err := t.find(path)
	if err != nil {
		return syncline.Entry{}, err
	}
	return t.entry(path, info)
}

// ReadFile returns the bytes of a file, or the target of a link.
func (t *Tree) ReadFile(path string) ([]byte, error) {
	info, err := t.find(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, syncline.Errorf(syncline.Invalid, "%s is a folder and not a file", shown(path))
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := t.root.Readlink(local(path))
		return []byte(filepath.ToSlash(target)), err
	case info.Size() > maxFile:
		return nil, syncline.Errorf(syncline.Invalid, "%s: the file has %d bytes, and %d are read at most", path, info.Size(), maxFile)
	}
	return t.root.ReadFile(local(path))
}

// ReadDir lists a directory, sorted by name, without Git's own folder.
func (t *Tree) ReadDir(path string) ([]syncline.Entry, error) {
	info, err := t.find(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, syncline.Errorf(syncline.Invalid, "%s is not a folder", path)
	}
	listed, err := fs.ReadDir(t.root.FS(), filepath.ToSlash(local(path)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var entries []syncline.Entry
	for _, item := range listed {
		if path == "" && item.Name() == ".git" {
			continue
		}
		info, err := item.Info()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		child := item.Name()
		if path != "" {
			child = path + "/" + child
		}
		entry, err := t.entry(child, info)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// find describes what is at path. A link on the way is no folder, wherever it leads:
// who follows links has to know of each.
func (t *Tree) find(path string) (fs.FileInfo, error) {
	if path != "" && (path == "." || !fs.ValidPath(path)) {
		return nil, syncline.Errorf(syncline.Invalid, "%q is not a path within the folder", path)
	}
	for i, letter := range path {
		if letter != '/' {
			continue
		}
		above, err := t.root.Lstat(local(path[:i]))
		if err == nil && !above.IsDir() {
			return nil, syncline.Errorf(syncline.NotFound, "%s: %w: %s is not a folder", path, fs.ErrNotExist, path[:i])
		}
		if err != nil {
			break // as of the whole path
		}
	}
	info, err := t.root.Lstat(local(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, syncline.Errorf(syncline.NotFound, "%s: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// entry describes what was found. The hash of a directory is of its listing
// only where it is asked for, so it is left empty: nothing of a folder on disk
// is remembered.
func (t *Tree) entry(path string, info fs.FileInfo) (syncline.Entry, error) {
	entry := syncline.Entry{Name: info.Name()}
	switch mode := info.Mode(); {
	case path == "":
		return syncline.Entry{Type: syncline.EntryDir}, nil
	case mode.IsDir():
		entry.Type = syncline.EntryDir
		return entry, nil
	case mode&fs.ModeSymlink != 0:
		entry.Type = syncline.EntryLink
	case mode.IsRegular():
		entry.Type, entry.Executable = syncline.EntryFile, mode&0o100 != 0
	default:
		return entry, syncline.Errorf(syncline.Invalid, "%s: neither a file, a folder nor a link", path)
	}
	if entry.Type == syncline.EntryFile && info.Size() > maxFile {
		return entry, nil // it may lie there as long as nobody reads it
	}
	content, err := t.ReadFile(path)
	sum := sha256.Sum256(content)
	entry.Hash = hex.EncodeToString(sum[:])
	return entry, err
}

// shown is how a message calls a path.
func shown(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

func local(path string) string {
	if path == "" {
		return "."
	}
	return filepath.FromSlash(path)
}

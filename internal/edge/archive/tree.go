package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// Tree shows an archive, or a folder of one.
type Tree struct {
	store  *Store
	digest Digest
	pack   *pack
	root   *node
	name   string
}

var _ syncline.Tree = (*Tree)(nil)

// Sub shows a folder alone, which is the root then.
func (t *Tree) Sub(folder string) (*Tree, error) {
	n, err := t.folder(folder)
	if err != nil {
		return nil, err
	}
	sub := *t
	sub.root = n
	return &sub, nil
}

// Stat describes the entry at path, without following a link.
func (t *Tree) Stat(path string) (syncline.Entry, error) {
	n, err := t.find(path)
	if err != nil {
		return syncline.Entry{}, err
	}
	entry := n.entry()
	if path == "" {
		entry.Name = ""
	}
	return entry, nil
}

// ReadFile returns the bytes of a file, or the target of a link.
func (t *Tree) ReadFile(path string) ([]byte, error) {
	n, err := t.find(path)
	switch {
	case err != nil:
		return nil, err
	case n.Type == syncline.EntryDir:
		return nil, t.errorf(syncline.Invalid, "%s is a folder and not a file", shown(path))
	case n.Type == syncline.EntryLink:
		return []byte(n.Target), nil
	case n.Size > t.store.options.MaxFile:
		return nil, t.errorf(syncline.Invalid, "%s has %d bytes: files of more than %d are not read", path, n.Size, t.store.options.MaxFile)
	}
	data := bytes.NewBuffer(make([]byte, 0, n.Size))
	if err := t.copy(data, path, n); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// Copy writes the bytes of a file, however large it is, and holds them against its hash
// meanwhile: what was written is only good when it returns nil. Errors are those of
// [Tree.ReadFile], and of what is written to.
func (t *Tree) Copy(to io.Writer, path string) error {
	n, err := t.find(path)
	switch {
	case err != nil:
		return err
	case n.Type != syncline.EntryFile:
		return t.errorf(syncline.Invalid, "%s is not a file", shown(path))
	}
	return t.copy(to, path, n)
}

func (t *Tree) copy(to io.Writer, path string, n *node) error {
	err := t.pack.copy(to, n)
	if errors.Is(err, errDamaged) || errors.Is(err, fs.ErrNotExist) {
		t.store.room.drop(t.digest)
		return t.errorf(syncline.Transient, "what is kept of it is damaged; it will be fetched anew")
	}
	if err != nil {
		return t.errorf(syncline.Transient, "%s: %w", path, err)
	}
	return nil
}

// ReadDir lists a directory, sorted by name.
func (t *Tree) ReadDir(path string) ([]syncline.Entry, error) {
	n, err := t.folder(path)
	if err != nil {
		return nil, err
	}
	entries := make([]syncline.Entry, len(n.children))
	for i, child := range n.children {
		entries[i] = child.entry()
	}
	return entries, nil
}

// folder returns the folder at path.
func (t *Tree) folder(path string) (*node, error) {
	n, err := t.find(path)
	if err == nil && n.Type != syncline.EntryDir {
		err = t.errorf(syncline.Invalid, "%s is not a folder", shown(path))
	}
	return n, err
}

// find walks down to the entry at path.
func (t *Tree) find(path string) (*node, error) {
	n := t.root
	if path == "" {
		return n, nil
	}
	if path == "." || !fs.ValidPath(path) {
		return nil, t.errorf(syncline.Invalid, "%q is not a path within the archive", path)
	}
	for name := range strings.SplitSeq(path, "/") {
		i, found := slices.BinarySearchFunc(n.children, name, func(child *node, name string) int { return strings.Compare(child.Name, name) })
		if !found { // also in what is no folder
			return nil, t.errorf(syncline.NotFound, "%s: %w", path, fs.ErrNotExist)
		}
		n = n.children[i]
	}
	return n, nil
}

func (t *Tree) errorf(kind syncline.Kind, format string, args ...any) error {
	return syncline.Errorf(kind, "%s: "+format, append([]any{t.name}, args...)...)
}

// shown is how a message calls a path.
func shown(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

package syncline

import "errors"

// ErrElsewhere is that a file only stands for content, which is not in the
// repository. What was read of it is returned with the error.
var ErrElsewhere = errors.New("has its content elsewhere")

// ErrLocked is that a file is encrypted, and its key is not there or it is damaged. Who
// reads many files at once gets its ciphertext with the error: most are not needed.
var ErrLocked = errors.New("cannot be decrypted")

// Tree is a read-only picture of the files of one revision. Paths are
// slash-separated and relative to its root, without "." or ".." elements; ""
// is the root, which has no name. A path that does not exist, or that leads through
// what is no directory, a link included, yields an error that is fs.ErrNotExist; one
// that is of another form, or that is no file or directory where one is asked for, is
// Invalid. A Tree is safe for concurrent use. The package treetest holds all that.
type Tree interface {
	// Stat describes the entry at path, without following a link.
	Stat(path string) (Entry, error)
	// ReadFile returns the bytes of a file, or the target of a link. Callers do
	// not change the bytes.
	ReadFile(path string) ([]byte, error)
	// ReadDir lists a directory, sorted by name. The list is the caller's own.
	ReadDir(path string) ([]Entry, error)
}

// Entry is one file, directory or link of a Tree.
type Entry struct {
	Name string
	Type EntryType
	// Hash identifies the content: equal hashes mean equal bytes, and for a
	// directory equal bytes everywhere below it.
	Hash string
	// Executable is the only permission that Git keeps.
	Executable bool
}

// EntryType says what an Entry is.
type EntryType byte

// The types of entry.
const (
	EntryFile      EntryType = 'f'
	EntryDir       EntryType = 'd'
	EntryLink      EntryType = 'l'
	EntrySubmodule EntryType = 'm'
)

// The powers that a Tree may have besides. Who has a Tree asks for them by the
// functions and methods below, which do without where it has none. Each is asserted
// where it is implemented.
type (
	// Prefetcher is a Tree whose files are far away: it asks at once for all that is
	// announced.
	Prefetcher interface{ Prefetch(ahead Prefetch) }
	// ManyReader is a Tree that reads many files at once, as [Tree.ReadFile] does each.
	ManyReader interface {
		ReadFiles(paths []string) []FileRead
	}
	// LinkFollower is a Tree that follows links, and reports whether it did so far:
	// then what was read depends on more paths than were asked for.
	LinkFollower interface{ Linked() bool }
)

// Prefetch is what is about to be looked at in a Tree: by Stat, by ReadFile and by
// ReadDir.
type Prefetch struct{ Entries, Files, Folders []string }

// From announces it to a Tree that is a [Prefetcher].
func (p Prefetch) From(tree Tree) {
	if far, ok := tree.(Prefetcher); ok {
		far.Prefetch(p)
	}
}

// FileRead is what came of reading one file.
type FileRead struct {
	Data []byte
	Err  error
}

// ReadFiles reads many files as [Tree.ReadFile] does: at once where the Tree is a
// [ManyReader].
func ReadFiles(tree Tree, paths []string) []FileRead {
	if many, ok := tree.(ManyReader); ok {
		return many.ReadFiles(paths)
	}
	reads := make([]FileRead, len(paths))
	for i, path := range paths {
		reads[i].Data, reads[i].Err = tree.ReadFile(path)
	}
	return reads
}

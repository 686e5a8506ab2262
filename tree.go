package syncline

import "errors"

// ErrElsewhere is that a file only stands for content, which is not in the
// repository. What was read of it is returned with the error.
var ErrElsewhere = errors.New("has its content elsewhere")

// Tree is a read-only picture of the files of one revision. Paths are
// slash-separated and relative to its root, without "." or ".." elements; ""
// is the root. A path that does not exist yields an error that is
// fs.ErrNotExist. A Tree is safe for concurrent use.
type Tree interface {
	// Stat describes the entry at path, without following a link.
	Stat(path string) (Entry, error)
	// ReadFile returns the bytes of a file, or the target of a link. Callers do
	// not change the bytes.
	ReadFile(path string) ([]byte, error)
	// ReadDir lists a directory, sorted by name.
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

// Looks are what is about to be looked at in a Tree: by Stat, by ReadFile and by
// ReadDir.
type Looks struct{ Entries, Files, Folders []string }

// Expect announces looks. A Tree whose files are far away has a method of that
// name, which asks for all of them at once.
func Expect(tree Tree, looks Looks) {
	if far, ok := tree.(interface{ Expect(looks Looks) }); ok {
		far.Expect(looks)
	}
}

// FileRead is what came of reading one file.
type FileRead struct {
	Data []byte
	Err  error
}

// ReadFiles reads many files as [Tree.ReadFile] does. A Tree whose files are far
// away has a method of that name, which asks for many at once.
func ReadFiles(tree Tree, paths []string) []FileRead {
	if many, ok := tree.(interface {
		ReadFiles(paths []string) []FileRead
	}); ok {
		return many.ReadFiles(paths)
	}
	reads := make([]FileRead, len(paths))
	for i, path := range paths {
		reads[i].Data, reads[i].Err = tree.ReadFile(path)
	}
	return reads
}

package git

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the names of Git's objects
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/git/catfile"
	"github.com/syncline-io/syncline/internal/edge/git/program"
	"github.com/syncline-io/syncline/internal/edge/git/submodule"
)

// tree shows the files of one commit.
type tree struct {
	// ctx is that of who opened it, which ends the wait for a large file.
	ctx    context.Context
	store  *Store
	m      *mirror
	remote *program.Remote
	// generation is that of the mirror when the tree was opened.
	generation int
	name       string // of the repository
	commit     string
	root       string // hash
}

// Tree shows the files of a commit that was fetched, with the same credentials, and those
// of its submodules, which it fetches if need be, where the repository says how they are
// reached. It reads from the mirror, and waits for the network later, until ctx ends, only
// where a large file is read that the fetch left out. A file of more than Options.MaxFile bytes is
// Invalid; damage of the mirror is Transient, and mended by the next [Store.Fetch].
func (s *Store) Tree(ctx context.Context, repo upstream.Repository, commit string) (syncline.Tree, error) {
	if s.options.NoSubmodules {
		repo.Others = nil
	}
	return submodule.Join(ctx, s, repo, commit)
}

// Files shows the files of a commit as [Store.Tree] does, without those of its submodules,
// and says which it may have.
func (s *Store) Files(ctx context.Context, repo upstream.Repository, commit string) (syncline.Tree, []submodule.Module, error) {
	r, err := s.git.Remote(repo)
	if err != nil {
		return nil, nil, err
	}
	t, body, err := s.openCommit(ctx, r, commit)
	if err != nil {
		return nil, nil, err
	}
	root, _, _ := bytes.Cut(body, []byte("\n"))
	hash, ok := bytes.CutPrefix(root, []byte("tree "))
	if t.root = string(hash); !ok || !fullName.MatchString(t.root) {
		return nil, nil, t.errorf(syncline.Invalid, "it cannot be read")
	}
	if _, err := t.dir(t.root, ""); err != nil || repo.Others == nil {
		return t, nil, err
	}
	return t, t.modules(), nil
}

// modules returns what the tree says of submodules, as git reads it: nothing where it
// cannot.
func (t *tree) modules() []submodule.Module {
	entry, err := t.find(".gitmodules")
	if err != nil || entry.Type != syncline.EntryFile {
		return nil
	}
	if known, ok := t.store.modules.get(t.key(entry.Hash)); ok {
		return known
	}
	if found, err := t.m.reader.Info(entry.Hash); err != nil || found.Size > submodule.MaxList {
		return nil
	}
	printed, fail := t.store.git.Run(t.ctx, program.Command{
		Args: []string{"config", "--no-includes", "--null", "--list", "--blob", entry.Hash},
		Dir:  t.m.dir, Timeout: t.store.options.StallTimeout, MaxOutput: 2 * submodule.MaxList,
	})
	if fail != nil {
		return nil
	}
	modules := submodule.Parse(string(printed))
	t.store.modules.put(t.key(entry.Hash), modules)
	return modules
}

// openCommit returns a tree without a root, and the text of its commit.
func (s *Store) openCommit(ctx context.Context, r *program.Remote, commit string) (*tree, []byte, error) {
	t := &tree{ctx: ctx, store: s, m: s.mirror(r), remote: r, name: r.Name, commit: commit}
	t.generation, _ = t.m.current()
	if err := checkCommit(commit); err != nil {
		return nil, nil, err
	}
	if !t.m.admits(r) || !t.m.exists() {
		return nil, nil, t.errorf(syncline.Transient, "it is not fetched yet")
	}
	body, err := t.readCommit()
	return t, body, err
}

// readCommit returns the text of the tree's commit.
func (t *tree) readCommit() ([]byte, error) {
	found, err := t.m.reader.Read(t.commit, t.store.options.MaxFile)
	switch {
	case errors.Is(err, catfile.ErrMissing):
		return nil, t.errorf(syncline.Transient, "it is not fetched yet")
	case err != nil:
		return nil, t.broken(err)
	case found.Kind != "commit":
		return nil, t.errorf(syncline.Invalid, "it is a %s and not a commit", found.Kind)
	}
	return found.Data, nil
}

// Stat describes the entry at path, without following a link.
func (t *tree) Stat(path string) (syncline.Entry, error) {
	entry, err := t.find(path)
	if err != nil {
		return syncline.Entry{}, err
	}
	return t.shown(entry), nil
}

// shown is what is told of an entry: what pointers stand for is not equal to the pointers.
func (t *tree) shown(entry syncline.Entry) syncline.Entry {
	if t.remote.Repository.LFS && entry.Type != syncline.EntrySubmodule {
		entry.Hash = "lfs " + entry.Hash
	}
	return entry
}

// ReadFile returns the bytes of a file, or the target of a link.
func (t *tree) ReadFile(path string) ([]byte, error) {
	entry, err := t.find(path)
	if err != nil {
		return nil, err
	}
	switch entry.Type {
	case syncline.EntryDir:
		return nil, t.errorf(syncline.Invalid, "%s is a folder and not a file", shown(path))
	case syncline.EntrySubmodule:
		return nil, t.submodule(path)
	}
	if data, ok := t.store.files.get(t.key(entry.Hash)); ok {
		return t.contentOf(entry, path, data)
	}
	found, err := t.m.file(t.ctx, t.remote, entry.Hash)
	if errors.Is(err, catfile.ErrTooBig) {
		return nil, t.errorf(syncline.Invalid, "%s has %d bytes: files of more than %d are not read", path, found.Size, t.store.options.MaxFile)
	}
	if kind := syncline.KindOf(err); err != nil && kind != syncline.Internal { // it could not be fetched
		return nil, t.errorf(kind, "%s: %w", path, err)
	}
	if err != nil {
		return nil, t.broken(err)
	}
	if len(found.Data) <= cachedFile {
		t.store.files.put(t.key(entry.Hash), found.Data)
	}
	return t.contentOf(entry, path, found.Data)
}

// contentOf returns what the text of an entry stands for. That of a link is its target.
func (t *tree) contentOf(entry syncline.Entry, path string, text []byte) ([]byte, error) {
	if entry.Type == syncline.EntryLink {
		return []byte(spelled(string(text))), nil
	}
	return t.content(path, text)
}

// ReadDir lists a directory, sorted by name.
func (t *tree) ReadDir(path string) ([]syncline.Entry, error) {
	entry, err := t.find(path)
	if err != nil {
		return nil, err
	}
	switch entry.Type {
	case syncline.EntryDir:
	case syncline.EntrySubmodule:
		return nil, t.submodule(path)
	default:
		return nil, t.errorf(syncline.Invalid, "%s is not a folder", shown(path))
	}
	entries, err := t.dir(entry.Hash, path)
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i] = t.shown(entries[i])
	}
	return entries, err
}

// find walks down to the entry at path.
func (t *tree) find(path string) (syncline.Entry, error) {
	entry := syncline.Entry{Type: syncline.EntryDir, Hash: t.root}
	if path == "" {
		return entry, nil
	}
	if path == "." || !fs.ValidPath(path) {
		return entry, t.errorf(syncline.Invalid, "%q is not a path within a repository", path)
	}
	rest := path
	for rest != "" {
		walked := strings.TrimSuffix(path[:len(path)-len(rest)], "/")
		if entry.Type == syncline.EntrySubmodule {
			return entry, t.missing(path, "submodule "+walked+" is not fetched")
		}
		if entry.Type != syncline.EntryDir {
			return entry, t.missing(path, shown(walked)+" is not a folder")
		}
		entries, err := t.dir(entry.Hash, walked)
		if err != nil {
			return entry, err
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		i, ok := slices.BinarySearchFunc(entries, name, func(e syncline.Entry, name string) int { return strings.Compare(e.Name, name) })
		if !ok {
			return entry, t.missing(path, "")
		}
		entry = entries[i]
	}
	return entry, nil
}

// key names an object of the repository.
func (t *tree) key(hash string) objectKey { return objectKey{t.remote.Key, hash} }

// dir returns the entries of a directory, sorted by name, which nobody changes.
func (t *tree) dir(hash, path string) ([]syncline.Entry, error) {
	if entries, ok := t.store.trees.get(t.key(hash)); ok {
		return entries, nil
	}
	found, err := t.m.reader.Read(hash, t.store.options.MaxFile)
	switch {
	case errors.Is(err, catfile.ErrTooBig):
		return nil, t.errorf(syncline.Invalid, "folder %s has too many entries", shown(path))
	case err != nil:
		return nil, t.broken(err)
	case found.Kind != "tree":
		return nil, t.errorf(syncline.Invalid, "folder %s is a %s", shown(path), found.Kind)
	}
	entries, ok := parseTree(found.Data)
	if !ok {
		return nil, t.errorf(syncline.Invalid, "folder %s has an entry that no file system could hold", shown(path))
	}
	t.store.trees.put(t.key(hash), entries)
	return entries, nil
}

// parseTree reads a tree object, with names as they are [spelled]. It fails when a
// name could mean another place, or when two are the same.
func parseTree(data []byte) ([]syncline.Entry, bool) {
	entries := make([]syncline.Entry, 0, bytes.Count(data, []byte{0}))
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, _ := strings.Cut(string(head), " ")
		name = spelled(name)
		if !ok || len(rest) < sha1.Size || !fs.ValidPath(name) || name == "." || strings.Contains(name, "/") {
			return nil, false
		}
		entries = append(entries, syncline.Entry{
			Name: name, Type: typeOf(mode), Hash: hex.EncodeToString(rest[:sha1.Size]), Executable: mode == "100755",
		})
		data = rest[sha1.Size:]
	}
	slices.SortFunc(entries, func(a, b syncline.Entry) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(entries); i++ {
		if entries[i].Name == entries[i-1].Name {
			return nil, false
		}
	}
	return entries, true
}

// typeOf reads the mode of an entry. Files have 100644, 100755, and 100664 of old.
func typeOf(mode string) syncline.EntryType {
	switch mode {
	case "40000", "040000":
		return syncline.EntryDir
	case "120000":
		return syncline.EntryLink
	case "160000":
		return syncline.EntrySubmodule
	default:
		return syncline.EntryFile
	}
}

// shown is how a message calls a path.
func shown(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

func (t *tree) errorf(kind syncline.Kind, format string, args ...any) error {
	return syncline.Errorf(kind, "repository %s at %s: "+format, append([]any{t.name, t.commit[:min(len(t.commit), 7)]}, args...)...)
}

// missing says that there is nothing at path, in the way of fs.ErrNotExist.
func (t *tree) missing(path, why string) error {
	if why != "" {
		return t.errorf(syncline.NotFound, "%s: %w: %s", path, fs.ErrNotExist, why)
	}
	return t.errorf(syncline.NotFound, "%s: %w", path, fs.ErrNotExist)
}

func (t *tree) submodule(path string) error {
	return syncline.WithHint(t.errorf(syncline.Invalid, "%s is a submodule, which is not fetched", path),
		"make the submodule's repository a source of its own")
}

// broken says that an object could not be read that has to be there. Unless the
// mirror was replaced since, it is damaged.
func (t *tree) broken(err error) error {
	if now, _ := t.m.current(); now != t.generation {
		return t.errorf(syncline.Transient, "the mirror was made anew meanwhile")
	}
	if !errors.Is(err, catfile.ErrMissing) && !errors.Is(err, catfile.ErrCorrupt) {
		return t.errorf(syncline.Transient, "reading the mirror failed: %w", err)
	}
	t.m.markDamaged(t.generation)
	return t.errorf(syncline.Transient, "the mirror is damaged (%w); it will be fetched anew", err)
}

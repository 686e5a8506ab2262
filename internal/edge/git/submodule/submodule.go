// Package submodule shows the files of submodules where a repository has them, as they
// are at the commits that it names. What is not permitted, or cannot be had, is an error
// of whoever reads there, and of nobody else.
package submodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Module is what a file .gitmodules says of a submodule.
type Module struct {
	Path, URL string
	// left says that it is not to be updated.
	left bool
}

// The bounds of what a tree may have, of all submodules together.
const (
	maxModules = 100
	maxDepth   = 10
	// MaxList is how many bytes a file .gitmodules has at most.
	MaxList = 1 << 20
)

// Parse reads what `git config --list -z` prints of a file .gitmodules. What is not to
// be updated, or says no place or no address, is left out.
func Parse(printed string) []Module {
	found := map[string]*Module{}
	var names []string
	for entry := range strings.SplitSeq(printed, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		rest, ok := strings.CutPrefix(key, "submodule.")
		at := strings.LastIndexByte(rest, '.')
		if !ok || at < 0 {
			continue
		}
		name := rest[:at]
		if found[name] == nil {
			found[name] = &Module{}
			names = append(names, name)
		}
		found[name].set(rest[at+1:], value)
	}
	var modules []Module
	for _, name := range names {
		if m := found[name]; m.URL != "" && m.Path != "." && fs.ValidPath(m.Path) && !m.left {
			modules = append(modules, *m)
		}
	}
	return modules
}

// set takes note of what is said of the submodule.
func (m *Module) set(name, value string) {
	switch name {
	case "path":
		m.Path = strings.TrimSuffix(value, "/")
	case "url":
		m.URL = value
	case "update":
		m.left = value == "none"
	}
}

// Address returns where the repository of a submodule is, whose URL may be relative to
// that of its parent. Nothing of the parent's credentials belongs to it, and a folder of
// this machine is none.
func Address(parent upstream.Address, written string) (upstream.Address, error) {
	address := upstream.AddressOf(written)
	if strings.HasPrefix(written, "./") || strings.HasPrefix(written, "../") {
		var err error
		if address, err = relative(parent, written); err != nil {
			return address, err
		}
	}
	if err := address.Err(); err != nil {
		return address, err
	}
	if scheme := address.Scheme(); scheme != "https" && scheme != "http" && scheme != "ssh" {
		return address, syncline.WithHint(syncline.Errorf(syncline.Invalid, "only https, http and ssh addresses are allowed"),
			"write it as https://host/path or ssh://user@host/path")
	}
	return address, nil
}

// relative takes off a part of the parent's path for each "../", as git does.
func relative(parent upstream.Address, written string) (upstream.Address, error) {
	origin := parent.Origin()
	at := strings.TrimRight(strings.TrimPrefix(parent.URL(), origin), "/")
	for {
		if rest, ok := strings.CutPrefix(written, "./"); ok {
			written = rest
			continue
		}
		rest, ok := strings.CutPrefix(written, "../")
		if !ok {
			break
		}
		if at == "" {
			return upstream.Address{}, syncline.Errorf(syncline.Invalid, "its URL leaves the server of its parent")
		}
		written, at = rest, at[:strings.LastIndexByte(at, '/')]
	}
	at += "/" + written
	switch {
	case parent.IsRelative():
		return upstream.AddressOf(parent.User() + "@" + parent.HostInURL() + ":" + strings.TrimPrefix(at, "/")), nil
	case parent.Scheme() == "ssh" && parent.User() != "":
		return upstream.AddressOf("ssh://" + parent.User() + "@" + strings.TrimPrefix(origin, "ssh://") + at), nil
	case parent.Scheme() == "file":
		return upstream.AddressOf(at), nil
	}
	return upstream.AddressOf(origin + at), nil
}

// Store keeps commits of repositories.
type Store interface {
	// Fetch makes a commit present. The ref that led to it may be "".
	Fetch(ctx context.Context, repo upstream.Repository, commit, ref string) error
	// Files shows the files of a commit that is present, and says what submodules it may
	// have. Of these it shows nothing.
	Files(ctx context.Context, repo upstream.Repository, commit string) (syncline.Tree, []Module, error)
}

// Join shows the files of a commit that is present, with those of its submodules, which
// are fetched if need be: as [upstream.Repository].Others says. Errors are those of the
// Store for the commit itself, and that ctx has ended.
func Join(ctx context.Context, store Store, repo upstream.Repository, commit string) (syncline.Tree, error) {
	j := &joining{store: store}
	return j.tree(ctx, repo, commit, 0)
}

// joining counts submodules, also those of submodules.
type joining struct {
	store Store
	seen  int
}

func (j *joining) tree(ctx context.Context, repo upstream.Repository, commit string, depth int) (syncline.Tree, error) {
	files, modules, err := j.store.Files(ctx, repo, commit)
	if err != nil || len(modules) == 0 || repo.Others == nil {
		return files, err
	}
	joined := &tree{Tree: files, parts: map[string]*part{}, lacks: map[string]string{}}
	for _, m := range modules {
		entry, err := files.Stat(m.Path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && entry.Type != syncline.EntrySubmodule {
			continue
		}
		if err != nil {
			return nil, err
		}
		p := &part{entry: entry}
		if p.files, err = j.part(ctx, repo, m, entry.Hash, depth); err != nil {
			p.err = about(repo, m, err)
		}
		if ctx.Err() != nil {
			return nil, p.err
		}
		if joined.parts[m.Path] == nil {
			joined.put(m.Path, p)
		}
	}
	return joined, nil
}

// part returns the files of a submodule.
func (j *joining) part(ctx context.Context, parent upstream.Repository, m Module, commit string, depth int) (syncline.Tree, error) {
	if j.seen++; j.seen > maxModules {
		return nil, syncline.Errorf(syncline.Invalid, "there are more than %d submodules in all", maxModules)
	}
	if depth == maxDepth {
		return nil, syncline.Errorf(syncline.Invalid, "submodules are nested deeper than %d", maxDepth)
	}
	address, err := Address(parent.Address, m.URL)
	if err != nil {
		return nil, err
	}
	repo, err := parent.Others(address)
	if err != nil {
		return nil, err
	}
	if err := j.store.Fetch(ctx, repo, commit, ""); err != nil {
		return nil, transient(err)
	}
	files, err := j.tree(ctx, repo, commit, depth+1)
	return files, transient(err)
}

// transient has an error tried again, whatever it is of: nobody tells when the repository
// of a submodule has its commit, or lets in who reads it.
func transient(err error) error {
	if err == nil {
		return nil
	}
	return hinted(syncline.Errorf(syncline.Transient, "%w", err), syncline.HintOf(err))
}

func hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return syncline.WithHint(err, hint)
}

// about names the submodule of which an error is.
func about(parent upstream.Repository, m Module, err error) error {
	told := syncline.Errorf(syncline.KindOf(err), "submodule %s of repository %s, at %s: %w", m.Path, parent.Address, shown(parent.Address, m.URL), err)
	return hinted(told, syncline.HintOf(err))
}

// shown is what is told of where a submodule is: no credentials.
func shown(parent upstream.Address, written string) string {
	if address, err := Address(parent, written); err == nil {
		return address.String()
	}
	return upstream.Redact(written)
}

// part is a submodule in a tree: its files, or why there are none.
type part struct {
	entry syncline.Entry
	files syncline.Tree
	err   error
}

// lacks returns a text that is another one for everything else that is lacking in the
// submodule; "" when nothing is.
func (p *part) lacks() string {
	if p.err != nil {
		return p.err.Error()
	}
	if nested, ok := p.files.(*tree); ok {
		return nested.lacks[""]
	}
	return ""
}

// tree shows a tree with the files of submodules.
type tree struct {
	syncline.Tree
	parts map[string]*part
	// lacks say of folders what is lacking below them. Who may not have a submodule does
	// not see a tree that is equal to that of who may: what is known of one is not told to
	// the other.
	lacks map[string]string
}

// put puts a submodule in its place.
func (t *tree) put(at string, p *part) {
	t.parts[at] = p
	lacks := p.lacks()
	if lacks == "" {
		return
	}
	sum := sha256.Sum256([]byte(at + "\n" + lacks))
	for folder := at; ; folder = path.Dir("/" + folder)[1:] {
		t.lacks[folder] += " " + hex.EncodeToString(sum[:])
		if folder == "" {
			return
		}
	}
}

// shown is what is told of the entry at a path: a submodule is a folder, of which equal
// commits have equal files.
func (t *tree) shown(at string, entry syncline.Entry) syncline.Entry {
	if t.parts[at] != nil {
		entry.Type = syncline.EntryDir
	}
	entry.Hash += t.lacks[at]
	return entry
}

// find returns the submodule that a path is in, and the path within it.
func (t *tree) find(at string) (p *part, within string) {
	for end := 0; end < len(at); end++ {
		next := strings.IndexByte(at[end:], '/')
		if next < 0 {
			break
		}
		end += next
		if p := t.parts[at[:end]]; p != nil {
			return p, at[end+1:]
		}
	}
	return t.parts[at], ""
}

// Stat describes the entry at a path.
func (t *tree) Stat(at string) (syncline.Entry, error) {
	p, within := t.find(at)
	switch {
	case p == nil:
		entry, err := t.Tree.Stat(at)
		return t.shown(at, entry), err
	case within == "":
		return t.shown(at, p.entry), nil
	case p.err != nil:
		return syncline.Entry{}, p.err
	}
	return p.files.Stat(within)
}

// ReadFile reads a file.
func (t *tree) ReadFile(at string) ([]byte, error) {
	p, within := t.find(at)
	switch {
	case p == nil:
		return t.Tree.ReadFile(at)
	case p.err != nil:
		return nil, p.err
	}
	return p.files.ReadFile(within)
}

// ReadDir lists a folder.
func (t *tree) ReadDir(at string) ([]syncline.Entry, error) {
	p, within := t.find(at)
	switch {
	case p != nil && p.err != nil:
		return nil, p.err
	case p != nil:
		return p.files.ReadDir(within)
	}
	entries, err := t.Tree.ReadDir(at)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		entries[i] = t.shown(path.Join(at, entry.Name), entry)
	}
	return entries, nil
}

package kustomize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// root is where kustomize sees the tree. It is not "/", so that a path with too
// many ".." leaves it and is refused.
const root = "/repository"

// maxPath bounds the length of a path, which a link to a folder above itself
// lets grow without end.
const maxPath = 4096

// errReadOnly answers every attempt to change something.
var errReadOnly = errors.New("the files of a revision cannot be changed")

// fileSystem shows a tree to kustomize, and what it was given of other repositories. It
// refuses kustomizations that ask for what is not done, and shows those that name a base
// elsewhere, or a chart, as if these were at hand. A path in the tree is relative, and one
// elsewhere begins with that.
type fileSystem struct {
	ctx    context.Context
	files  syncline.Files
	charts Charts
	// mounts are the repositories elsewhere that were brought.
	mounts []mounted
	// laid are the single files elsewhere that were brought.
	laid []upstream.Remote
	// namespaces are those that kustomizations with a namespace give to the charts of
	// the folders that they build upon; disputed where they are not one.
	namespaces map[string]string
	disputed   map[string]bool
	// top is the kustomization that is built; errors name it anyway.
	top string
	// overlay holds changed files by path.
	overlay map[string][]byte
	// configs are the files that configure generators, transformers and validators.
	configs map[string]bool
	// read are the files that were read; secret those that generators of Secrets
	// take, and data those that generators of ConfigMaps do.
	read         map[string][]byte
	secret, data map[string]bool
	// schemas is set when a kustomization brings schemas.
	schemas bool
	// managed is set when the kustomization wants a label that says who built it.
	managed bool
	// failed is the first error that is not a missing file. It is kept here
	// because kustomize takes some errors for something else.
	failed error
}

// inTree returns the path in the tree of one that kustomize uses.
func (f *fileSystem) inTree(name string) (string, error) {
	clean := path.Clean(filepath.ToSlash(name))
	switch {
	case f.ctx.Err() != nil:
		return "", f.fail(f.ctx.Err())
	case len(clean) > maxPath:
		return "", f.fail(syncline.Errorf(syncline.Invalid, "a path is longer than %d: folders refer to each other in a circle", maxPath))
	case clean == root:
		return "", nil
	case strings.HasPrefix(clean, root+"/"):
		return strings.TrimPrefix(clean, root+"/"), nil
	}
	if tree, _ := f.tree(clean); mountOf(clean) != "" && tree != nil {
		return clean, nil
	}
	for secret := range f.secret { // what stands there may be a value
		if path.Base(secret) == path.Base(clean) && !looksLikeFile(clean) {
			clean = "a file of a secretGenerator"
		}
	}
	return "", f.fail(syncline.Errorf(syncline.Invalid, "%s is outside the repository", clean))
}

// fail notes an error that is not a missing file, and returns it.
func (f *fileSystem) fail(err error) error {
	if f.failed == nil && !errors.Is(err, fs.ErrNotExist) {
		f.failed = err
	}
	return err
}

func (f *fileSystem) stat(name string) (syncline.Entry, error) {
	at, err := f.inTree(name)
	if err != nil {
		return syncline.Entry{}, err
	}
	if _, ok := f.overlay[at]; ok {
		return syncline.Entry{Name: path.Base(at), Type: syncline.EntryFile}, nil
	}
	tree, below := f.tree(at)
	entry, err := tree.Stat(below)
	if err != nil {
		return entry, f.fail(err)
	}
	return entry, nil
}

func (f *fileSystem) IsDir(name string) bool {
	entry, err := f.stat(name)
	return err == nil && entry.Type == syncline.EntryDir
}

func (f *fileSystem) Exists(name string) bool {
	_, err := f.stat(name)
	return err == nil
}

func (f *fileSystem) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	entry, err := f.stat(name)
	clean := path.Clean(filepath.ToSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", fmt.Errorf("%s does not exist", f.shown(clean))
	case err != nil:
		return "", "", err
	case entry.Type == syncline.EntryDir:
		return filesys.ConfirmedDir(clean), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(clean)), path.Base(clean), nil
}

func (f *fileSystem) ReadDir(name string) ([]string, error) {
	at, err := f.inTree(name)
	if err != nil {
		return nil, err
	}
	tree, below := f.tree(at)
	entries, err := tree.ReadDir(below)
	if err != nil {
		return nil, f.fail(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name
	}
	return names, nil
}

func (f *fileSystem) ReadFile(name string) ([]byte, error) {
	at, err := f.inTree(name)
	if err != nil {
		return nil, err
	}
	text, overlaid := f.overlay[at]
	if !overlaid {
		entry, err := f.stat(name)
		if err != nil {
			return nil, err
		}
		if entry.Type == syncline.EntryDir {
			return nil, fmt.Errorf("%s is a folder", f.shown(at))
		}
		tree, below := f.tree(at)
		if text, err = tree.ReadFile(below); err != nil {
			return nil, f.fail(err)
		}
	}
	f.read[at] = text
	if isKustomization(path.Base(at)) {
		text, err = f.check(at, text)
	} else if f.configs[at] {
		err = checkConfig(text)
	}
	if err != nil && at != f.top {
		err = fmt.Errorf("%s: %w", f.shown(at), err)
	}
	if err != nil {
		return nil, f.fail(err)
	}
	return text, nil
}

// The rest of the interface is not needed to build.

func (f *fileSystem) Open(string) (filesys.File, error)        { return nil, errors.ErrUnsupported }
func (f *fileSystem) Glob(string) ([]string, error)            { return nil, errors.ErrUnsupported }
func (f *fileSystem) Walk(string, filepath.WalkFunc) error     { return errors.ErrUnsupported }
func (f *fileSystem) Create(string) (filesys.File, error)      { return nil, errReadOnly }
func (f *fileSystem) Mkdir(string) error                       { return errReadOnly }
func (f *fileSystem) MkdirAll(string) error                    { return errReadOnly }
func (f *fileSystem) RemoveAll(string) error                   { return errReadOnly }
func (f *fileSystem) WriteFile(name string, text []byte) error { return errReadOnly }

package source

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/near"
)

// Folder returns the path of a source as a Tree takes it, "" for the root,
// after checking that it is a folder of the tree. Errors: Invalid for a path
// that is absolute or leaves the repository, or that is a file; NotFound, with
// the folders that are there instead. Their texts are Argo CD's, which scripts match.
func Folder(files syncline.Tree, declared string) (string, error) {
	if len(declared) > maxPath {
		return "", syncline.Errorf(syncline.Invalid, "path %q… is longer than %d bytes", declared[:40], maxPath)
	}
	folder := path.Clean(declared)
	if folder == "." {
		return "", nil
	}
	if path.IsAbs(folder) {
		return "", syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: app path is absolute", declared),
			"write it relative to the root of the repository")
	}
	if !fs.ValidPath(folder) { // it begins with ".."
		return "", syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: app path outside root", declared),
			"it leaves the repository; name a folder in it")
	}
	entry, err := files.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", syncline.WithHint(syncline.Errorf(syncline.NotFound, "%s: app path does not exist", declared), neighbours(files, folder))
	case err != nil:
		return "", err
	case entry.Type == syncline.EntrySubmodule:
		return "", syncline.WithHint(syncline.Errorf(syncline.Invalid, "path %q is a submodule, which is not fetched", declared),
			"use the submodule's repository as the source")
	case entry.Type != syncline.EntryDir:
		return "", syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: app path is not a directory", declared),
			"name the folder that the file is in")
	}
	return folder, nil
}

// maxPath is the length of a path, as in Linux.
const maxPath = 4096

// neighbours tells which folders there are where the path ends to exist, the
// likeliest first.
func neighbours(files syncline.Tree, missing string) string {
	above, name := path.Split(missing)
	above = strings.TrimSuffix(above, "/")
	entries, err := files.ReadDir(above)
	if err != nil {
		if above == "" {
			return ""
		}
		return neighbours(files, above)
	}
	var folders []string
	for _, entry := range entries {
		if entry.Type == syncline.EntryDir && len(entry.Name) < maxSuggested {
			folders = append(folders, entry.Name)
		}
	}
	if len(name) < maxSuggested && len(folders) <= maxCompared {
		slices.SortStableFunc(folders, func(a, b string) int { return near.Edits(a, name) - near.Edits(b, name) })
	}
	where := "the root of the repository"
	if above != "" {
		where = "folder " + above
	}
	if len(folders) == 0 {
		return where + " has no folders"
	}
	const most = 5
	list := strings.Join(folders[:min(most, len(folders))], ", ")
	if len(folders) > most {
		list += ", …"
	}
	return where + " has " + list
}

// The bounds of a suggestion: the length of a name, and how many are compared.
const (
	maxSuggested = 64
	maxCompared  = 1000
)

// Package difference says how the files of two revisions differ. It reads only the
// folders that differ, and no file.
package difference

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// Files lists the files, links and submodules that differ between two trees,
// sorted: those that came, went, or have another content, type or permission.
// It reads only directories that differ. Give it trees as they are and not
// confined: a link changes when it points elsewhere, and not with what it
// points at.
func Files(before, after syncline.Tree) ([]string, error) {
	d, err := Between(before, after)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, at := range slices.Sorted(maps.Keys(d.paths)) { // as whole paths, not folder by folder
		if d.paths[at]&file != 0 {
			files = append(files, at)
		}
	}
	return files, nil
}

// Paths is what differs between two trees. It does not change.
type Paths struct{ paths map[string]aspects }

// comparison finds a difference.
type comparison struct {
	before, after syncline.Tree
	paths         map[string]aspects
}

// aspects say what differs at a path.
type aspects byte

const (
	// file: it is a file, a link or a submodule, before or after.
	file aspects = 1 << iota
	// kind: it came, went, or has another type or permission.
	kind
	// content: its bytes, or what it points at.
	content
	// names: what is in the directory.
	names
)

// Between returns how two trees differ, as [Files] does.
func Between(before, after syncline.Tree) (*Paths, error) {
	c := &comparison{before: before, after: after, paths: map[string]aspects{}}
	old, err := before.Stat("")
	if err != nil {
		return nil, err
	}
	now, err := after.Stat("")
	if err != nil {
		return nil, err
	}
	if err := c.compare("", &old, &now); err != nil {
		return nil, err
	}
	return &Paths{c.paths}, nil
}

// Each visits the paths that differ: where something came, went, or has another
// type or permission (entry); where a file has other bytes, or a link points
// elsewhere, or either came or went (content); and directories in which
// something came, went, or has another type or permission (listing).
func (d *Paths) Each(visit func(path string, entry, content, listing bool)) {
	for path, differs := range d.paths {
		visit(path, differs&kind != 0, differs&(kind|content) != 0, differs&(kind|names) != 0)
	}
}

// compare goes on below path, where either entry may be nil.
func (c *comparison) compare(at string, old, now *syncline.Entry) error {
	if old != nil && now != nil && old.Hash != "" && old.Hash == now.Hash && old.Type == now.Type && old.Executable == now.Executable {
		return nil
	}
	c.note(at, old, now)
	left, err := list(c.before, at, old)
	if err != nil {
		return err
	}
	right, err := list(c.after, at, now)
	if err != nil {
		return err
	}
	return c.merge(at, left, right)
}

// note notes how the two entries at a path differ.
func (c *comparison) note(at string, old, now *syncline.Entry) {
	var differ aspects
	if isFile(old) || isFile(now) {
		differ |= file | content
	}
	if old == nil || now == nil || old.Type != now.Type || old.Executable != now.Executable {
		differ |= kind
		if at != "" {
			c.paths[path.Dir("/" + at)[1:]] |= names
		}
	}
	c.paths[at] |= differ
}

// merge compares two sorted lists of a folder's entries.
func (c *comparison) merge(at string, left, right []syncline.Entry) error {
	for len(left) > 0 || len(right) > 0 {
		var old, now *syncline.Entry
		order := len(left) - len(right) // counts when one of them is empty
		if len(left) > 0 && len(right) > 0 {
			order = -strings.Compare(left[0].Name, right[0].Name)
		}
		var name string
		if order >= 0 {
			old, name, left = &left[0], left[0].Name, left[1:]
		}
		if order <= 0 {
			now, name, right = &right[0], right[0].Name, right[1:]
		}
		if err := c.compare(path.Join(at, name), old, now); err != nil {
			return err
		}
	}
	return nil
}

// list returns what is in a folder, and nothing for what is none.
func list(files syncline.Tree, at string, entry *syncline.Entry) ([]syncline.Entry, error) {
	if entry == nil || entry.Type != syncline.EntryDir {
		return nil, nil
	}
	return files.ReadDir(at)
}

func isFile(entry *syncline.Entry) bool { return entry != nil && entry.Type != syncline.EntryDir }

// Package links follows links within a tree of files, and lets none lead out of it.
package links

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"github.com/syncline-io/syncline"
)

// maxLinks is how many links a path may lead through, as in Linux.
const maxLinks = 40

// Confine returns files with its links followed within the repository. An entry
// that links to another has the type, the hash and the content of what it leads
// to, under its own name. A link that leads nowhere, out of the repository, into a
// submodule, or round in a circle is Invalid by an error that names the link and
// shows nothing of where it leads; ReadDir lists it as a link. What is in a
// submodule is Invalid, too: it is elsewhere, which is not the same as not there.
//
// The hash of a directory covers the links in it, and not what they lead to.
// What is returned is a [syncline.LinkFollower].
func Confine(files syncline.Tree) syncline.Tree { return &confined{files: files} }

type confined struct {
	files  syncline.Tree
	linked atomic.Bool
}

var _ syncline.LinkFollower = (*confined)(nil)

// Linked reports whether a link was followed so far.
func (c *confined) Linked() bool { return c.linked.Load() }

// Stat describes what the path leads to.
func (c *confined) Stat(name string) (syncline.Entry, error) {
	_, entry, err := c.follow(name)
	if name != "" {
		entry.Name = path.Base(name)
	}
	return entry, err
}

// ReadFile returns the bytes of the file that the path leads to.
func (c *confined) ReadFile(name string) ([]byte, error) {
	at, _, err := c.follow(name)
	if err != nil {
		return nil, err
	}
	return c.files.ReadFile(at)
}

// ReadDir lists the directory that the path leads to.
func (c *confined) ReadDir(name string) ([]syncline.Entry, error) {
	at, _, err := c.follow(name)
	if err != nil {
		return nil, err
	}
	entries, err := c.files.ReadDir(at)
	if err != nil {
		return nil, err
	}
	effort := maxEffort
	for i, entry := range entries {
		if entry.Type != syncline.EntryLink {
			continue
		}
		_, found, err := c.walk(path.Join(at, entry.Name), &effort)
		switch {
		case err == nil:
			found.Name = entry.Name
			entries[i] = found
		case !leadsAstray(err):
			return nil, err
		}
	}
	return entries, nil
}

// leadsAstray reports whether an error is the link's own fault, and not a
// failure to read.
func leadsAstray(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLink) || errors.Is(err, errSubmodule)
}

var (
	// errLink is a link that cannot be followed.
	errLink = errors.New("bad link")
	// errSubmodule is a path that leads into a submodule.
	errSubmodule = errors.New("is a submodule, which is not fetched")
)

// The bounds of following links.
const (
	// maxTarget is the length of what a link points at, as in Linux.
	maxTarget = 4096
	// maxEffort is how many steps the links of one folder may take together. A
	// target costs a step for every 16 bytes.
	maxEffort = 200_000
)

// follow returns the path behind all links of name, and what is there. Of a
// path without links it costs one Stat.
func (c *confined) follow(name string) (string, syncline.Entry, error) {
	entry, err := c.files.Stat(name)
	if err == nil && entry.Type != syncline.EntryLink {
		return name, entry, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", entry, err
	}
	effort := maxEffort
	return c.walk(name, &effort)
}

// walk returns the path behind all links of name, and what is there, within some
// effort.
func (c *confined) walk(name string, effort *int) (string, syncline.Entry, error) {
	w := &walk{files: c.files, name: name, rest: name, asked: len(name), effort: effort}
	at, entry, err := w.run()
	if w.links > 0 {
		c.linked.Store(true)
	}
	return at, entry, err
}

// walk goes down a path, one element after the other.
type walk struct {
	files syncline.Tree
	name  string // what was asked for
	at    string // what was walked, without links
	rest  string // what remains
	link  string // that was followed last
	links int
	// asked is how much of rest is of what was asked for, and not of a link.
	asked  int
	effort *int // that is left
}

func (w *walk) run() (string, syncline.Entry, error) {
	for w.rest != "" {
		linked := len(w.rest) > w.asked
		if err := w.step(); err != nil {
			if errors.Is(err, fs.ErrNotExist) && linked {
				err = syncline.WithHint(
					syncline.Errorf(syncline.Invalid, "%w: %s leads nowhere", errLink, w.link), "point it at a file of the same repository, or remove it")
			}
			return "", syncline.Entry{}, err
		}
	}
	entry, err := w.files.Stat(w.at)
	return w.at, entry, err
}

// step goes down, or up, by one element.
func (w *walk) step() error {
	if *w.effort--; *w.effort < 0 {
		return syncline.Errorf(syncline.Invalid, "the links in folder %q are too many, or too long, to follow", path.Dir(w.name))
	}
	var element string
	element, w.rest, _ = strings.Cut(w.rest, "/")
	switch element {
	case "", ".":
		return nil
	case "..":
		if w.at == "" {
			return w.leaves()
		}
		w.at = strings.TrimSuffix(path.Dir("/" + w.at)[1:], "/")
		return nil
	}
	next := path.Join(w.at, element)
	entry, err := w.files.Stat(next)
	if err != nil {
		return err
	}
	if entry.Type == syncline.EntryLink {
		w.link = next
		return w.jump()
	}
	if entry.Type == syncline.EntrySubmodule && strings.Trim(w.rest, "/.") != "" {
		return syncline.WithHint(syncline.Errorf(syncline.Invalid, "%s: %s %w", w.name, next, errSubmodule),
			"use the submodule's repository as a source, or copy its files")
	}
	w.at = next
	return nil
}

// jump puts what the link points at in front of what remains. It is walked from
// the link's folder, where w is.
func (w *walk) jump() error {
	if w.links++; w.links > maxLinks {
		return syncline.Errorf(syncline.Invalid, "%w: %s leads through more than %d links, or round in a circle", errLink, w.name, maxLinks)
	}
	target, err := w.files.ReadFile(w.link)
	if err != nil {
		return err
	}
	if *w.effort -= len(target) / 16; len(target) > maxTarget {
		return syncline.Errorf(syncline.Invalid, "%w: %s points at a path of more than %d bytes", errLink, w.link, maxTarget)
	}
	if len(target) == 0 || path.IsAbs(string(target)) {
		return w.leaves()
	}
	w.asked = min(w.asked, len(w.rest))
	w.rest = strings.TrimSuffix(string(target)+"/"+w.rest, "/")
	return nil
}

func (w *walk) leaves() error {
	return syncline.WithHint(
		syncline.Errorf(syncline.Invalid, "%w: %s leads out of the repository", errLink, w.link),
		"point it at a file of the same repository, by a relative path")
}

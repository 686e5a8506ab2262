// Package record notes what a computation reads of a tree, and remembers its
// result for as long as the same reads would give the same answers. It does not
// know what is computed.
package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
)

// Inputs is all that a computation may look at.
type Inputs struct {
	Files syncline.Files
	// Facts are named texts from outside the files.
	Facts map[string]string
}

// Recorder gives access to Inputs and notes what is looked at. It is safe for
// concurrent use.
type Recorder struct {
	inputs Inputs
	mu     sync.Mutex
	reads  Reads
}

// Reads is what was looked at and what was seen there.
type Reads struct {
	seen map[read]string
	// roots are the hashes of whole repositories by source: when they are the
	// same, so is everything in them.
	roots map[string]string
	// linked are the sources in whose trees, which do not tell where links lead, a link
	// was followed: what was seen depends on more paths than those in seen.
	linked map[string]bool
	// unsure is set when something was seen that may be different the next time
	// though nothing changed, such as a failure of the store.
	unsure bool
}

// read names one thing that can be looked at.
type read struct {
	what what
	// ref is the source that path belongs to; "" is the one rendered.
	ref  string
	path string
}

type what byte

const (
	entry   what = 'e'
	content what = 'c'
	listing what = 'l'
	fact    what = 'f'
	whole   what = 'w' // all below a folder
)

// New returns a Recorder that has noted nothing yet.
func New(inputs Inputs) *Recorder {
	return &Recorder{inputs: inputs, reads: Reads{seen: map[read]string{}, roots: rootsOf(inputs.Files)}}
}

// Continue returns a Recorder that has noted these reads, as they hold for inputs
// but for what is looked at again.
func Continue(reads Reads, inputs Inputs) *Recorder {
	return &Recorder{inputs: inputs, reads: Reads{seen: maps.Clone(reads.seen), roots: rootsOf(inputs.Files)}}
}

// rootsOf returns the hashes of the repositories that tell one.
func rootsOf(files syncline.Files) map[string]string {
	roots := map[string]string{}
	add := func(ref string, source syncline.Tree) {
		if source == nil {
			return
		}
		if root, err := source.Stat(""); err == nil && root.Hash != "" {
			roots[ref] = root.Hash
		}
	}
	add("", files.Tree)
	for ref, source := range files.Refs {
		add(ref, source)
	}
	return roots
}

// Files returns the files; reading them is noted.
func (r *Recorder) Files() syncline.Files {
	files := syncline.Files{Tree: &tree{recorder: r, source: r.inputs.Files.Tree}}
	if len(r.inputs.Files.Refs) > 0 {
		files.Refs = map[string]syncline.Tree{}
	}
	for ref, source := range r.inputs.Files.Refs {
		files.Refs[ref] = &tree{recorder: r, ref: ref, source: source}
	}
	return files
}

// Fact returns the fact of that name, and notes the question.
func (r *Recorder) Fact(name string) (string, bool) {
	value, ok := r.inputs.Facts[name]
	r.note(read{what: fact, path: name}, seeFact(value, ok), nil)
	return value, ok
}

// Reads returns what has been looked at so far.
func (r *Recorder) Reads() Reads {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Reads{seen: maps.Clone(r.reads.seen), roots: r.reads.roots, unsure: r.reads.unsure, linked: linkedIn(r.inputs.Files)}
}

// linkedIn returns the sources in whose trees a link was followed.
func linkedIn(files syncline.Files) map[string]bool {
	var in map[string]bool
	note := func(ref string, tree syncline.Tree) {
		if links, ok := tree.(syncline.LinkFollower); ok && links.Linked() {
			if in == nil {
				in = map[string]bool{}
			}
			in[ref] = true
		}
	}
	note("", files.Tree)
	for ref, tree := range files.Refs {
		note(ref, tree)
	}
	return in
}

func (r *Recorder) note(what read, seen string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads.seen[what] = seen
	if err != nil && !lasting(err) {
		r.reads.unsure = true
	}
}

// lasting reports whether an error stays until the files change.
func lasting(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	kind := syncline.KindOf(err)
	return kind == syncline.Invalid || kind == syncline.Denied || kind == syncline.NotFound
}

// Holds reports whether looking at the same things in inputs shows the same.
func (r Reads) Holds(inputs Inputs) bool {
	if r.unsure {
		return false
	}
	for range r.changes(inputs) {
		return false
	}
	return true
}

// Changed returns the files of the source itself whose content is another in
// inputs. It reports false when something else is, too.
func (r Reads) Changed(inputs Inputs) (files map[string]bool, only bool) {
	if r.unsure || len(r.linked) > 0 {
		return nil, false
	}
	files = map[string]bool{}
	for what := range r.changes(inputs) {
		if what.what != content || what.ref != "" {
			return nil, false
		}
		files[what.path] = true
	}
	return files, true
}

// changes yields what shows something else in inputs than was noted.
func (r Reads) changes(inputs Inputs) iter.Seq[read] {
	return func(yield func(read) bool) {
		roots := rootsOf(inputs.Files)
		for what, seen := range r.seen {
			if root, ok := roots[what.ref]; ok && what.what != fact && root == r.roots[what.ref] {
				continue
			}
			if look(inputs, what) != seen && !yield(what) {
				return
			}
		}
	}
}

// Of returns what was looked at in the source that is called so, as if it were the
// one rendered; "" is that one, with the facts.
func (r Reads) Of(ref string) Reads {
	if ref == "" && !r.others() {
		return r
	}
	of := Reads{seen: map[read]string{}, roots: map[string]string{}, unsure: r.unsure}
	for looked, seen := range r.seen {
		if looked.ref == ref {
			looked.ref = ""
			of.seen[looked] = seen
		}
	}
	if root, ok := r.roots[ref]; ok {
		of.roots[""] = root
	}
	if r.linked[ref] {
		of.linked = map[string]bool{"": true}
	}
	return of
}

// others reports whether other sources were looked at than the one rendered.
func (r Reads) others() bool {
	for looked := range r.seen {
		if looked.ref != "" {
			return true
		}
	}
	return false
}

// Len is the number of things that were looked at.
func (r Reads) Len() int { return len(r.seen) }

// Traceable reports whether the difference between two revisions of the files
// alone tells whether looking again would show the same. It does not when other
// sources were looked at, see [Reads.Of], or all below a folder, or facts that vary
// with the revision.
func (r Reads) Traceable(varies func(fact string) bool) bool {
	if r.unsure || r.linked[""] {
		return false
	}
	for what := range r.seen {
		if what.ref != "" || what.what == whole || what.what == fact && varies(what.path) {
			return false
		}
	}
	return r.seen != nil
}

// look returns what is seen at one thing, as it would have been noted.
func look(inputs Inputs, what read) string {
	if what.what == fact {
		value, ok := inputs.Facts[what.path]
		return seeFact(value, ok)
	}
	source := inputs.Files.Tree
	if what.ref != "" {
		source = inputs.Files.Refs[what.ref]
	}
	if source == nil {
		return "no such source"
	}
	switch what.what {
	case listing:
		entries, err := source.ReadDir(what.path)
		return seeListing(entries, err)
	case content, whole:
		e, err := source.Stat(what.path)
		return seeContent(e, err)
	default:
		e, err := source.Stat(what.path)
		return seeEntry(e, err)
	}
}

// seeFact keeps the digest of a long value: every chart asks for the APIs of the
// cluster, which are tens of kilobytes.
func seeFact(value string, ok bool) string {
	if len(value) > 2*sha256.Size {
		sum := sha256.Sum256([]byte(value))
		value = hex.EncodeToString(sum[:])
	}
	return fmt.Sprintf("%t %s", ok, value)
}

// seeEntry tells only what an entry is: its content counts when it is read.
func seeEntry(e syncline.Entry, err error) string {
	if err != nil {
		return seeError(err)
	}
	return fmt.Sprintf("%c %t", e.Type, e.Executable)
}

func seeContent(e syncline.Entry, err error) string {
	if err != nil {
		return seeError(err)
	}
	return string(e.Type) + " " + e.Hash
}

func seeListing(entries []syncline.Entry, err error) string {
	if err != nil {
		return seeError(err)
	}
	sum := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(sum, "%c %t %q\n", e.Type, e.Executable, e.Name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func seeError(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	return "error: " + err.Error()
}

// String lists what was looked at, sorted, for tests and for people.
func (r Reads) String() string {
	var lines []string
	for what := range r.seen {
		lines = append(lines, fmt.Sprintf("%c %s:%s\n", what.what, what.ref, what.path))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

// tree is one recorded tree.
type tree struct {
	recorder *Recorder
	ref      string
	source   syncline.Tree
}

func (t *tree) Stat(path string) (syncline.Entry, error) {
	e, err := t.source.Stat(path)
	t.recorder.note(read{what: entry, ref: t.ref, path: path}, seeEntry(e, err), err)
	return e, err
}

// Whole returns a tree in which nothing more is noted, because all below a folder is
// taken to be read. Of a tree that no Recorder gave it is the tree itself.
func Whole(files syncline.Tree, folder string) syncline.Tree {
	t, ok := files.(*tree)
	if !ok {
		return files
	}
	e, err := t.source.Stat(folder)
	if err == nil && e.Hash == "" {
		err = errUnknown
	}
	t.recorder.note(read{what: whole, ref: t.ref, path: folder}, seeContent(e, err), err)
	return t.source
}

func (t *tree) ReadDir(path string) ([]syncline.Entry, error) {
	entries, err := t.source.ReadDir(path)
	t.recorder.note(read{what: listing, ref: t.ref, path: path}, seeListing(entries, err), err)
	return entries, err
}

func (t *tree) ReadFile(path string) ([]byte, error) {
	e, err := t.source.Stat(path)
	t.recorder.note(read{what: content, ref: t.ref, path: path}, seeContent(e, err), err)
	if err != nil {
		return nil, err
	}
	if e.Hash == "" { // it cannot be told whether the content changes
		t.recorder.note(read{what: content, ref: t.ref, path: path}, "", errUnknown)
	}
	text, err := t.source.ReadFile(path)
	if err != nil && !lasting(err) {
		t.recorder.note(read{what: content, ref: t.ref, path: path}, seeError(err), err)
	}
	return text, err
}

// errUnknown is noted for content that has no hash.
var errUnknown = errors.New("the tree knows no hash")

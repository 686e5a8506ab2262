package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
)

// pack is what is in memory of an archive: its entries.
type pack struct {
	path string
	root *node
}

// node is one entry.
type node struct {
	Name       string
	Type       syncline.EntryType
	Executable bool
	Hash       hash
	// Offset and Size say where the bytes of a file are.
	Offset, Size int64
	// Target is where a link leads.
	Target string
	// children are sorted by name once the archive is complete, and byName are they while
	// it is unpacked.
	children []*node
	byName   map[string]*node
}

// hash is that of a content, hexadecimal in an index.
type hash [sha256.Size]byte

// MarshalText writes it.
func (h hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads it.
func (h *hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return errDamaged
	}
	_, err := hex.Decode(h[:], text)
	return err
}

func newFolder(name string) *node {
	return &node{Name: name, Type: syncline.EntryDir, byName: map[string]*node{}}
}

// entry is what a Tree says of it.
func (n *node) entry() syncline.Entry {
	return syncline.Entry{Name: n.Name, Type: n.Type, Executable: n.Executable, Hash: hex.EncodeToString(n.Hash[:])}
}

// line is an entry in an index: each is followed by those in it.
type line struct {
	*node
	Children int `json:",omitempty"`
}

// writeTo writes an entry and those below, one after the other: the index of an archive is
// never in memory as a text.
func (n *node) writeTo(index *json.Encoder) error {
	if err := index.Encode(line{n, len(n.children)}); err != nil {
		return err
	}
	for _, child := range n.children {
		if err := child.writeTo(index); err != nil {
			return err
		}
	}
	return nil
}

// readNode reads an entry and those below.
func readNode(index *json.Decoder) (*node, error) {
	next := line{node: &node{}}
	if err := index.Decode(&next); err != nil {
		return nil, errDamaged
	}
	for range next.Children {
		child, err := readNode(index)
		if err != nil {
			return nil, err
		}
		next.children = append(next.children, child)
	}
	return next.node, nil
}

// complete sorts the children of a folder and those below, and gives all of them hashes:
// that of a folder covers the names, types and hashes in it.
func (n *node) complete() {
	n.children, n.byName = slices.Collect(maps.Values(n.byName)), nil
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.Name, b.Name) })
	sum := sha256.New()
	for _, child := range n.children {
		if child.Type == syncline.EntryDir {
			child.complete()
		}
		fmt.Fprintf(sum, "%c %t %x %s\x00", child.Type, child.Executable, child.Hash, child.Name)
	}
	sum.Sum(n.Hash[:0])
}

// writer writes the file of an archive.
type writer struct {
	room     *room
	owner    string
	file     *os.File
	out      *bufio.Writer
	size     int64
	reserved int64
}

func (s *Store) newWriter(owner string) (*writer, error) {
	file, err := os.CreateTemp(s.options.Dir, unfinished)
	if err != nil {
		return nil, syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	return &writer{room: &s.room, owner: owner, file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

// ahead is how much room is reserved at once.
const ahead = 1 << 20

// Write writes bytes for which there is room.
func (w *writer) Write(data []byte) (int, error) {
	if need := w.size + int64(len(data)) - w.reserved; need > 0 {
		need = max(need, min(ahead, w.room.most/8))
		if err := w.room.reserve(w.owner, need); err != nil {
			return 0, err
		}
		w.reserved += need
	}
	n, err := w.out.Write(data)
	w.size += int64(n)
	if err != nil {
		err = syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	return n, err
}

// finish writes the index of what is below a root, and closes the file.
func (w *writer) finish(root *node) error {
	root.complete()
	begin, sum := w.size, sha256.New()
	if err := root.writeTo(json.NewEncoder(io.MultiWriter(w, sum))); err != nil {
		return err
	}
	if _, err := w.Write(sum.Sum(binary.BigEndian.AppendUint64(nil, uint64(w.size-begin)))); err != nil {
		return err
	}
	if err := errors.Join(w.out.Flush(), w.file.Close()); err != nil {
		return syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	w.room.release(w.owner, w.reserved-w.size)
	w.reserved = w.size
	return nil
}

// discard removes what was written, unless it was kept.
func (w *writer) discard() {
	_ = w.file.Close() // it may be closed already
	_ = os.Remove(w.file.Name())
	w.room.release(w.owner, w.reserved)
}

// errDamaged is that a file does not hold what was written to it.
var errDamaged = errors.New("it is damaged")

// readPack reads the index of an archive.
func readPack(path string) (*pack, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	const trailer = 8 + sha256.Size
	end := info.Size() - trailer
	if end < 0 {
		return nil, errDamaged
	}
	tail := make([]byte, trailer)
	if _, err := file.ReadAt(tail, end); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint64(tail)
	if length > uint64(end) {
		return nil, errDamaged
	}
	index, sum := io.NewSectionReader(file, end-int64(length), int64(length)), sha256.New()
	if _, err := io.Copy(sum, index); err != nil {
		return nil, err
	}
	if string(sum.Sum(nil)) != string(tail[8:]) {
		return nil, errDamaged
	}
	if _, err := index.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	lines := json.NewDecoder(index)
	lines.DisallowUnknownFields() // of an index of another form
	root, err := readNode(lines)
	return &pack{path, root}, err
}

// copy writes the bytes of a file.
func (p *pack) copy(to io.Writer, n *node) error {
	file, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	buffer := make([]byte, min(n.Size+1, 32<<10)) // most files are small
	size, err := io.CopyBuffer(io.MultiWriter(to, sum), io.NewSectionReader(file, n.Offset, n.Size), buffer)
	if err != nil {
		return err
	}
	if size != n.Size || hash(sum.Sum(nil)) != n.Hash {
		return errDamaged
	}
	return nil
}

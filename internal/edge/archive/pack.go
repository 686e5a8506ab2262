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
	syncline.Entry
	// Offset and Size say where the bytes of a file are.
	Offset int64 `json:",omitempty"`
	Size   int64 `json:",omitempty"`
	// Target is where a link leads.
	Target string `json:",omitempty"`
	// Children are sorted by name once the archive is complete.
	Children []*node `json:",omitempty"`

	// byName are the children while the archive is unpacked.
	byName map[string]*node
}

func newFolder(name string) *node {
	return &node{Entry: syncline.Entry{Name: name, Type: syncline.EntryDir}, byName: map[string]*node{}}
}

// complete sorts the children of a folder and those below, and gives all of them hashes:
// that of a folder covers the names, types and hashes in it.
func (n *node) complete() {
	slices.SortFunc(n.Children, func(a, b *node) int { return strings.Compare(a.Name, b.Name) })
	sum := sha256.New()
	for _, child := range n.Children {
		if child.Type == syncline.EntryDir {
			child.complete()
		}
		fmt.Fprintf(sum, "%c %t %s %s\x00", child.Type, child.Executable, child.Hash, child.Name)
	}
	n.Hash = hex.EncodeToString(sum.Sum(nil))
	n.byName = nil
}

// writer writes the file of an archive.
type writer struct {
	room     *room
	file     *os.File
	out      *bufio.Writer
	size     int64
	reserved int64
}

func (s *Store) newWriter() (*writer, error) {
	file, err := os.CreateTemp(s.options.Dir, unfinished)
	if err != nil {
		return nil, syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	return &writer{room: &s.room, file: file, out: bufio.NewWriterSize(file, 64<<10)}, nil
}

// ahead is how much room is reserved at once.
const ahead = 1 << 20

// Write writes bytes for which there is room.
func (w *writer) Write(data []byte) (int, error) {
	if need := w.size + int64(len(data)) - w.reserved; need > 0 {
		need = max(need, min(ahead, w.room.most/8))
		if err := w.room.reserve(need); err != nil {
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
	index, err := json.Marshal(root)
	if err != nil {
		return syncline.Errorf(syncline.Internal, "keeping an archive: %w", err)
	}
	sum := sha256.Sum256(index)
	for _, part := range [][]byte{index, binary.BigEndian.AppendUint64(nil, uint64(len(index))), sum[:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if err := errors.Join(w.out.Flush(), w.file.Close()); err != nil {
		return syncline.Errorf(syncline.Transient, "keeping an archive: %w", err)
	}
	w.room.release(w.reserved - w.size)
	w.reserved = w.size
	return nil
}

// discard removes what was written, unless it was kept.
func (w *writer) discard() {
	_ = w.file.Close() // it may be closed already
	_ = os.Remove(w.file.Name())
	w.room.release(w.reserved)
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
	index := make([]byte, length)
	if _, err := file.ReadAt(index, end-int64(length)); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(index); string(sum[:]) != string(tail[8:]) {
		return nil, errDamaged
	}
	p := &pack{path: path, root: &node{}}
	if err := json.Unmarshal(index, p.root); err != nil {
		return nil, errDamaged
	}
	return p, nil
}

// read returns the bytes of a file.
func (p *pack) read(n *node) ([]byte, error) {
	file, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, n.Size)
	if _, err := file.ReadAt(data, n.Offset); errors.Is(err, io.EOF) {
		return nil, errDamaged
	} else if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != n.Hash {
		return nil, errDamaged
	}
	return data, nil
}

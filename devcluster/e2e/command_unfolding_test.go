package e2e_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the names of Git's objects
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// unfoldedBase is the size of the file of zeros that unfolds, and unfoldedSize that of the one that is made of it.
	unfoldedBase = 0xffffff
	unfoldedSize = 3 << 30
	// unfoldedName is how Git calls a file of 3 GiB of zeros.
	unfoldedName = "1077662767e8de998abc7dbe3649b8df9a2baf72"
)

// packed is an object of a pack.
type packed struct {
	name   [sha1.Size]byte
	offset int
	check  uint32
}

// packWriter writes a pack as no program would.
type packWriter struct {
	bytes.Buffer
	objects []packed
}

// Kinds of objects in packs.
const (
	packCommit   = 1
	packTree     = 2
	packBlob     = 3
	packRefDelta = 7
)

// unfolding FOLDER makes the main branch of a repository a commit whose pack has 17 KiB and unfolds to 3 GiB: one file is
// some hundred copies of another, which is zeros.
func unfolding(s *script, _ *testscript.TestScript, args []string) error {
	if len(args) != 1 || s.repos[args[0]] == nil {
		return errUsage
	}
	w := &packWriter{}
	w.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x04")
	base := w.add(packBlob, make([]byte, unfoldedBase))
	large, err := hex.DecodeString(unfoldedName)
	if err != nil {
		return err
	}
	w.addDelta(base, [sha1.Size]byte(large), unfoldedDelta())
	tree := w.add(packTree, slices.Concat([]byte("100644 base.yaml\x00"), base[:], []byte("100644 large.yaml\x00"), large))
	head := w.add(packCommit, fmt.Appendf(nil, "tree %x\nauthor a <a@example.com> 1 +0000\ncommitter a <a@example.com> 1 +0000\n\nx\n", tree))
	sum := sha1.Sum(w.Bytes()) //nolint:gosec // see above
	w.Write(sum[:])
	path := filepath.Join(s.repos[args[0]].Dir, "objects", "pack", fmt.Sprintf("pack-%x", sum))
	if err := os.WriteFile(path+".pack", w.Bytes(), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(path+".idx", w.index(sum), 0o600); err != nil {
		return err
	}
	_, err = s.repos[args[0]].Git(s.ctx, "update-ref", "refs/heads/main", fmt.Sprintf("%x", head))
	return err
}

// unfoldedDelta says that a file is copies of the base.
func unfoldedDelta() []byte {
	delta := binary.AppendUvarint(binary.AppendUvarint(nil, unfoldedBase), unfoldedSize)
	for left := unfoldedSize; left > 0; left -= unfoldedBase {
		size := min(left, unfoldedBase)
		delta = append(delta, 0x80|0x70, byte(size), byte(size>>8), byte(size>>16)) // from offset 0
	}
	return delta
}

// add adds an object and returns its name.
func (w *packWriter) add(kind int, content []byte) [sha1.Size]byte {
	words := map[int]string{packBlob: "blob", packTree: "tree", packCommit: "commit"}
	name := sha1.Sum(append(fmt.Appendf(nil, "%s %d\x00", words[kind], len(content)), content...)) //nolint:gosec // see above
	w.put(kind, name, nil, content)
	return name
}

// addDelta adds an object that is said by another.
func (w *packWriter) addDelta(base, name [sha1.Size]byte, delta []byte) {
	w.put(packRefDelta, name, base[:], delta)
}

func (w *packWriter) put(kind int, name [sha1.Size]byte, base, content []byte) {
	offset := w.Len()
	size := len(content)
	first := byte(kind<<4 | size&0xf)
	for size >>= 4; size > 0; size >>= 7 {
		w.WriteByte(first | 0x80)
		first = byte(size & 0x7f)
	}
	w.WriteByte(first)
	w.Write(base)
	deflated := zlib.NewWriter(w)
	_, _ = deflated.Write(content) // to memory
	_ = deflated.Close()
	w.objects = append(w.objects, packed{name, offset, crc32.ChecksumIEEE(w.Bytes()[offset:])})
}

// index returns the index of the pack.
func (w *packWriter) index(sum [sha1.Size]byte) []byte {
	objects := slices.SortedFunc(slices.Values(w.objects), func(a, b packed) int { return bytes.Compare(a.name[:], b.name[:]) })
	index := []byte("\xfftOc\x00\x00\x00\x02")
	for first := range 256 {
		upTo := slices.IndexFunc(objects, func(o packed) bool { return int(o.name[0]) > first })
		if upTo < 0 {
			upTo = len(objects)
		}
		index = binary.BigEndian.AppendUint32(index, uint32(upTo)) //nolint:gosec // there are four
	}
	for _, o := range objects {
		index = append(index, o.name[:]...)
	}
	for _, o := range objects {
		index = binary.BigEndian.AppendUint32(index, o.check)
	}
	for _, o := range objects {
		index = binary.BigEndian.AppendUint32(index, uint32(o.offset)) //nolint:gosec // it has some KiB
	}
	index = append(index, sum[:]...)
	own := sha1.Sum(index) //nolint:gosec // see above
	return append(index, own[:]...)
}

package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	stdhash "hash"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/syncline-io/syncline"
)

// incoming is an archive as it comes, of which the digest is taken.
type incoming struct {
	ctx  context.Context
	from io.Reader
	sum  stdhash.Hash
	most int64
	seen int64
	// failed is why no more comes: an error of what it comes from.
	failed error
}

func newIncoming(ctx context.Context, from io.Reader, most int64) *incoming {
	return &incoming{ctx: ctx, from: from, sum: sha256.New(), most: most}
}

// Read reads on, up to the most that there may be.
func (in *incoming) Read(data []byte) (int, error) {
	if in.failed != nil {
		return 0, in.failed
	}
	if err := in.ctx.Err(); err != nil {
		return 0, in.fail(err)
	}
	n, err := in.from.Read(data)
	in.sum.Write(data[:n])
	if in.seen += int64(n); in.seen > in.most {
		return 0, in.fail(tooLarge("it", in.most))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = in.fail(err)
	}
	return n, err
}

// fail remembers why no more comes. Without a kind it is expected to pass.
func (in *incoming) fail(err error) error {
	in.failed = err
	if _, classified := errors.AsType[*syncline.Error](err); !classified {
		in.failed = syncline.Errorf(syncline.Transient, "reading it: %w", err)
	}
	return in.failed
}

// verify reads what is left, and returns the digest of all. Of what could not be
// unpacked, the reason is that it is not what is wanted, where that is so.
func (in *incoming) verify(want Digest, unpacked error) (Digest, error) {
	if bounded, ok := errors.AsType[*limitError](unpacked); ok {
		return "", bounded.err
	}
	if in.failed == nil {
		_, _ = io.Copy(io.Discard, in) // the error is remembered
	}
	if in.failed != nil {
		return "", in.failed
	}
	got := Digest(sha256Prefix + hex.EncodeToString(in.sum.Sum(nil)))
	switch {
	case want != "" && got != want:
		return "", syncline.Errorf(syncline.Transient, "it has the digest %s and not %s: it was replaced, changed or cut off on its way", got, want)
	case want == "" && errors.Is(unpacked, io.ErrUnexpectedEOF):
		return "", syncline.Errorf(syncline.Transient, "it ends too early")
	}
	return got, asInvalid(unpacked)
}

// asInvalid gives an error of the format its kind.
func asInvalid(err error) error {
	if err == nil {
		return nil
	}
	if _, classified := errors.AsType[*syncline.Error](err); classified {
		return err
	}
	return syncline.Errorf(syncline.Invalid, "it is not a tar archive, or a damaged one: %w", err)
}

// limitError is that there is more than is read: then nothing more is.
type limitError struct{ err error }

func (e *limitError) Error() string { return e.err.Error() }

func (e *limitError) Unwrap() error { return e.err }

func limitf(format string, args ...any) error {
	return &limitError{syncline.Errorf(syncline.Invalid, format, args...)}
}

func tooLarge(what string, most int64) error {
	return limitf("%s is larger than an archive may be, which is %d bytes (%d MiB)", what, most, most>>20)
}

// unpacking reads an archive into a file and into nodes.
type unpacking struct {
	options Options
	to      *writer
	root    *node
	// entries and names are how many there are, and of how many bytes.
	entries, names int
}

// run reads all entries.
func (u *unpacking) run(in *incoming) error {
	plain, err := decompressed(bufio.NewReader(in))
	if err != nil {
		return err
	}
	defer plain.Close()
	unpacked := &bounded{from: plain, left: u.options.MaxBytes, most: u.options.MaxBytes}
	archive := tar.NewReader(unpacked)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return rest(unpacked)
		}
		if err != nil {
			return err
		}
		if err := u.add(header, archive); err != nil {
			return err
		}
	}
}

// rest reads what comes behind the last entry, so that checksums are compared. What is
// behind the compressed data is padding.
func rest(unpacked io.Reader) error {
	if _, err := io.Copy(io.Discard, unpacked); err != nil && !errors.Is(err, gzip.ErrHeader) {
		return err
	}
	return nil
}

// decompressed returns what an archive is without its compression, which its first bytes
// tell.
func decompressed(in *bufio.Reader) (io.ReadCloser, error) {
	const window = 8 << 20 // what every decoder of zstd has to support, by RFC 8878
	head, err := in.Peek(4)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		decoder, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	}
	return io.NopCloser(in), nil
}

// bounded is what may be read of what was decompressed.
type bounded struct {
	from       io.Reader
	left, most int64
}

// Read reads on, up to the most that there may be.
func (b *bounded) Read(data []byte) (int, error) {
	n, err := b.from.Read(data)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge("what it unpacks to", b.most)
	}
	return n, err
}

// add adds one entry.
func (u *unpacking) add(header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil // of git archive: a comment
	}
	at, err := u.checkName(header.Name)
	if err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if at != "." {
			_, err = u.folder(at, header.Name)
		}
		return err
	case tar.TypeReg:
		return u.addFile(at, header, content)
	case tar.TypeSymlink:
		return u.addLink(at, header)
	case tar.TypeLink:
		return refuse(header.Name, "is a hard link", "pack the file itself")
	default:
		return refuse(header.Name, "is neither a file, a folder nor a link", "leave it out of the archive")
	}
}

// checkName returns the path of an entry, "." of the root.
func (u *unpacking) checkName(name string) (string, error) {
	switch {
	case len(name) > u.options.MaxPath:
		return "", limitf("entry %.100q… has a path of %d bytes: at most %d are read", name, len(name), u.options.MaxPath)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", refuse(name, "has a name with control characters, or that is not UTF-8", "rename it")
	case strings.Contains(name, `\`):
		return "", refuse(name, "has a name with a backslash", "pack it with / between folders")
	case strings.HasPrefix(name, "/"):
		return "", refuse(name, "has an absolute path", "pack it by a relative path")
	case leaves("", name):
		return "", refuse(name, "leads out of the archive", "pack it without ..")
	}
	at := path.Clean(name)
	for element := range strings.SplitSeq(at, "/") {
		if len(element) > maxName {
			return "", limitf("entry %.100q… has a name of %d bytes: at most %d are read", name, len(element), maxName)
		}
	}
	if depth := strings.Count(at, "/") + 1; depth > u.options.MaxDepth {
		return "", limitf("entry %.100q… is %d folders deep: at most %d are read", name, depth, u.options.MaxDepth)
	}
	return at, nil
}

// maxName is how long the name of one entry may be, in bytes, as in Linux.
const maxName = 255

// leaves reports whether a path that begins in a folder leads above the root at any point.
func leaves(folder, name string) bool {
	depth := 0
	if folder != "" {
		depth = strings.Count(folder, "/") + 1
	}
	for element := range strings.SplitSeq(name, "/") {
		switch element {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

func refuse(name, why, hint string) error {
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "entry %.200q %s", name, why), hint)
}

// addFile writes a file.
func (u *unpacking) addFile(at string, header *tar.Header, content io.Reader) error {
	if header.Size > u.options.MaxBytes {
		return tooLarge("entry "+shownName(header.Name), u.options.MaxBytes)
	}
	n := &node{Type: syncline.EntryFile, Executable: header.Mode&0o100 != 0, Offset: u.to.size, Size: header.Size}
	if err := u.place(at, header.Name, n); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(u.to, sum), content); err != nil {
		return err
	}
	sum.Sum(n.Hash[:0])
	return nil
}

// addLink adds a link that stays within the archive, as far as its text tells.
func (u *unpacking) addLink(at string, header *tar.Header) error {
	target := header.Linkname
	switch {
	case len(target) > u.options.MaxPath:
		return limitf("entry %.100q links to a path of %d bytes: at most %d are read", header.Name, len(target), u.options.MaxPath)
	case target == "" || path.IsAbs(target) || leaves(strings.TrimPrefix(path.Dir("/"+at), "/"), target):
		return refuse(header.Name, "is a link out of the archive", "pack a relative link to a file of the archive, or the file itself")
	case !utf8.ValidString(target) || strings.ContainsFunc(target, unicode.IsControl) || strings.Contains(target, `\`):
		return refuse(header.Name, "is a link to a name with control characters or a backslash, or that is not UTF-8", "rename what it links to")
	}
	return u.place(at, header.Name, &node{Type: syncline.EntryLink, Hash: sha256.Sum256([]byte(target)), Target: strings.Clone(target)})
}

// place puts a file or a link where its path says.
func (u *unpacking) place(at, written string, n *node) error {
	if at == "." {
		return refuse(written, "is the root, and no folder", "pack a folder")
	}
	folder := u.root
	if above := path.Dir(at); above != "." {
		var err error
		if folder, err = u.folder(above, written); err != nil {
			return err
		}
	}
	n.Name = strings.Clone(path.Base(at)) // and not the whole path
	if folder.byName[n.Name] != nil {
		return refuse(written, "comes twice", "pack each file once")
	}
	return u.insert(folder, n)
}

// folder returns the folder at a path, made where it is not there.
func (u *unpacking) folder(at, written string) (*node, error) {
	folder := u.root
	for name := range strings.SplitSeq(at, "/") {
		next := folder.byName[name]
		if next == nil {
			next = newFolder(strings.Clone(name))
			if err := u.insert(folder, next); err != nil {
				return nil, err
			}
		}
		if next.Type != syncline.EntryDir {
			return nil, refuse(written, "is in, or in the place of, what is no folder", "pack each path once")
		}
		folder = next
	}
	return folder, nil
}

// insert adds an entry to a folder, up to the most that there may be.
func (u *unpacking) insert(folder, n *node) error {
	if u.entries++; u.entries > u.options.MaxEntries {
		return limitf("it has more than %d entries", u.options.MaxEntries)
	}
	if u.names += len(n.Name) + len(n.Target); u.names > u.options.MaxNames {
		return limitf("the names of its entries, and what links lead to, have more than %d bytes", u.options.MaxNames)
	}
	folder.byName[n.Name] = n
	return nil
}

func shownName(name string) string {
	const shown = 200
	if len(name) > shown {
		name = name[:shown] + "…"
	}
	return `"` + name + `"`
}

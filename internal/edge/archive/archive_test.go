package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/edge/archive"
)

// entry is one of a tar archive.
type entry struct {
	tar.Header
	text string
}

func file(name, text string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}, text}
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func digestOf(data []byte) archive.Digest {
	sum := sha256.Sum256(data)
	return archive.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func open(t testing.TB, options archive.Options) *archive.Store {
	t.Helper()
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	store, err := archive.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// treeOf puts an archive, by its digest, and shows it.
func treeOf(t testing.TB, store *archive.Store, data []byte) *archive.Tree {
	t.Helper()
	digest, err := store.Put(t.Context(), bytes.NewReader(data), digestOf(data))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := store.Tree(digest, "archive a")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func reads(t testing.TB, tree syncline.Tree, path, want string) {
	t.Helper()
	if got, err := tree.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s has %.40q, %v, want %.40q", path, got, err, want)
	}
}

// sizeOf is what is on disk below a folder.
func sizeOf(t testing.TB, dir string) (bytes int64, files int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes, files = bytes+info.Size(), files+1
	}
	return bytes, files
}

func TestForms(t *testing.T) {
	plain := tarOf(t, file("a/file", "text"))
	for name, data := range map[string][]byte{
		"tar": plain, "gzip": gzipped(t, plain), "zstd": zstandard(t, plain),
		"gzip with padding": append(gzipped(t, plain), make([]byte, 1024)...),
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, archive.Options{})
			reads(t, treeOf(t, store, data), "a/file", "text")
			digest, err := store.Put(t.Context(), bytes.NewReader(data), "") // it is not known before
			if err != nil || digest != digestOf(data) {
				t.Errorf("%s, %v, want %s", digest, err, digestOf(data))
			}
		})
	}
}

// TestContentsHaveOneHash across versions and forms: what is the same in two archives is
// not rendered again.
func TestContentsHaveOneHash(t *testing.T) {
	store := open(t, archive.Options{})
	one := treeOf(t, store, gzipped(t, tarOf(t, file("templates/a", "same"), file("Chart.yaml", "1"))))
	two := treeOf(t, store, zstandard(t, tarOf(t, file("Chart.yaml", "2"), file("./templates/a", "same"))))
	for path, same := range map[string]bool{"templates/a": true, "templates": true, "Chart.yaml": false, "": false} {
		a, errA := one.Stat(path)
		b, errB := two.Stat(path)
		if errA != nil || errB != nil || (a.Hash == b.Hash) != same {
			t.Errorf("%q: %+v, %v and %+v, %v", path, a, errA, b, errB)
		}
	}
}

// TestNamesThatDifferInCaseStayTwo on whatever disk.
func TestNamesThatDifferInCaseStayTwo(t *testing.T) {
	tree := treeOf(t, open(t, archive.Options{}), tarOf(t, file("a", "small"), file("A", "large")))
	reads(t, tree, "a", "small")
	reads(t, tree, "A", "large")
}

// refused puts what is not taken, and wants an error of a kind that says so, and nothing
// left on disk.
func refused(t *testing.T, options archive.Options, from io.Reader, want archive.Digest, kind syncline.Kind, says string) {
	t.Helper()
	options.Dir = t.TempDir()
	store := open(t, options)
	_, err := store.Put(t.Context(), from, want)
	if syncline.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("the error is %v (%s), want %s with %q", err, syncline.KindOf(err), kind, says)
	}
	if bytes, files := sizeOf(t, options.Dir); files != 0 {
		t.Errorf("%d files with %d bytes are left", files, bytes)
	}
	if data := tarOf(t, file("a", strings.Repeat("a", 1<<10))); err != nil { // nothing of the budget is
		options.MaxDisk = 32 << 10
		again := open(t, options)
		if _, err := again.Put(t.Context(), bytes.NewReader(data), ""); err != nil {
			t.Errorf("the next: %v", err)
		}
	}
}

func TestWhatEscapesIsRefused(t *testing.T) {
	link := func(name, target string) entry {
		return entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}}
	}
	special := func(kind byte) entry {
		return entry{Header: tar.Header{Typeflag: kind, Name: "special", Linkname: "a/file"}}
	}
	for name, test := range map[string]struct {
		entries []entry
		says    string
	}{
		"absolute":              {[]entry{file("/etc/passwd", "x")}, `"/etc/passwd" has an absolute path`},
		"above":                 {[]entry{file("../x", "x")}, `"../x" leads out`},
		"above and back":        {[]entry{file("a/../../a/x", "x")}, "leads out"},
		"deep above":            {[]entry{file("a/b/../../../x", "x")}, "leads out"},
		"backslash":             {[]entry{file(`a\..\..\x`, "x")}, "backslash"},
		"newline":               {[]entry{file("a\nb", "x")}, `"a\nb" has a name with control characters`},
		"escape sequence":       {[]entry{file("a\x1b[2Jb", "x")}, "control characters"},
		"no UTF-8":              {[]entry{file("a\xff", "x")}, "UTF-8"},
		"the root as a file":    {[]entry{file(".", "x")}, "is the root"},
		"absolute link":         {[]entry{link("l", "/etc/passwd")}, `"l" is a link out`},
		"link above":            {[]entry{link("a/l", "../../x")}, `"a/l" is a link out`},
		"link above and back":   {[]entry{link("l", "a/../../b")}, "is a link out"},
		"link to nothing":       {[]entry{link("l", "")}, "is a link out"},
		"link to a newline":     {[]entry{link("l", "a\nb")}, "is a link to a name with control"},
		"below a link":          {[]entry{file("a/file", "x"), link("l", "a"), file("l/x", "x")}, `"l/x" is in, or in the place of`},
		"folder over a link":    {[]entry{link("l", "a"), {Header: tar.Header{Typeflag: tar.TypeDir, Name: "l/"}}}, "is in, or in the place of"},
		"hard link":             {[]entry{file("a/file", "x"), special(tar.TypeLink)}, `"special" is a hard link`},
		"character device":      {[]entry{special(tar.TypeChar)}, `"special" is neither`},
		"block device":          {[]entry{special(tar.TypeBlock)}, "is neither"},
		"pipe":                  {[]entry{special(tar.TypeFifo)}, "is neither"},
		"twice":                 {[]entry{file("a", "1"), file("./a", "2")}, `"./a" comes twice`},
		"twice, a file and dir": {[]entry{file("a/b", "1"), file("a", "2")}, `"a" comes twice`},
		"below a file":          {[]entry{file("a", "1"), file("a/b", "2")}, `"a/b" is in, or in the place of`},
	} {
		t.Run(name, func(t *testing.T) {
			data := gzipped(t, tarOf(t, test.entries...))
			refused(t, archive.Options{}, bytes.NewReader(data), digestOf(data), syncline.Invalid, test.says)
		})
	}
}

// zeros compresses endless zeros behind a first entry, without ever holding them.
func zeros(t *testing.T, header []byte) io.Reader {
	t.Helper()
	from, to := io.Pipe()
	go func() {
		w := gzip.NewWriter(to)
		_, err := w.Write(header)
		for part := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(part)
		}
	}()
	t.Cleanup(func() { _ = from.Close() })
	return from
}

// claim is the header of an entry of so many bytes.
func claim(t *testing.T, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bomb", Size: size}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// manyEntries is an archive of a million entries, without ever holding it.
func manyEntries(t *testing.T) io.Reader {
	t.Helper()
	from, to := io.Pipe()
	go func() {
		w := tar.NewWriter(to)
		for i := range 1_000_000 {
			e := file(fmt.Sprintf("%d", i), "")
			if err := w.WriteHeader(&e.Header); err != nil {
				return
			}
		}
		_ = to.CloseWithError(w.Close())
	}()
	t.Cleanup(func() { _ = from.Close() })
	return from
}

// TestBombs are over soon, and take neither memory nor disk.
func TestBombs(t *testing.T) {
	sparse := func() io.Reader { // a header of GNU's that claims 100 GB, of which nothing is there
		e := file("GNUSparseFile.0/bomb", "1\n0\n0\n"+strings.Repeat("\x00", 506))
		e.PAXRecords = map[string]string{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "bomb", "GNU.sparse.realsize": "100000000000"}
		return bytes.NewReader(rawPAX(t, e))
	}
	const mib = 1 << 20
	for name, test := range map[string]struct {
		options archive.Options
		from    io.Reader
		says    string
	}{
		"100 GB of zeros claimed":     {archive.Options{}, zeros(t, claim(t, 100<<30)), `entry "bomb" is larger than an archive may be, which is 268435456 bytes (256 MiB)`},
		"100 GB that are not there":   {archive.Options{}, sparse(), `entry "bomb" is larger than an archive may be`},
		"zeros that nobody claimed":   {archive.Options{MaxBytes: 8 * mib}, zeros(t, claim(t, 8*mib)), "what it unpacks to is larger than an archive may be, which is 8388608 bytes (8 MiB)"},
		"zeros behind the end":        {archive.Options{MaxBytes: 8 * mib}, zeros(t, tarOf(t)), "what it unpacks to is larger"},
		"a million entries":           {archive.Options{}, manyEntries(t), "it has more than 50000 entries"},
		"folders that are only named": {archive.Options{MaxEntries: 50}, bytes.NewReader(tarOf(t, file(strings.Repeat("a/", 60)+"x", ""))), "it has more than 50 entries"},
		"a path of 1 MB":              {archive.Options{}, bytes.NewReader(rawPAX(t, entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: "x", PAXRecords: map[string]string{"path": strings.Repeat("a/", 500_000)}}})), "has a path of 1000000 bytes: at most 4096 are read"},
		"a link to 1 MB":              {archive.Options{}, bytes.NewReader(rawPAX(t, entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "x", PAXRecords: map[string]string{"linkpath": strings.Repeat("a/", 500_000)}}})), "links to a path of 1000000 bytes: at most 4096 are read"},
		"a long name":                 {archive.Options{}, bytes.NewReader(tarOf(t, file(strings.Repeat("a", 256), ""))), "has a name of 256 bytes: at most 255 are read"},
		"a deep path":                 {archive.Options{}, bytes.NewReader(tarOf(t, file(strings.Repeat("a/", 100)+"x", ""))), "is 101 folders deep: at most 100 are read"},
		"more than it may be":         {archive.Options{MaxBytes: mib}, io.LimitReader(zeroReader{}, 1<<40), "is larger than an archive may be, which is 1048576 bytes (1 MiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			refused(t, test.options, test.from, "", syncline.Invalid, test.says)
			runtime.ReadMemStats(&after)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
			if grew := int64(after.Sys) - int64(before.Sys); grew > 128*mib {
				t.Errorf("it took %d MiB of memory", grew/mib)
			}
		})
	}
}

type zeroReader struct{}

func (zeroReader) Read(data []byte) (int, error) {
	clear(data)
	return len(data), nil
}

// rawPAX writes an entry with records that the writer of the library refuses.
func rawPAX(t *testing.T, e entry) []byte {
	t.Helper()
	var records strings.Builder
	for key, value := range e.PAXRecords {
		size := len(key) + len(value) + 3
		for length := 0; length != size; {
			length = size
			size = len(key) + len(value) + 3 + len(fmt.Sprint(length))
		}
		fmt.Fprintf(&records, "%d %s=%s\n", size, key, value)
	}
	e.PAXRecords = nil
	header := func(e entry) []byte {
		data := tarOf(t, e)
		return data[:len(data)-1024]
	}
	extended := header(file("PaxHeaders/x", records.String()))
	extended[156] = tar.TypeXHeader
	copy(extended[148:156], "        ")
	var sum int
	for _, b := range extended[:512] {
		sum += int(b)
	}
	copy(extended[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return append(extended, tarOf(t, e)...)
}

// failing ends with an error.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(data []byte) (int, error) {
	n, err := f.Reader.Read(data)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func TestWhatDidNotComeWhole(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	plain := tarOf(t, file("a", "1"), file("b", text.String()))
	whole := gzipped(t, plain)
	half, digest := whole[:len(whole)/2], digestOf(whole)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // the checksum
	for name, test := range map[string]struct {
		from io.Reader
		want archive.Digest
		kind syncline.Kind
		says string
	}{
		"half of it":                 {bytes.NewReader(half), "", syncline.Transient, "it ends too early"},
		"half of it, known":          {bytes.NewReader(half), digest, syncline.Transient, "and not " + string(digest)},
		"half of it, as it is known": {bytes.NewReader(half), digestOf(half), syncline.Invalid, "a damaged one"},
		"half of a tar":              {bytes.NewReader(plain[:len(plain)/2]), "", syncline.Transient, "it ends too early"},
		"nothing":                    {bytes.NewReader(nil), "", syncline.Transient, "it ends too early"},
		"another":                    {bytes.NewReader(gzipped(t, tarOf(t, file("a", "other")))), digest, syncline.Transient, "it was replaced, changed or cut off"},
		"a page":                     {strings.NewReader("<html>log in</html>" + strings.Repeat(" ", 1024)), "", syncline.Invalid, "not a tar archive"},
		"a page, known":              {strings.NewReader("<html>log in</html>" + strings.Repeat(" ", 1024)), digest, syncline.Transient, "and not " + string(digest)},
		"another checksum":           {bytes.NewReader(flipped), "", syncline.Invalid, "checksum"},
		"dropped":                    {failing{bytes.NewReader(half), errors.New("connection reset")}, digest, syncline.Transient, "reading it: connection reset"},
		"dropped with a kind":        {failing{bytes.NewReader(half), syncline.Errorf(syncline.Denied, "no more")}, digest, syncline.Denied, "no more"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, archive.Options{}, test.from, test.want, test.kind, test.says)
		})
	}
}

func TestLargeFilesLieThere(t *testing.T) {
	tree := treeOf(t, open(t, archive.Options{MaxFile: 10}), tarOf(t, file("large", "01234567890"), file("small", "0123456789")))
	reads(t, tree, "small", "0123456789")
	if entry, err := tree.Stat("large"); err != nil || entry.Hash == "" {
		t.Errorf("Stat = %+v, %v", entry, err)
	}
	if _, err := tree.ReadFile("large"); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(fmt.Sprint(err), "has 11 bytes: files of more than 10 are not read") {
		t.Errorf("the error is %v", err)
	}
}

// numbered is an archive of about 100 kB.
func numbered(t testing.TB, i int) []byte {
	return tarOf(t, file("file", fmt.Sprintf("%06d", i)+strings.Repeat("x", 100_000)))
}

// TestTheBudgetHolds: what was used least recently goes, and never what is in use.
func TestTheBudgetHolds(t *testing.T) {
	const most = 1 << 20
	dir := t.TempDir()
	store := open(t, archive.Options{Dir: dir, MaxDisk: most})
	inUse := treeOf(t, store, numbered(t, 0))
	for i := 1; i < 30; i++ {
		data := numbered(t, i)
		if _, err := store.Put(t.Context(), bytes.NewReader(data), digestOf(data)); err != nil {
			t.Fatal(err)
		}
		if bytes, _ := sizeOf(t, dir); bytes > most {
			t.Fatalf("%d bytes are on disk after %d", bytes, i)
		}
		if i > 5 && !store.Has(digestOf(numbered(t, 5))) { // which is used each time
			t.Fatalf("what was used last is gone after %d", i)
		}
	}
	if _, err := inUse.ReadFile("file"); err != nil {
		t.Errorf("what is in use: %v", err)
	}
	for i, want := range map[int]bool{0: true, 1: false, 20: false, 29: true} {
		if store.Has(digestOf(numbered(t, i))) != want {
			t.Errorf("%d is there: %t", i, !want)
		}
	}
	if _, err := store.Tree(digestOf(numbered(t, 1)), "archive 1"); syncline.KindOf(err) != syncline.Transient || !strings.Contains(fmt.Sprint(err), "archive 1 is not fetched yet") {
		t.Errorf("what is gone: %v", err)
	}
	runtime.KeepAlive(inUse)
}

func TestWhatIsInUseLeavesNoRoom(t *testing.T) {
	dir := t.TempDir()
	store := open(t, archive.Options{Dir: dir, MaxDisk: 440_000})
	var inUse []*archive.Tree
	for i := range 3 {
		data := numbered(t, i)
		digest, err := store.Put(demand.New(fmt.Sprint("project ", i)).In(t.Context()), bytes.NewReader(data), "")
		if err != nil {
			t.Fatal(err)
		}
		tree, err := store.Tree(digest, "archive")
		if err != nil {
			t.Fatal(err)
		}
		inUse = append(inUse, tree)
	}
	data := numbered(t, 3)
	_, err := store.Put(t.Context(), bytes.NewReader(data), digestOf(data))
	if syncline.KindOf(err) != syncline.Transient || !errors.Is(err, archive.ErrNoRoom) {
		t.Fatalf("the error is %v", err)
	}
	if _, files := sizeOf(t, dir); files != 3 {
		t.Errorf("%d files are left", files)
	}
	for i, tree := range inUse {
		if got, err := tree.ReadFile("file"); err != nil || !strings.HasPrefix(string(got), fmt.Sprintf("%06d", i)) {
			t.Errorf("%d: %.10q, %v", i, got, err)
		}
	}
	clear(inUse)
	runtime.GC() // nobody has them any more
	if _, err := store.Put(t.Context(), bytes.NewReader(data), digestOf(data)); err != nil {
		t.Errorf("once they are not: %v", err)
	}
}

// TestAnotherProcess finds what is there, by its use, and nothing that is half.
func TestAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	first := open(t, archive.Options{Dir: dir})
	for i := range 3 {
		treeOf(t, first, numbered(t, i))
	}
	path := func(i int) string {
		return filepath.Join(dir, strings.TrimPrefix(string(digestOf(numbered(t, i))), "sha256:")+".pack")
	}
	for i, age := range []time.Duration{time.Hour, 3 * time.Hour, 2 * time.Hour} {
		if err := os.Chtimes(path(i), time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"new-123": "half", "other": "somebody's"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := open(t, archive.Options{Dir: dir, MaxDisk: 250_000})
	for i, want := range []bool{true, false, true} {
		if got := second.Has(digestOf(numbered(t, i))); got != want {
			t.Errorf("%d is there: %t", i, got)
		}
	}
	tree, err := second.Tree(digestOf(numbered(t, 0)), "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tree.ReadFile("file"); err != nil || len(got) != 100_006 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "new-123")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is half: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err != nil {
		t.Errorf("what is not ours: %v", err)
	}
}

// TestDamageIsFound when the entries are read, or a file, and then it is fetched anew.
func TestDamageIsFound(t *testing.T) {
	data := tarOf(t, file("a", "text"), file("b", "more"))
	for name, change := range map[string]func(pack []byte) []byte{
		"a byte of a file":   func(pack []byte) []byte { pack[0] ^= 1; return pack },
		"a byte of an entry": func(pack []byte) []byte { pack[20] ^= 1; return pack },
		"a byte of the end":  func(pack []byte) []byte { pack[len(pack)-40] ^= 1; return pack },
		"half":               func(pack []byte) []byte { return pack[:len(pack)/2] },
		"nothing":            func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			treeOf(t, open(t, archive.Options{Dir: dir}), data)
			path := filepath.Join(dir, strings.TrimPrefix(string(digestOf(data)), "sha256:")+".pack")
			pack, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(pack), 0o600); err != nil {
				t.Fatal(err)
			}
			store := open(t, archive.Options{Dir: dir})
			tree, err := store.Tree(digestOf(data), "archive a")
			if err == nil {
				_, err = tree.ReadFile("a")
			}
			if syncline.KindOf(err) != syncline.Transient || !strings.Contains(fmt.Sprint(err), "damaged") {
				t.Errorf("the error is %v", err)
			}
			reads(t, treeOf(t, store, data), "a", "text")
		})
	}
}

// TestManyAtOnce put, read and make room.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	store := open(t, archive.Options{Dir: dir, MaxDisk: 3 << 20})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 20 {
				data := numbered(t, (worker+i)%25)
				digest, err := store.Put(t.Context(), bytes.NewReader(data), digestOf(data))
				if err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				tree, err := store.Tree(digest, "a")
				if err != nil { // others needed the room
					continue
				}
				if got, err := tree.ReadFile("file"); err != nil || string(got[:6]) != fmt.Sprintf("%06d", (worker+i)%25) {
					t.Errorf("%.10q, %v", got, err)
				}
			}
		})
	}
	group.Wait()
	if bytes, _ := sizeOf(t, dir); bytes > 3<<20 {
		t.Errorf("%d bytes are on disk", bytes)
	}
}

func FuzzPut(f *testing.F) {
	f.Add(tarOf(f, file("a/b", "text")))
	f.Add(gzipped(f, tarOf(f, file("a", "text"))))
	f.Add(zstandard(f, tarOf(f, file("a", "text"))))
	store := open(f, archive.Options{MaxBytes: 1 << 20, MaxEntries: 1000, MaxDisk: 64 << 20})
	f.Fuzz(func(t *testing.T, data []byte) {
		bound.Limits{}.Run(t, func() {
			digest, err := store.Put(t.Context(), bytes.NewReader(data), "")
			if err != nil {
				return
			}
			tree, err := store.Tree(digest, "a")
			if err != nil {
				t.Error(err)
				return
			}
			walk(t, tree, "")
		})
	})
}

// walk reads all that is below a folder.
func walk(t *testing.T, tree syncline.Tree, path string) {
	t.Helper()
	entries, err := tree.ReadDir(path)
	if err != nil {
		t.Error(err)
	}
	for _, entry := range entries {
		at := strings.TrimPrefix(path+"/"+entry.Name, "/")
		if entry.Type == syncline.EntryDir {
			walk(t, tree, at)
		} else if _, err := tree.ReadFile(at); err != nil {
			t.Error(err)
		}
	}
}

package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/demand"
	"github.com/syncline-io/syncline/internal/edge/archive"
)

func streamed(write func(w *tar.Writer), end bool) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	write(w)
	if end {
		_ = w.Close()
		_ = z.Close()
	} else {
		_ = z.Flush()
	}
	return packed.Bytes()
}

// TestNamesTakeLittleMemory, whatever is in an archive: of names and links there may be a
// lot in few bytes as they come. What is kept is bounded, and so is what is read again.
func TestNamesTakeLittleMemory(t *testing.T) {
	const most = 24 << 20
	long := strings.Repeat("n", 240)
	for what, test := range map[string]struct {
		header  func(i int) *tar.Header
		entries int
		says    string
	}{
		"links to long paths": {func(i int) *tar.Header {
			return &tar.Header{Name: fmt.Sprintf("web/%d", i), Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("a/", 1990) + fmt.Sprint(i)}
		}, 48_000, "have more than 2097152 bytes"},
		"long names":   {func(i int) *tar.Header { return &tar.Header{Name: fmt.Sprintf("web/%s%d", long, i)} }, 48_000, "have more than 2097152 bytes"},
		"many entries": {func(i int) *tar.Header { return &tar.Header{Name: fmt.Sprintf("web/%d", i)} }, 60_000, "more than 50000 entries"},
		"many folders": {func(i int) *tar.Header {
			return &tar.Header{Name: fmt.Sprintf("%d/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", i), Typeflag: tar.TypeDir}
		}, 48_000, "more than 50000 entries"},
		"as many as there may be": {func(i int) *tar.Header { return &tar.Header{Name: fmt.Sprintf("web/%040d", i)} }, 49_000, ""},
	} {
		t.Run(what, func(t *testing.T) {
			s, err := archive.Open(archive.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			packed := streamed(func(w *tar.Writer) {
				for i := range test.entries {
					_ = w.WriteHeader(test.header(i))
				}
			}, true)
			before := heap()
			digest, err := s.Put(t.Context(), &tapped{packed: bytes.NewReader(packed), at: func() {
				if more := heap() - before; more > most {
					t.Errorf("an archive of %d kB takes %d MiB", len(packed)>>10, more>>20)
				}
			}}, "")
			if test.says != "" {
				if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tree, err := s.Tree(digest, "it")
			if err != nil {
				t.Fatal(err)
			}
			if more := heap() - before; more > most {
				t.Errorf("a Tree of %d kB takes %d MiB", len(packed)>>10, more>>20)
			}
			if entries, err := tree.ReadDir("web"); err != nil || len(entries) != test.entries {
				t.Errorf("%d entries, %v", len(entries), err)
			}
		})
	}
}

// tapped is looked at as it is read, some times.
type tapped struct {
	packed *bytes.Reader
	at     func()
	reads  int
}

func (r *tapped) Read(p []byte) (int, error) {
	if r.reads++; r.reads%32 == 0 || r.packed.Len() == 0 {
		r.at()
	}
	return r.packed.Read(p)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// slowly gives what there is, and then nothing more until it ends.
type slowly struct {
	head io.Reader
	all  chan<- struct{}
	end  <-chan struct{}
}

func (d *slowly) Read(p []byte) (int, error) {
	if n, _ := d.head.Read(p); n > 0 {
		return n, nil
	}
	d.all <- struct{}{}
	<-d.end
	return 0, io.ErrUnexpectedEOF
}

// TestRoomIsShared: archives of one project that come slowly, and take much, leave room for
// another's, and the project is told why its own have none.
func TestRoomIsShared(t *testing.T) {
	s, err := archive.Open(archive.Options{Dir: t.TempDir(), MaxDisk: 64 << 20, MaxBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	big := streamed(func(w *tar.Writer) {
		_ = w.WriteHeader(&tar.Header{Name: "web/big", Size: 7 << 20, Mode: 0o644})
		_, _ = w.Write(make([]byte, 7<<20-1))
	}, false)
	all, end := make(chan struct{}, 12), make(chan struct{})
	refused := make(chan error, 12)
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			ctx := demand.New("greedy").In(t.Context())
			if _, err := s.Put(ctx, &slowly{bytes.NewReader(big), all, end}, ""); errors.Is(err, archive.ErrNoRoom) {
				refused <- err
			}
		})
	}
	for range 12 {
		select {
		case <-all:
		case err := <-refused:
			if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), "its project has its share") {
				t.Errorf("who has its share is told %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the slow ones did not come so far")
		}
	}
	small := streamed(func(w *tar.Writer) {
		_ = w.WriteHeader(&tar.Header{Name: "web/Chart.yaml", Size: 1 << 20, Mode: 0o644})
		_, _ = w.Write(make([]byte, 1<<20))
	}, true)
	for _, owner := range []string{"another", "a third"} {
		if _, err := s.Put(demand.New(owner).In(t.Context()), bytes.NewReader(small), ""); err != nil {
			t.Errorf("the small one of %s: %v", owner, err)
		}
	}
	close(end)
	group.Wait()
	if _, err := s.Put(demand.New("greedy").In(t.Context()), bytes.NewReader(small), ""); err != nil {
		t.Errorf("when the slow ones are gone: %v", err)
	}
}

package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/edge/archive"
)

func eyesPack(write func(w *tar.Writer), end bool) []byte {
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

// An archive takes little memory, whatever is in it: 48,000 links to paths of 4,000 bytes are 3 MB as they come.
func TestEyesLinks(t *testing.T) {
	s, err := archive.Open(archive.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	packed := eyesPack(func(w *tar.Writer) {
		for i := range 48_000 {
			_ = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("web/%d", i), Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("a/", 1990) + fmt.Sprint(i)})
		}
	}, true)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := s.Put(t.Context(), bytes.NewReader(packed), ""); err != nil {
		t.Log("refused:", err)
	}
	runtime.ReadMemStats(&after)
	if more := (after.Sys - before.Sys) >> 20; more > 64 {
		t.Errorf("an archive of %d kB took %d MiB", len(packed)>>10, more)
	}
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

// Archives that come slowly, 250 kB each, leave room for somebody else's.
func TestEyesRoom(t *testing.T) {
	s, err := archive.Open(archive.Options{Dir: t.TempDir(), MaxDisk: 64 << 20, MaxBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	big := eyesPack(func(w *tar.Writer) {
		_ = w.WriteHeader(&tar.Header{Name: "web/big", Size: 7 << 20, Mode: 0o644})
		_, _ = w.Write(make([]byte, 7<<20-1))
	}, false)
	all, end := make(chan struct{}, 12), make(chan struct{})
	defer close(end)
	for range 12 {
		go func() {
			if _, err := s.Put(t.Context(), &slowly{bytes.NewReader(big), all, end}, ""); err != nil {
				all <- struct{}{}
			}
		}()
	}
	for range 12 {
		select {
		case <-all:
		case <-time.After(20 * time.Second):
			t.Fatal("the slow ones did not come so far")
		}
	}
	small := eyesPack(func(w *tar.Writer) {
		_ = w.WriteHeader(&tar.Header{Name: "web/Chart.yaml", Size: 1 << 20, Mode: 0o644})
		_, _ = w.Write(make([]byte, 1<<20))
	}, true)
	if _, err := s.Put(t.Context(), bytes.NewReader(small), ""); err != nil {
		t.Error("somebody else's small chart:", err)
	}
}

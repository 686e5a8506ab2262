package confined

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
)

// Whatever a child writes: a frame takes no more memory than it is long, or than
// one may be.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("R\x00\x00\x00\x01x"))
	f.Add([]byte("s\xff\xff\xff\xff"))
	f.Add([]byte("E\x00\x10\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		bound.Limits{Bytes: 2 * maxFrame}.Run(t, func() { _, _, _ = readFrame(bufio.NewReader(bytes.NewReader(text))) })
	})
}

// Whatever the answer about many files is.
func FuzzCutRead(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x01x\x01\x00\x00\x00\x02{}"))
	f.Add([]byte("\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		bound.Limits{}.Run(t, func() {
			var err error
			for len(text) > 0 && err == nil {
				_, text, err = cutRead(text)
			}
		})
	})
}

// noTree has nothing.
type noTree struct{}

func (noTree) Stat(string) (syncline.Entry, error)      { return syncline.Entry{}, fs.ErrNotExist }
func (noTree) ReadFile(string) ([]byte, error)          { return nil, fs.ErrNotExist }
func (noTree) ReadDir(string) ([]syncline.Entry, error) { return nil, fs.ErrNotExist }

// unwritten is a pipe to a child that nobody reads.
type unwritten struct{ io.Writer }

func (unwritten) Close() error { return nil }

// Whatever a child that has been taken over says: it is answered, or ended.
func FuzzReact(f *testing.F) {
	for _, seed := range []string{`{"Path": "../a", "Ref": "x"}`, `{"Paths": ["a", "", "/"]}`, `[{"Kind": 115, "Path": "a"}]`, `null`, `{"Kind": "x", "Message": ""}`} {
		for _, kind := range []frameKind{frameStat, frameRead, frameReads, frameLooks, frameList, frameFact, frameTainted, frameResult, frameError, 'x'} {
			f.Add(byte(kind), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		bound.Limits{}.Run(t, func() {
			c := &child{in: unwritten{io.Discard}}
			host := Host{Files: syncline.Files{Tree: noTree{}}, Fact: func(string) (string, bool) { return "", false }}
			_, _, _ = c.react(frameKind(kind), payload, host)
		})
	})
}

// Whatever a child prints before it ends.
func FuzzCause(f *testing.F) {
	f.Add("fatal error: out of memory\n\ngoroutine 1")
	f.Add("panic: \npanic: stack overflow\x1b[2J")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			var printed head
			_, _ = printed.Write([]byte(text))
			causeOf(printed.String())
		})
	})
}

package program

import (
	"bytes"
	"io"
)

// limitedBuffer keeps output up to a limit, and calls full beyond it.
type limitedBuffer struct {
	kept     bytes.Buffer // not embedded: it must be written to by Write alone
	left     int64
	overflow bool
	full     func()
	// each takes whole lines instead of keeping them.
	each func(line []byte) error
}

// Write keeps p, or fails.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return b.end()
	}
	n, err := b.kept.Write(p)
	for b.each != nil && err == nil {
		line, rest, whole := bytes.Cut(b.kept.Bytes(), []byte("\n"))
		if !whole {
			break
		}
		if err := b.each(line); err != nil {
			return b.end()
		}
		b.kept.Next(b.kept.Len() - len(rest))
	}
	return n, err
}

// end ends the run because there is too much.
func (b *limitedBuffer) end() (int, error) {
	b.overflow = true
	b.full()
	return 0, io.ErrShortWrite
}

// tailBuffer keeps the last bytes that are written to it.
type tailBuffer struct {
	kept  []byte
	limit int
}

// Write keeps p and forgets what came long before it.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if extra := len(b.kept) - b.limit; extra > 0 {
		b.kept = append([]byte(nil), b.kept[extra:]...)
	}
	return len(p), nil
}

// String returns what is kept.
func (b *tailBuffer) String() string { return string(b.kept) }

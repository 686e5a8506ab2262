package demo

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// narrator tells people what happens, each line with the time since the beginning.
type narrator struct {
	out   io.Writer
	began time.Time

	mu      sync.Mutex
	partial []byte // of a line that was written to it
}

func (n *narrator) title(text string) { n.line("==> " + text) }

func (n *narrator) sayf(format string, args ...any) { n.line("    " + fmt.Sprintf(format, args...)) }

func (n *narrator) line(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.out, "[%6.1fs] %s\n", time.Since(n.began).Seconds(), text)
}

// block tells text that is meant to be copied, as it is.
func (n *narrator) block(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprint(n.out, text)
}

// Write takes the progress of others, and tells each line.
func (n *narrator) Write(text []byte) (int, error) {
	n.mu.Lock()
	n.partial = append(n.partial, text...)
	var lines [][]byte
	for {
		line, rest, whole := bytes.Cut(n.partial, []byte("\n"))
		if !whole {
			break
		}
		lines, n.partial = append(lines, line), rest
	}
	n.mu.Unlock()
	for _, line := range lines {
		n.sayf("%s", line)
	}
	return len(text), nil
}

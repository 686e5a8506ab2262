package contender

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// journal reads the log of `syncline server` as it is written.
type journal struct {
	copy *os.File

	mu      sync.Mutex
	rest    []byte // a line that is not complete yet
	changed chan struct{}
	// running says that the server has begun its work.
	running bool
	// synced are the Applications that were found to be synced.
	synced map[string]bool
}

// newJournal copies the log to a file.
func newJournal(to *os.File) *journal {
	return &journal{copy: to, changed: make(chan struct{}), synced: map[string]bool{}}
}

// Write takes in a part of the log.
func (j *journal) Write(text []byte) (int, error) {
	_, _ = j.copy.Write(text) // the log is for people; nothing is concluded from the copy
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, text...)
	for {
		line, rest, complete := bytes.Cut(j.rest, []byte("\n"))
		if !complete {
			break
		}
		j.take(line)
		j.rest = rest
	}
	close(j.changed)
	j.changed = make(chan struct{})
	return len(text), nil
}

// take notes what a line says. Lines that are not JSON say nothing here.
func (j *journal) take(line []byte) {
	var entry struct{ Msg, App, Sync string }
	if json.Unmarshal(line, &entry) != nil {
		return
	}
	switch {
	case entry.Msg == "syncline is running":
		j.running = true
	case entry.Msg == "status changed" && entry.Sync == "Synced":
		j.synced[entry.App] = true
	}
}

// await waits until the log says enough. It fails when the process ends.
func (j *journal) await(ctx context.Context, of *child, enough func(*journal) bool) error {
	for {
		j.mu.Lock()
		ok, changed := enough(j), j.changed
		j.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-of.ended:
			return of.err()
		case <-ctx.Done():
			return fmt.Errorf("%w; the end of the log:\n%s", context.Cause(ctx), of.tail)
		}
	}
}

// Close ends the copy.
func (j *journal) Close() error { return j.copy.Close() }

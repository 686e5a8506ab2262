// Package catfile reads the objects of a Git repository by git cat-file, a process that
// goes on, and checks what it gets against their names.
package catfile

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // the names of Git's objects
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline/internal/edge/git/program"
)

// What can be wrong with an object.
var (
	ErrMissing = errors.New("the object is missing")
	ErrCorrupt = errors.New("the object is corrupt")
	ErrTooBig  = errors.New("the object is too big")
)

// Object is one object of a repository.
type Object struct {
	Name string
	Kind string // commit, tree, blob or tag
	Size int64
	Data []byte
}

// Reader reads objects of one mirror by one long-lived process, which it starts
// when needed, again when it dies, and stops when it has been idle. It is safe
// for concurrent use.
type Reader struct {
	Start func() (*program.Process, error)
	Idle  time.Duration
	// Patience is how long an answer may take before the process is ended.
	Patience time.Duration

	// mu is held while the process is asked, and not while it is started: starting
	// is closed when that is done, and stops counts what ends a process that is
	// being started as well.
	mu       sync.Mutex
	starting chan struct{}
	stops    int

	process *program.Process
	timer   *time.Timer
	used    uint64
}

// Info describes the object of that name, which may be any that git understands
// and has no line break. It fails with ErrMissing when there is none.
func (r *Reader) Info(name string) (Object, error) {
	return r.ask("info "+name, header)
}

// Read returns the object of that full name, with its bytes checked against it.
// It fails with ErrMissing, ErrTooBig and ErrCorrupt.
func (r *Reader) Read(name string, limit int64) (Object, error) {
	return r.ask("contents "+name, func(answer *bufio.Reader) (Object, error) {
		found, err := header(answer)
		if err != nil {
			return found, err
		}
		if found.Size > limit {
			return found, ErrTooBig
		}
		found.Data = make([]byte, found.Size+1)
		if _, err := io.ReadFull(answer, found.Data); err != nil {
			return found, fmt.Errorf("reading object %s: %w", name, err)
		}
		found.Data = found.Data[:found.Size:found.Size]
		if found.checksum() != name {
			return found, ErrCorrupt
		}
		return found, nil
	})
}

func (o Object) checksum() string {
	sum := sha1.New() //nolint:gosec // see above
	_, _ = fmt.Fprintf(sum, "%s %d\x00", o.Kind, o.Size)
	_, _ = sum.Write(o.Data)
	return hex.EncodeToString(sum.Sum(nil))
}

// ask sends one request and reads the answer. A process that died is started
// once more: it may have been killed.
func (r *Reader) ask(request string, answer func(*bufio.Reader) (Object, error)) (Object, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.dropSlow()
	var found Object
	var err error
	for range 2 {
		found, err = r.try(request, answer)
		if err == nil || errors.Is(err, ErrMissing) {
			return found, err
		}
		said := r.drop()
		if errors.Is(err, ErrTooBig) || errors.Is(err, ErrCorrupt) {
			return found, err
		}
		if leftOut.MatchString(said) {
			return found, ErrMissing
		}
		if program.CauseOf(said) == program.TooLarge {
			return found, ErrTooBig
		}
		err = fmt.Errorf("%w: %s", err, said)
	}
	if program.CauseOf(err.Error()) == program.Damaged {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return found, err
}

// leftOut is what git ends with that would have to fetch an object first, and may not.
var leftOut = regexp.MustCompile(`could not fetch \w+ from promisor remote`)

func (r *Reader) try(request string, answer func(*bufio.Reader) (Object, error)) (Object, error) {
	if err := r.ready(); err != nil {
		return Object{}, err
	}
	r.used++
	if r.timer == nil {
		r.stopWhenIdle(r.used)
	}
	var found Object
	err := r.process.Ask(request, r.Patience, func(out *bufio.Reader) (err error) {
		found, err = answer(out)
		return err
	})
	return found, err
}

// dropSlow ends a process that gave way to others, because it would for good.
func (r *Reader) dropSlow() {
	if r.process != nil && r.process.GaveWay() {
		r.drop()
	}
}

// ready has the process running. One of those who need it starts it, without the
// lock, and the others wait for that one.
func (r *Reader) ready() error {
	for r.process == nil {
		if others := r.starting; others != nil {
			r.mu.Unlock()
			<-others
			r.mu.Lock()
			continue
		}
		started, stops := make(chan struct{}), r.stops
		r.starting = started
		r.mu.Unlock()
		process, err := r.Start()
		r.mu.Lock()
		r.starting = nil
		close(started)
		switch {
		case err != nil:
			return err
		case r.stops == stops:
			r.process = process
		default: // it may read what was discarded
			process.End()
		}
	}
	return nil
}

// header reads the line that describes an object.
func header(answer *bufio.Reader) (Object, error) {
	line, err := answer.ReadString('\n')
	if err != nil {
		return Object{}, fmt.Errorf("reading from git cat-file: %w", err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 { // "NAME missing", "NAME ambiguous"
		return Object{Name: fields[0]}, ErrMissing
	}
	if len(fields) != 3 {
		return Object{}, fmt.Errorf("git cat-file answered %q", line)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return Object{}, fmt.Errorf("git cat-file answered %q", line)
	}
	return Object{Name: fields[0], Kind: fields[1], Size: size}, nil
}

// Free reports whether nobody reads now: stopping the process waits for nobody.
func (r *Reader) Free() bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	return r.starting == nil
}

// Stop ends the process. The next request starts another.
func (r *Reader) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stops++
	r.drop()
}

// drop ends the process, if there is one, and returns what it said last.
func (r *Reader) drop() string {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if r.process == nil {
		return ""
	}
	p := r.process
	r.process = nil
	return p.End()
}

// stopWhenIdle ends the process when nothing was asked since it had been used
// so many times.
func (r *Reader) stopWhenIdle(used uint64) {
	var timer *time.Timer
	timer = time.AfterFunc(r.Idle, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case r.timer != timer: // it was dropped meanwhile
		case r.used == used:
			r.drop()
		default:
			r.stopWhenIdle(r.used)
		}
	})
	r.timer = timer
}

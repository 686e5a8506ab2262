package git

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
	errMissing = errors.New("the object is missing")
	errCorrupt = errors.New("the object is corrupt")
	errTooBig  = errors.New("the object is too big")
)

// object is one object of a repository.
type object struct {
	name string
	kind string // commit, tree, blob or tag
	size int64
	data []byte
}

// reader reads objects of one mirror by one long-lived process, which it starts
// when needed, again when it dies, and stops when it has been idle. It is safe
// for concurrent use.
type reader struct {
	start func() (*program.Process, error)
	idle  time.Duration
	// patience is how long an answer may take before the process is ended.
	patience time.Duration

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

// startReader starts the process that reads the mirror's objects.
func (m *mirror) startReader() (*program.Process, error) {
	return m.store.git.Start(program.Command{Args: []string{"cat-file", "--batch-command"}, Dir: m.dir})
}

// info describes the object of that name, which may be any that git understands
// and has no line break. It fails with errMissing when there is none.
func (r *reader) info(name string) (object, error) {
	return r.ask("info "+name, header)
}

// read returns the object of that full name, with its bytes checked against it.
// It fails with errMissing, errTooBig and errCorrupt.
func (r *reader) read(name string, limit int64) (object, error) {
	return r.ask("contents "+name, func(answer *bufio.Reader) (object, error) {
		found, err := header(answer)
		if err != nil {
			return found, err
		}
		if found.size > limit {
			return found, errTooBig
		}
		found.data = make([]byte, found.size+1)
		if _, err := io.ReadFull(answer, found.data); err != nil {
			return found, fmt.Errorf("reading object %s: %w", name, err)
		}
		found.data = found.data[:found.size:found.size]
		if found.checksum() != name {
			return found, errCorrupt
		}
		return found, nil
	})
}

func (o object) checksum() string {
	sum := sha1.New() //nolint:gosec // see above
	_, _ = fmt.Fprintf(sum, "%s %d\x00", o.kind, o.size)
	_, _ = sum.Write(o.data)
	return hex.EncodeToString(sum.Sum(nil))
}

// ask sends one request and reads the answer. A process that died is started
// once more: it may have been killed.
func (r *reader) ask(request string, answer func(*bufio.Reader) (object, error)) (object, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.dropSlow()
	var found object
	var err error
	for range 2 {
		found, err = r.try(request, answer)
		if err == nil || errors.Is(err, errMissing) {
			return found, err
		}
		said := r.drop()
		if errors.Is(err, errTooBig) || errors.Is(err, errCorrupt) {
			return found, err
		}
		if leftOut.MatchString(said) {
			return found, errMissing
		}
		if program.CauseOf(said) == program.TooLarge {
			return found, errTooBig
		}
		err = fmt.Errorf("%w: %s", err, said)
	}
	if program.CauseOf(err.Error()) == program.Damaged {
		err = fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return found, err
}

// leftOut is what git ends with that would have to fetch an object first, and may not.
var leftOut = regexp.MustCompile(`could not fetch \w+ from promisor remote`)

func (r *reader) try(request string, answer func(*bufio.Reader) (object, error)) (object, error) {
	if err := r.ready(); err != nil {
		return object{}, err
	}
	r.used++
	if r.timer == nil {
		r.stopWhenIdle(r.used)
	}
	var found object
	err := r.process.Ask(request, r.patience, func(out *bufio.Reader) (err error) {
		found, err = answer(out)
		return err
	})
	return found, err
}

// dropSlow ends a process that gave way to others, because it would for good.
func (r *reader) dropSlow() {
	if r.process != nil && r.process.GaveWay() {
		r.drop()
	}
}

// ready has the process running. One of those who need it starts it, without the
// lock, and the others wait for that one.
func (r *reader) ready() error {
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
		process, err := r.start()
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
func header(answer *bufio.Reader) (object, error) {
	line, err := answer.ReadString('\n')
	if err != nil {
		return object{}, fmt.Errorf("reading from git cat-file: %w", err)
	}
	fields := strings.Fields(line)
	if len(fields) == 2 { // "NAME missing", "NAME ambiguous"
		return object{name: fields[0]}, errMissing
	}
	if len(fields) != 3 {
		return object{}, fmt.Errorf("git cat-file answered %q", line)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return object{}, fmt.Errorf("git cat-file answered %q", line)
	}
	return object{name: fields[0], kind: fields[1], size: size}, nil
}

// free reports whether nobody reads now: stopping the process waits for nobody.
func (r *reader) free() bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	return r.starting == nil
}

// stop ends the process. The next request starts another.
func (r *reader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stops++
	r.drop()
}

// drop ends the process, if there is one, and returns what it said last.
func (r *reader) drop() string {
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
func (r *reader) stopWhenIdle(used uint64) {
	var timer *time.Timer
	timer = time.AfterFunc(r.idle, func() {
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

package confined

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/processor"
	"github.com/syncline-io/syncline/internal/base/told"
)

// child is one process, as its parent sees it. Only one goroutine uses it at a time.
type child struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	outPipe io.Closer
	printed *head
	memory  int64
	// remedies are the hints of errors that say which limit ended it.
	remedies Remedies
	exited   chan struct{}
	exit     error
	// retire ends the child when it has been idle for long.
	retire *time.Timer
	// broken is set when the child is not waiting for a job.
	broken bool
	// tainted is set when a job says that the child must not get another.
	tainted bool
}

// start starts a child with nothing but its pipes; shared says that it is in the
// network of this process.
func start(options Options, shared bool) (*child, error) {
	c := &child{printed: &head{}, memory: options.Memory, remedies: options.Remedies, exited: make(chan struct{})}
	c.cmd = exec.Command(options.Command[0], options.Command[1:]...)
	c.cmd.Env = []string{} // not nil, which would mean the parent's
	c.cmd.Dir = emptyDir
	c.cmd.SysProcAttr = isolated(shared)
	c.cmd.Stderr = c.printed
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it before everything is read.
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stdout = theirs
	err = c.cmd.Start()
	_ = theirs.Close() // the child has its own
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	c.out, c.outPipe = bufio.NewReader(out), out
	go func() {
		c.exit = c.cmd.Wait()
		close(c.exited)
	}()
	bounds := limits{Memory: options.Memory, CPU: cpuSeconds(options.Timeout), Unconfined: options.Unconfined}
	if err := writeJSON(c.in, frameHello, bounds); err != nil {
		c.discard()
		return nil, err
	}
	return c, nil
}

// kill ends the process. It does not wait.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails only when it has ended
}

// ended reports whether the process is gone.
func (c *child) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// discard ends the process, waits for that, and lets go of the pipes.
func (c *child) discard() {
	c.kill()
	<-c.exited
	_ = c.in.Close()
	_ = c.outPipe.Close()
}

// do runs one job, which gives way to others when it computes for longer than patience.
// When the context ends, the process is killed.
func (c *child) do(ctx context.Context, job []byte, host Host, patience time.Duration) ([]byte, error) {
	slow, done := processor.Limit(ctx, patience, processor.Of(c.cmd.Process.Pid))
	defer done()
	inTime := context.AfterFunc(slow, func() { processor.GiveWay(c.cmd.Process.Pid) })
	t := task{Job: job}
	for ref := range host.Files.Refs {
		t.Refs = append(t.Refs, ref)
	}
	slices.Sort(t.Refs)
	text, err := json.Marshal(t)
	if err != nil {
		return nil, syncline.Errorf(syncline.Internal, "write the job: %w", err)
	}
	result, err := c.talk(ctx, frameJob, text, host)
	if !inTime() {
		c.tainted = true // it would give way for good
	}
	return result, err
}

// check asks whether the child can do jobs.
func (c *child) check(ctx context.Context) error {
	_, err := c.talk(ctx, frameCheck, nil, Host{})
	return err
}

// talk sends what begins a conversation, and answers until its end.
func (c *child) talk(ctx context.Context, begin frameKind, text []byte, host Host) ([]byte, error) {
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	c.printed.reset()
	c.broken = true
	err := writeFrame(c.in, begin, text)
	var result []byte
	for done := false; err == nil && !done; {
		var kind frameKind
		var payload []byte
		if kind, payload, err = readFrame(c.out); err == nil {
			result, done, err = c.react(kind, payload, host)
		}
	}
	var reported *jobError
	switch {
	case err == nil:
		c.broken = false
	case errors.As(err, &reported):
		c.broken = false
		return nil, reported.err
	default:
		return nil, c.lost(err)
	}
	return result, nil
}

// jobError is an error of the job, not of the process.
type jobError struct{ err error }

func (e *jobError) Error() string { return e.err.Error() }

// lost says why the process does not answer any more.
func (c *child) lost(err error) error {
	c.kill()
	<-c.exited
	if cause := causeOf(c.printed.String()); cause == "" && !errors.Is(err, io.EOF) {
		return syncline.Errorf(syncline.Transient, "talk to the process that works on it: %w", err)
	}
	return c.describe()
}

// told reports whether a child said itself which limit ended it.
func (c *child) told() bool {
	cause := causeOf(c.printed.String())
	return cause == causeMemory || cause == causeStack
}

// describe says why the process ended, by what it printed first.
func (c *child) describe() error {
	switch cause := causeOf(c.printed.String()); cause {
	case causeMemory:
		return &LimitError{syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "stopped: it needs more than %d MiB of memory", c.memory>>20), c.remedies.Memory)}
	case causeStack:
		return &LimitError{syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "stopped: calls nest without an end"), c.remedies.Stack)}
	default:
		return &LimitError{syncline.Errorf(syncline.Transient, "the process that worked on it ended: %v %w", c.exit, harmless(cause))}
	}
}

// harmless returns what may be shown of a cause: a panic may quote what was worked on.
func harmless(c cause) *told.Error {
	known := &told.Known{}
	known.Text("runtime error", "invalid memory address or nil pointer dereference", "index out of range", "slice bounds out of range",
		"assignment to entry in nil map", "concurrent map writes", "concurrent map read and map write", "all goroutines are asleep - deadlock!")
	return known.Tell(string(c))
}

// react handles one message of the child.
func (c *child) react(kind frameKind, payload []byte, host Host) (result []byte, done bool, err error) {
	switch kind {
	case frameResult:
		return payload, true, nil
	case frameError:
		var f failure
		if err := json.Unmarshal(payload, &f); err != nil {
			return nil, false, err
		}
		return nil, true, &jobError{f.err()}
	case frameTainted:
		c.tainted = true
		return nil, false, nil
	case frameLooks:
		var questions []question
		if err := json.Unmarshal(payload, &questions); err != nil {
			return nil, false, err
		}
		return nil, false, c.answerAll(questions, host)
	case frameStat, frameRead, frameReads, frameList, frameFact:
		var q question
		if err := json.Unmarshal(payload, &q); err != nil {
			return nil, false, err
		}
		return nil, false, c.answer(kind, q, host)
	}
	return nil, false, fmt.Errorf("unknown message %q", kind)
}

// answer sends what the child wants to see.
func (c *child) answer(kind frameKind, q question, host Host) error {
	if kind == frameFact {
		value, ok := host.Fact(q.Path)
		return writeJSON(c.in, frameAnswer, factAnswer{value, ok})
	}
	tree, err := treeOf(q, host)
	if err != nil {
		return err
	}
	switch kind {
	case frameRead:
		read := readFile(tree, q.Path)
		if read.Err != nil {
			return writeJSON(c.in, frameFailed, failureOf(read.Err))
		}
		return writeFrame(c.in, frameAnswer, read.Data)
	case frameReads:
		return c.answerMany(tree, q.Paths)
	case frameList:
		entries, err := tree.ReadDir(q.Path)
		return c.send(entries, err)
	default:
		entry, err := tree.Stat(q.Path)
		return c.send(entry, err)
	}
}

// treeOf returns what a question is about.
func treeOf(q question, host Host) (syncline.Tree, error) {
	tree := host.Files.Tree
	if q.Ref != "" {
		tree = host.Files.Refs[q.Ref]
	}
	for _, path := range append(q.Paths, q.Path) {
		if tree == nil || !isClean(path) {
			return nil, fmt.Errorf("question for %q is not about a file", path)
		}
	}
	return tree, nil
}

// answerAll sends what the child wants to see, but for what is too much at once.
func (c *child) answerAll(questions []question, host Host) error {
	answers := make([]answer, len(questions))
	size := 0
	for i, q := range questions {
		tree, err := treeOf(q, host)
		if err != nil {
			return err
		}
		if size > manyBytes {
			break
		}
		if answers[i], err = lookAt(tree, q); err != nil {
			return err
		}
		if len(answers[i].Text) > manyBytes {
			answers[i] = answer{}
		}
		size += len(answers[i].Text)
	}
	return writeJSON(c.in, frameAnswer, answers)
}

// lookAt answers one of many questions.
func lookAt(tree syncline.Tree, q question) (a answer, err error) {
	var failed error
	var seen any
	switch q.Kind {
	case frameStat:
		seen, failed = tree.Stat(q.Path)
	case frameList:
		seen, failed = tree.ReadDir(q.Path)
	case frameRead:
		read := readFile(tree, q.Path)
		a.Text, failed = read.Data, read.Err
	default:
		return a, fmt.Errorf("unknown question %q", q.Kind)
	}
	switch {
	case failed != nil:
		f := failureOf(failed)
		return answer{Failed: &f}, nil
	case seen != nil:
		a.Text, err = json.Marshal(seen)
	}
	return a, err
}

// answerMany sends the first of many files, as many as are not too much at once.
func (c *child) answerMany(tree syncline.Tree, paths []string) error {
	if len(paths) == 0 || len(paths) > manyPaths {
		return fmt.Errorf("a question about %d files", len(paths))
	}
	var answer [][]byte
	size := 0
	for _, path := range paths {
		if size > manyBytes {
			break
		}
		head, text, err := partsOf(readFile(tree, path))
		if err != nil {
			return err
		}
		answer, size = append(answer, head, text), size+len(text)
	}
	return writeFrame(c.in, frameAnswer, answer...)
}

// maxFile is the size of the largest file that fits into an answer with others.
const maxFile = maxFrame - 2*manyBytes

// readFile reads a file that fits into an answer.
func readFile(tree syncline.Tree, path string) syncline.FileRead {
	text, err := tree.ReadFile(path)
	if err == nil && len(text) > maxFile {
		err = syncline.Errorf(syncline.Invalid, "%s is larger than %d MiB", path, maxFile>>20)
	}
	return syncline.FileRead{Data: text, Err: err}
}

func (c *child) send(value any, err error) error {
	if err != nil {
		return writeJSON(c.in, frameFailed, failureOf(err))
	}
	return writeJSON(c.in, frameAnswer, value)
}

// isClean reports whether a path is as trees write them.
func isClean(path string) bool {
	return !slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
		return part == "." || part == ".." || part == "" && path != ""
	})
}

// head keeps the first part of what a child prints: Go prints why it ends
// before where.
type head struct {
	mu   sync.Mutex
	text []byte
}

const maxHead = 16 << 10

func (h *head) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, text[:min(len(text), maxHead-len(h.text))]...)
	return len(text), nil
}

func (h *head) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text)
}

// cause is why a child ended, in the words of Go's runtime.
type cause string

const (
	causeMemory cause = "memory"
	causeStack  cause = "stack"
)

var fatal = regexp.MustCompile(`(?m)^(?:(?:fatal error|panic|runtime|runtime/cgo|==\d+==ERROR): (.*)|(SIGSEGV: segmentation violation))$`)

// tellTales are what Go, or its race detector, prints when a limit is reached.
var tellTales = []struct {
	text  string
	cause cause
}{
	{"out of memory", causeMemory},
	{"cannot allocate memory", causeMemory},
	{"pthread_create failed", causeMemory},
	{"failed to allocate", causeMemory},
	{"failed to create new OS thread", causeMemory}, // which needs a stack
	{"cannot map pages", causeMemory},
	// The collector of Go 1.26 does not look whether it got memory. A fault of the program
	// itself is a panic, or stands in brackets.
	{"SIGSEGV: segmentation violation", causeMemory},
	{"stack overflow", causeStack},
	{"stack exceeds", causeStack},
}

func causeOf(printed string) cause {
	var first cause
	for _, match := range fatal.FindAllStringSubmatch(printed, -1) {
		for _, tale := range tellTales {
			if strings.Contains(match[0], tale.text) {
				return tale.cause
			}
		}
		if first == "" {
			first = cause(match[1])
		}
	}
	return first
}

package confined

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/syncline-io/syncline"
)

// handler does one job, written as text, and returns the result in the same way.
type handler func(ctx context.Context, job []byte, host Host) (result []byte, tainted bool, err error)

// serve confines this process and does the jobs that come in until in ends.
func serve(ctx context.Context, in io.Reader, out io.Writer, handle handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	link := &link{out: bufio.NewWriter(out), frames: make(chan frame)}
	ended := make(chan error, 1)
	go func() { ended <- link.receive(ctx, bufio.NewReader(in)) }()
	done := make(chan error, 1)
	go func() { done <- link.serve(ctx, handle) }()
	select {
	case err := <-ended:
		return err
	case err := <-done:
		return err
	}
}

// link is the child's end of the pipe.
type link struct {
	out    *bufio.Writer
	frames chan frame
	// mu makes a question and its answer one step.
	mu sync.Mutex
}

type frame struct {
	kind    frameKind
	payload []byte
}

// receive passes on what comes in. It returns nil when the parent is gone.
func (l *link) receive(ctx context.Context, in io.Reader) error {
	for {
		kind, payload, err := readFrame(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case l.frames <- frame{kind, payload}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *link) next(ctx context.Context) (frame, error) {
	select {
	case f := <-l.frames:
		return f, nil
	case <-ctx.Done():
		return frame{}, ctx.Err()
	}
}

func (l *link) serve(ctx context.Context, handle handler) error {
	hello, err := l.next(ctx)
	if err != nil {
		return err
	}
	var bounds limits
	if err := json.Unmarshal(hello.payload, &bounds); err != nil || hello.kind != frameHello {
		return fmt.Errorf("message %q out of turn: %w", hello.kind, err)
	}
	refused := confine(bounds)
	for {
		f, err := l.next(ctx)
		switch {
		case err != nil:
			return err
		case f.kind != frameJob && f.kind != frameCheck:
			return fmt.Errorf("message %q out of turn", f.kind)
		case refused != nil || f.kind == frameCheck:
			err = l.answer(nil, refused != nil, refused)
		default:
			err = l.limited(ctx, bounds, f.payload, handle)
		}
		if err != nil {
			return err
		}
	}
}

// limited does one job within the bounds.
func (l *link) limited(ctx context.Context, bounds limits, job []byte, handle handler) error {
	if err := limitCPU(bounds.CPU); err != nil {
		return err
	}
	forgetGarbage(bounds.Memory)
	stop := watchMemory(bounds.Memory)
	result, tainted, err := l.do(ctx, job, handle)
	stop()
	return l.answer(result, tainted, err)
}

// do does one job.
func (l *link) do(ctx context.Context, payload []byte, handle handler) (result []byte, tainted bool, err error) {
	var t task
	if err := json.Unmarshal(payload, &t); err != nil {
		return nil, true, syncline.Errorf(syncline.Internal, "read the job: %w", err)
	}
	host := Host{Files: syncline.Files{Tree: newRemoteTree(l, "")}, Fact: l.fact}
	if len(t.Refs) > 0 {
		host.Files.Refs = map[string]syncline.Tree{}
	}
	for _, ref := range t.Refs {
		host.Files.Refs[ref] = newRemoteTree(l, ref)
	}
	return guarded(ctx, t.Job, host, handle)
}

// answer sends what came of a job.
func (l *link) answer(result []byte, tainted bool, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tainted {
		if err := writeFrame(l.out, frameTainted, nil); err != nil {
			return err
		}
	}
	if err != nil {
		err = writeJSON(l.out, frameError, failureOf(err))
	} else {
		err = writeFrame(l.out, frameResult, result)
	}
	return errors.Join(err, l.out.Flush())
}

// guarded turns a panic into an error and taints the process.
func guarded(ctx context.Context, job []byte, host Host, handle handler) (result []byte, tainted bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			result, tainted = nil, true
			err = syncline.Errorf(syncline.Invalid, "the tool fails on this input: %v", p)
		}
	}()
	return handle(ctx, job, host)
}

// ask sends a question and returns the answer.
func (l *link) ask(kind frameKind, payload any) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(writeJSON(l.out, kind, payload), l.out.Flush()); err != nil {
		return nil, err
	}
	answer := <-l.frames
	switch answer.kind {
	case frameAnswer:
		return answer.payload, nil
	case frameFailed:
		var f failure
		if err := json.Unmarshal(answer.payload, &f); err != nil {
			return nil, err
		}
		return nil, f.err()
	}
	return nil, fmt.Errorf("message %q out of turn", answer.kind)
}

func (l *link) askFor(kind frameKind, payload, into any) error {
	text, err := l.ask(kind, payload)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// factAnswer is a fact, or that there is none.
type factAnswer struct {
	Value string
	OK    bool
}

func (l *link) fact(name string) (string, bool) {
	var answer factAnswer
	if err := l.askFor(frameFact, question{Path: name}, &answer); err != nil {
		return "", false
	}
	return answer.Value, answer.OK
}

// remoteTree reads a tree through the pipe. It asks for the same entry or
// listing only once.
type remoteTree struct {
	link *link
	ref  string

	mu       sync.Mutex
	entries  map[string]seen[syncline.Entry]
	listings map[string]seen[[]syncline.Entry]
	// prefetched are files that were asked for before they are read.
	prefetched map[string]seen[[]byte]
}

type seen[T any] struct {
	value T
	err   error
}

func newRemoteTree(l *link, ref string) *remoteTree {
	return &remoteTree{
		link: l, ref: ref,
		entries:    map[string]seen[syncline.Entry]{},
		listings:   map[string]seen[[]syncline.Entry]{},
		prefetched: map[string]seen[[]byte]{},
	}
}

var (
	_ syncline.Prefetcher = (*remoteTree)(nil)
	_ syncline.ManyReader = (*remoteTree)(nil)
)

// Prefetch asks at once for what is not known yet. What it does not learn is asked
// for when it is looked at.
func (t *remoteTree) Prefetch(ahead syncline.Prefetch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var open []question
	for _, asked := range []struct {
		kind  frameKind
		paths []string
	}{{frameStat, ahead.Entries}, {frameRead, ahead.Files}, {frameList, ahead.Folders}} {
		for _, path := range asked.paths {
			if !t.knows(asked.kind, path) {
				open = append(open, question{Ref: t.ref, Path: path, Kind: asked.kind})
			}
		}
	}
	var answers []answer
	if len(open) == 0 || t.link.askFor(frameLooks, open, &answers) != nil {
		return
	}
	for i, a := range answers[:min(len(answers), len(open))] {
		t.learn(open[i], a)
	}
}

func (t *remoteTree) knows(kind frameKind, path string) (known bool) {
	switch kind {
	case frameStat:
		_, known = t.entries[path]
	case frameList:
		_, known = t.listings[path]
	default:
		_, known = t.prefetched[path]
	}
	return known
}

// learn takes note of the answer to one of many questions.
func (t *remoteTree) learn(q question, a answer) {
	if a.Text == nil && a.Failed == nil {
		return
	}
	var err error
	if a.Failed != nil {
		err = a.Failed.err()
	}
	switch q.Kind {
	case frameStat:
		note(t.entries, q.Path, a.Text, err)
	case frameList:
		note(t.listings, q.Path, a.Text, err)
	default:
		t.prefetched[q.Path] = seen[[]byte]{a.Text, err}
	}
}

func note[T any](known map[string]seen[T], path string, text []byte, err error) {
	s := seen[T]{err: err}
	if err == nil {
		s.err = json.Unmarshal(text, &s.value)
	}
	known[path] = s
}

func (t *remoteTree) Stat(path string) (syncline.Entry, error) {
	return askOnce(t, t.entries, frameStat, path)
}

func (t *remoteTree) ReadDir(path string) ([]syncline.Entry, error) {
	entries, err := askOnce(t, t.listings, frameList, path)
	return slices.Clone(entries), err // the caller's own
}

func (t *remoteTree) ReadFile(path string) ([]byte, error) {
	t.mu.Lock()
	s, prefetched := t.prefetched[path]
	delete(t.prefetched, path)
	t.mu.Unlock()
	if prefetched {
		return s.value, s.err
	}
	return t.link.ask(frameRead, question{Ref: t.ref, Path: path})
}

// ReadFiles asks for many files at once, as often as it takes.
func (t *remoteTree) ReadFiles(paths []string) []syncline.FileRead {
	reads := make([]syncline.FileRead, 0, len(paths))
	for len(reads) < len(paths) {
		open := paths[len(reads):]
		answer, err := t.link.ask(frameReads, question{Ref: t.ref, Paths: open[:min(len(open), manyPaths)]})
		for len(answer) > 0 && err == nil && len(reads) < len(paths) {
			var read syncline.FileRead
			if read, answer, err = cutRead(answer); err == nil {
				reads = append(reads, read)
			}
		}
		if err != nil {
			reads = append(reads, syncline.FileRead{Err: err})
		}
	}
	return reads
}

func askOnce[T any](t *remoteTree, known map[string]seen[T], kind frameKind, path string) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := known[path]
	if !ok {
		s.err = t.link.askFor(kind, question{Ref: t.ref, Path: path}, &s.value)
		known[path] = s
	}
	return s.value, s.err
}

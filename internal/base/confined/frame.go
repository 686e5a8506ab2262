package confined

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/syncline-io/syncline"
)

// Host answers what a job asks for while it runs.
type Host struct {
	Files syncline.Files
	// Fact returns the fact of that name.
	Fact func(name string) (string, bool)
	// Owner is whose share of the pool the job takes; see [Options.Size].
	Owner string
}

// frameKind says what a frame means. Parent and child take turns: whoever sent
// a frame that is not last waits for the answer.
type frameKind byte

const (
	// From the parent.
	frameHello  frameKind = 'h' // limits
	frameJob    frameKind = 'j' // job
	frameCheck  frameKind = 'c' // empty; the result says that jobs can be done
	frameAnswer frameKind = 'a' // depends on the question
	frameFailed frameKind = 'f' // failure
	// From the child.
	frameStat    frameKind = 's' // question
	frameRead    frameKind = 'r' // question
	frameReads   frameKind = 'm' // question of many paths; the answer is made of partsOf each
	frameLooks   frameKind = 'k' // many questions; the answer is an answer to each
	frameList    frameKind = 'l' // question
	frameFact    frameKind = 'q' // question
	frameTainted frameKind = 't' // empty: do not use this process again
	frameResult  frameKind = 'R' // the result, last
	frameError   frameKind = 'E' // failure, last
)

// What one side may make the other allocate.
const (
	maxFrame    = 96 << 20
	maxQuestion = 1 << 20
)

// most is the largest payload of a frame of that kind.
func (k frameKind) most() int {
	switch k {
	case frameStat, frameRead, frameReads, frameLooks, frameList, frameFact, frameTainted, frameError:
		return maxQuestion
	}
	return maxFrame
}

// limits are what a child keeps to.
type limits struct {
	// Memory is in bytes, CPU in seconds for one job.
	Memory int64
	CPU    uint64
	// Unconfined permits to run where the kernel forbids no system calls.
	Unconfined bool
}

// question names what a child wants to see.
type question struct {
	Ref  string `json:",omitempty"`
	Path string
	// Paths are those of a question about many files.
	Paths []string `json:",omitempty"`
	// Kind is what is asked for where there are many questions.
	Kind frameKind `json:",omitempty"`
}

// answer is one of many; the zero answer means that the question has to be asked
// by itself.
type answer struct {
	Text   []byte   `json:",omitempty"`
	Failed *failure `json:",omitempty"`
}

// What is asked for and answered at once: enough to make few steps of many files.
const (
	manyPaths = 1000
	manyBytes = 1 << 20
)

// partsOf returns what came of reading one file as parts of an answer: whether it
// failed and the length of what follows, and the bytes or the failure.
func partsOf(read syncline.FileRead) (head, text []byte, err error) {
	head, text = make([]byte, 1, 5), read.Data
	if read.Err != nil {
		head[0] = 1
		if text, err = json.Marshal(failureOfRead(read)); err != nil {
			return nil, nil, err
		}
	}
	return binary.BigEndian.AppendUint32(head, uint32(len(text))), text, nil
}

// cutRead takes what came of reading one file from the beginning of an answer.
func cutRead(answer []byte) (read syncline.FileRead, rest []byte, err error) {
	if len(answer) < 5 || uint64(len(answer)-5) < uint64(binary.BigEndian.Uint32(answer[1:])) {
		return read, nil, errors.New("the answer about many files is cut off")
	}
	end := 5 + int(binary.BigEndian.Uint32(answer[1:]))
	text := answer[5:end:end]
	if answer[0] == 0 {
		return syncline.FileRead{Data: text}, answer[end:], nil
	}
	var f failure
	if err := json.Unmarshal(text, &f); err != nil {
		return read, nil, err
	}
	return f.read(), answer[end:], nil
}

// task is a job with the names of the other sources that it may read.
type task struct {
	Refs []string
	Job  []byte
}

// failure is an error on its way through the pipe.
type failure struct {
	Kind    syncline.Kind
	Hint    string `json:",omitempty"`
	Message string
	Absent  bool `json:",omitempty"`
	// Locked reports that it is [syncline.ErrLocked], with which Text comes.
	Locked bool   `json:",omitempty"`
	Text   []byte `json:",omitempty"`
}

func failureOf(err error) failure {
	return failure{
		Kind: syncline.KindOf(err), Hint: syncline.HintOf(err), Message: err.Error(),
		Absent: errors.Is(err, fs.ErrNotExist), Locked: errors.Is(err, syncline.ErrLocked),
	}
}

// failureOfRead is that of reading a file, with what was read nevertheless.
func failureOfRead(read syncline.FileRead) failure {
	f := failureOf(read.Err)
	if f.Locked {
		f.Text = read.Data
	}
	return f
}

// read is what came of reading a file that failed so.
func (f failure) read() syncline.FileRead { return syncline.FileRead{Data: f.Text, Err: f.err()} }

func (f failure) err() error {
	if f.Absent {
		return &absentError{message: f.Message}
	}
	err := syncline.Errorf(f.Kind, "%s", f.Message)
	if f.Locked {
		err = &lockedError{err}
	}
	if f.Hint != "" {
		err = syncline.WithHint(err, f.Hint)
	}
	return err
}

// absentError is a missing file, with the message of the other side.
type absentError struct{ message string }

func (e *absentError) Error() string { return e.message }
func (e *absentError) Unwrap() error { return fs.ErrNotExist }

// lockedError is a file that cannot be decrypted, with the message of the other side.
type lockedError struct{ error }

func (e *lockedError) Unwrap() []error { return []error{e.error, syncline.ErrLocked} }

// writtenAtOnce is the size of the largest frame that is put together before it
// is written: each write may wake the other side, and a copy costs memory.
const writtenAtOnce = 64 << 10

// writeFrame writes a frame whose payload is in parts.
func writeFrame(w io.Writer, kind frameKind, payload ...[]byte) error {
	size := 0
	for _, part := range payload {
		size += len(part)
	}
	if size > kind.most() {
		return syncline.Errorf(syncline.Invalid, "%d MiB are too much for one message", size>>20)
	}
	parts := append([][]byte{binary.BigEndian.AppendUint32([]byte{byte(kind)}, uint32(size))}, payload...)
	if size <= writtenAtOnce {
		parts = [][]byte{bytes.Join(parts, nil)}
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, kind frameKind, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, text)
}

func readFrame(r io.Reader) (frameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	kind, size := frameKind(head[0]), binary.BigEndian.Uint32(head[1:])
	if int64(size) > int64(kind.most()) {
		return 0, nil, fmt.Errorf("a message of %d bytes is too large", size)
	}
	payload := make([]byte, size)
	_, err := io.ReadFull(r, payload)
	return kind, payload, err
}

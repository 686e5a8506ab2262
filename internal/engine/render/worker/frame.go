// Package worker runs jobs in child processes of limited memory, time and
// reach, and serves them files over a pipe. It does not know what a job is.
package worker

import (
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
}

// frameKind says what a frame means. Parent and child take turns: whoever sent
// a frame that is not last waits for the answer.
type frameKind byte

const (
	// From the parent.
	frameHello  frameKind = 'h' // limits
	frameJob    frameKind = 'j' // job
	frameAnswer frameKind = 'a' // depends on the question
	frameFailed frameKind = 'f' // failure
	// From the child.
	frameStat    frameKind = 's' // question
	frameRead    frameKind = 'r' // question
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
	case frameStat, frameRead, frameList, frameFact, frameTainted, frameError:
		return maxQuestion
	}
	return maxFrame
}

// limits are what a child keeps to.
type limits struct {
	// Memory is in bytes, CPU in seconds for one job.
	Memory int64
	CPU    uint64
}

// question names what a child wants to see.
type question struct {
	Ref  string `json:",omitempty"`
	Path string
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
}

func failureOf(err error) failure {
	return failure{
		Kind: syncline.KindOf(err), Hint: syncline.HintOf(err), Message: err.Error(),
		Absent: errors.Is(err, fs.ErrNotExist),
	}
}

func (f failure) err() error {
	if f.Absent {
		return &absentError{message: f.Message}
	}
	err := syncline.Errorf(f.Kind, "%s", f.Message)
	if f.Hint != "" {
		err = syncline.WithHint(err, f.Hint)
	}
	return err
}

// absentError is a missing file, with the message of the other side.
type absentError struct{ message string }

func (e *absentError) Error() string { return e.message }
func (e *absentError) Unwrap() error { return fs.ErrNotExist }

func writeFrame(w io.Writer, kind frameKind, payload []byte) error {
	if len(payload) > kind.most() {
		return syncline.Errorf(syncline.Invalid, "%d MiB are too much for one message", len(payload)>>20)
	}
	frame := make([]byte, 5, 5+len(payload)) // in one piece: each write may wake the other side
	frame[0] = byte(kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	_, err := w.Write(append(frame, payload...))
	return err
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

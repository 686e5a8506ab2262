// Package audit follows the audit log of an API server and answers who did what, and how often. It tells what came to
// pass, whatever those who did it say; it judges nothing.
package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Event is one request to the API server that has been answered.
type Event struct {
	At   time.Time
	User string
	// Agent is the User-Agent of the client.
	Agent string
	// Verb is the one of Kubernetes: get, list, watch, create, update, patch, delete or deletecollection.
	Verb                                               string
	Group, Resource, Subresource, Namespace, Name, URI string
	// Code is the HTTP status of the answer.
	Code   int
	DryRun bool
	// Manager is the field manager that the request names.
	Manager string
	// Precondition is the UID that a delete demands of the object.
	Precondition string
	// Body is what a write carried, where the log has it.
	Body json.RawMessage
}

// Writes reports whether the request changed something.
func (e Event) Writes() bool {
	switch e.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return !e.DryRun && e.Code < http.StatusBadRequest
	}
	return false
}

// String is one line about the event.
func (e Event) String() string {
	line := fmt.Sprintf("%s %d %s %s %s/%s", e.At.Format("15:04:05.000"), e.Code, e.Verb, e.Resource, e.Namespace, e.Name)
	if e.Subresource != "" {
		line += " " + e.Subresource
	}
	if e.DryRun {
		line += " dryrun"
	}
	if e.Precondition != "" {
		line += " uid=" + e.Precondition
	}
	return line + " by " + e.User
}

// Log is an audit log that is being followed. It is safe for concurrent use.
type Log struct {
	see func(line []byte)

	mu      sync.Mutex
	events  []Event
	changed chan struct{} // closed at the next event
	err     error
}

// lookInterval is how often the log is looked at for more.
const lookInterval = 20 * time.Millisecond

// Follow reads a log from its beginning, until ctx ends. See is called with each line as it is; nil does nothing.
func Follow(ctx context.Context, path string, see func(line []byte)) (*Log, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("following the audit log: %w", err)
	}
	if see == nil {
		see = func([]byte) {}
	}
	log := &Log{see: see, changed: make(chan struct{})}
	go func() {
		defer file.Close()
		log.follow(ctx, file)
	}()
	return log, nil
}

func (l *Log) follow(ctx context.Context, file io.Reader) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	var begun []byte // of a line that is not written to its end yet
	for reader := bufio.NewReaderSize(file, 1<<20); ; {
		part, err := reader.ReadBytes('\n')
		begun = append(begun, part...)
		switch {
		case err == nil:
			l.add(begun)
			begun = nil
		case !errors.Is(err, io.EOF):
			l.change(func() { l.err = fmt.Errorf("reading the audit log: %w", err) })
			return
		default:
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}
}

func (l *Log) add(line []byte) {
	l.see(line)
	event, complete, err := parse(line)
	if err == nil && !complete {
		return
	}
	l.change(func() {
		if err != nil {
			l.err = fmt.Errorf("reading the audit log: %w", err)
			return
		}
		l.events = append(l.events, event)
	})
}

func (l *Log) change(apply func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	apply()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Since returns the events from a position on, the next position, and what is closed when there is more. The error says
// why there will be no more.
func (l *Log) Since(position int) (events []Event, next int, more <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[position:len(l.events):len(l.events)], len(l.events), l.changed, l.err
}

// Await returns when there is an event from a position on that passes.
func (l *Log) Await(ctx context.Context, position int, passes func(Event) bool) error {
	for {
		events, next, more, err := l.Since(position)
		if slices.ContainsFunc(events, passes) {
			return nil
		}
		if err != nil {
			return err
		}
		position = next
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the audit log: %w", context.Cause(ctx))
		}
	}
}

// record is an event as the API server writes it.
type record struct {
	Stage                    string
	RequestURI               string
	Verb                     string
	UserAgent                string
	RequestReceivedTimestamp time.Time
	User                     struct{ Username string }
	ObjectRef                struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	ResponseStatus           struct{ Code int }
	RequestObject            json.RawMessage
}

// parse reads a line. Incomplete are the events of requests that go on.
func parse(line []byte) (event Event, complete bool, err error) {
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		return Event{}, false, fmt.Errorf("%w in %.200q", err, line)
	}
	event = Event{
		At: r.RequestReceivedTimestamp, User: r.User.Username, Agent: r.UserAgent, Verb: r.Verb,
		Group: r.ObjectRef.APIGroup, Resource: r.ObjectRef.Resource, Subresource: r.ObjectRef.Subresource,
		Namespace: r.ObjectRef.Namespace, Name: r.ObjectRef.Name, URI: r.RequestURI,
		Code: r.ResponseStatus.Code, Body: r.RequestObject,
	}
	if _, query, ok := strings.Cut(r.RequestURI, "?"); ok {
		values, err := url.ParseQuery(query)
		if err != nil {
			return Event{}, false, fmt.Errorf("%w in %s", err, r.RequestURI)
		}
		event.DryRun, event.Manager = values.Get("dryRun") == "All", values.Get("fieldManager")
	}
	if event.Verb == "delete" && len(r.RequestObject) > 0 {
		var options struct{ Preconditions struct{ UID string } }
		if err := json.Unmarshal(r.RequestObject, &options); err == nil { // a delete without options may log the object
			event.Precondition = options.Preconditions.UID
		}
	}
	return event, r.Stage == "ResponseComplete" || r.Stage == "Panic", nil
}

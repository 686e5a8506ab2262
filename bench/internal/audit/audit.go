// Package audit counts the requests of a program in the audit log of an
// API server. The counts do not depend on the machine's speed.
package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Request is a kind of request.
type Request struct {
	// Verb is as in the audit log, such as "patch" or "list".
	Verb string
	// Resource is the plural name, with the subresource: "applications/status".
	Resource string
	// DryRun says that the request changed nothing.
	DryRun bool
}

// NoResource stands for what is not about objects: discovery, version, health.
const NoResource = "(none)"

// String returns "VERB RESOURCE", with "dry-run " in front of one.
func (r Request) String() string {
	text := r.Verb + " " + r.Resource
	if r.DryRun {
		text = "dry-run " + text
	}
	return text
}

// Writes reports whether the request changes an object.
func (r Request) Writes() bool {
	return !r.DryRun && slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// Counts are numbers of requests.
type Counts map[Request]int

// Writes adds up the requests that change objects of the resources for which
// counts returns true.
func (c Counts) Writes(counts func(resource string) bool) int {
	return c.Sum(func(r Request) bool { return r.Writes() && counts(r.Resource) })
}

// Sum adds up the requests for which counts returns true.
func (c Counts) Sum(counts func(Request) bool) int {
	sum := 0
	for request, n := range c {
		if counts(request) {
			sum += n
		}
	}
	return sum
}

// Minus returns the counts less those of before, without those that are zero.
func (c Counts) Minus(before Counts) Counts {
	left := Counts{}
	for request, n := range c {
		if n -= before[request]; n != 0 {
			left[request] = n
		}
	}
	return left
}

// Log is the audit log of an API server, read on as it grows. Only one
// goroutine uses it.
type Log struct {
	path   string
	agents []string
	offset int64
	counts Counts
}

// Open reads the log at path for the requests of user agents that have one of
// the names, with or without a version: "a" is "a", "a/1.0" and "a/1.0 (linux)".
func Open(path string, agents ...string) *Log {
	return &Log{path: path, agents: agents, counts: Counts{}}
}

// Counts reads on to the end of the log and returns the counts since its beginning.
func (l *Log) Counts() (Counts, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(l.offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	for reader := bufio.NewReaderSize(file, 1<<20); ; {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return maps.Clone(l.counts), nil // a line that is not complete is read next time
		}
		if err == nil {
			err = l.count(line)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		l.offset += int64(len(line))
	}
}

// event is what is read of an audit event. The long parts are left out.
type event struct {
	Verb       string `json:"verb"`
	UserAgent  string `json:"userAgent"`
	RequestURI string `json:"requestURI"`
	Stage      string `json:"stage"`
	ObjectRef  *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
}

func (l *Log) count(line []byte) error {
	if !l.mentions(line) {
		return nil // most lines, which are not worth parsing
	}
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	// A watch is told at its beginning and at its end, everything else at its end.
	if !l.is(e.UserAgent) || (e.Verb == "watch") != (e.Stage == "ResponseStarted") {
		return nil
	}
	l.counts[requestOf(e)]++
	return nil
}

// mentions reports whether a line may be of one of the agents.
func (l *Log) mentions(line []byte) bool {
	return slices.ContainsFunc(l.agents, func(agent string) bool { return bytes.Contains(line, []byte(`"userAgent":"`+agent)) })
}

// is reports whether a user agent has one of the names.
func (l *Log) is(userAgent string) bool {
	name, _, _ := strings.Cut(userAgent, "/")
	return slices.Contains(l.agents, name)
}

func requestOf(e event) Request {
	request := Request{Verb: e.Verb, DryRun: strings.Contains(e.RequestURI, "dryRun=All")}
	switch {
	case e.ObjectRef == nil:
		request.Resource = NoResource
	case e.ObjectRef.Subresource != "":
		request.Resource = e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	default:
		request.Resource = e.ObjectRef.Resource
	}
	return request
}

// looking is how often Quiet looks at the log.
const looking = 250 * time.Millisecond

// Quiet waits until the agent has written nothing for the pause, and returns the
// counts since the beginning.
func (l *Log) Quiet(ctx context.Context, pause time.Duration) (Counts, error) {
	ticker := time.NewTicker(looking)
	defer ticker.Stop()
	everything := func(string) bool { return true }
	before, since := -1, time.Now()
	for {
		counts, err := l.Counts()
		if err != nil {
			return nil, err
		}
		if writes := counts.Writes(everything); writes != before {
			before, since = writes, time.Now()
		}
		if time.Since(since) >= pause {
			return counts, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s to write no more: %w", strings.Join(l.agents, " and "), context.Cause(ctx))
		}
	}
}

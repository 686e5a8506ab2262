// Package stream follows the objects of one kind: it reads them all, then every
// change, and goes on after whatever cuts the connection. It keeps no object
// and knows nothing of what they mean.
package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// EventType says what an Event tells.
type EventType int

// The types of event. A reading is Begin, any number of Set and Gone, and
// Complete; a reading that breaks off begins anew. Changes follow it.
const (
	// Begin says that all objects will be told.
	Begin EventType = iota
	// Set tells an object as it is: new, changed, or told again.
	Set
	// Gone tells an object that was deleted, as it was last.
	Gone
	// Complete says that all objects were told since Begin: those that were not
	// do not exist. Version is the resource version at which that is so.
	Complete
	// Progress says that everything up to Version was told. It also ends a
	// failure after which nothing had to be read again.
	Progress
	// Failed says that Attempts tries in a row failed, the last one with Err. The
	// next try follows.
	Failed
)

// Event is one thing told about a kind.
type Event struct {
	Type EventType
	// Object is that of Set and Gone. The receiver may keep and change it.
	Object   runtime.Object
	Version  string
	Err      error
	Attempts int
}

// Source reads and watches the objects of a kind.
type Source struct {
	List  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	Watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// Options say what to follow and who is told.
type Options struct {
	// Open returns how to reach the kind. It is called before each reading, as the
	// kind may have come, gone or moved.
	Open func(context.Context) (Source, error)
	// Handle is told each event, one after the other, from the goroutine of Run.
	Handle func(Event)
	// Retry ends the wait after a failure. May be nil.
	Retry <-chan struct{}
	// Anew asks that everything is read again. May be nil.
	Anew <-chan struct{}
	// FirstWait is the time before the first retry, default 200 ms. Each further
	// one is twice as long, up to LastWait, default 15 s; both vary by a half, so
	// that many streams do not come back at once.
	FirstWait, LastWait time.Duration
	// Silence is how long a streamed reading may tell nothing before it is given
	// up for a list, because the server does not know how to end one. Default 15 s.
	Silence time.Duration
	// Reread is how old a reading may be before everything is read again, as soon
	// as a watch ends: a change that was never told comes to light so. Default
	// 1 h; it varies by a half, so that not all kinds are read at once.
	Reread time.Duration
}

// Run follows a kind until ctx ends.
func Run(ctx context.Context, options Options) {
	if options.FirstWait == 0 {
		options.FirstWait = 200 * time.Millisecond
	}
	if options.LastWait == 0 {
		options.LastWait = 15 * time.Second
	}
	if options.Silence == 0 {
		options.Silence = 15 * time.Second
	}
	if options.Reread == 0 {
		options.Reread = time.Hour
	}
	f := &follower{Options: options, wait: options.FirstWait}
	for ctx.Err() == nil {
		err := f.once(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if !resumable(err) {
			f.version = ""
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			f.wait = f.FirstWait // the server is there, and has not everything that came meanwhile
		}
		f.attempts++
		f.Handle(Event{Type: Failed, Err: err, Attempts: f.attempts})
		f.pause(ctx, err)
	}
}

// follower is the state of one Run.
type follower struct {
	Options
	// version is up to where everything was told; "" when all has to be read.
	version string
	// reread is when all has to be read again.
	reread time.Time
	source Source
	// lists says that the server cannot stream a reading.
	lists    bool
	attempts int
	wait     time.Duration
}

// once reads everything, if need be, and tells changes until the watch ends.
// The error is nil when it ended as it should.
func (f *follower) once(ctx context.Context) error {
	reading := f.version == "" || time.Now().After(f.reread)
	if reading {
		source, err := f.Open(ctx)
		if err != nil {
			return err
		}
		f.source = source
		f.Handle(Event{Type: Begin})
		if f.lists {
			if err := f.list(ctx); err != nil {
				return err
			}
			reading = false
		}
	}
	watching, err := f.source.Watch(ctx, f.watchOptions(reading))
	if err != nil {
		if reading && streamsNot(err) {
			f.lists = true
			return nil
		}
		return err
	}
	defer watching.Stop()
	if !reading {
		f.Handle(Event{Type: Progress, Version: f.version})
	}
	return f.tell(ctx, watching, reading)
}

func (f *follower) watchOptions(reading bool) metav1.ListOptions {
	seconds := 300 + rand.Int64N(300) // one that is silently dead ends by itself
	options := metav1.ListOptions{AllowWatchBookmarks: true, TimeoutSeconds: &seconds, ResourceVersion: f.version}
	if reading {
		all := true
		options.SendInitialEvents = &all
		options.ResourceVersionMatch = metav1.ResourceVersionMatchNotOlderThan
	}
	return options
}

// tell hands on what a watch tells, until it ends.
func (f *follower) tell(ctx context.Context, watching watch.Interface, reading bool) error {
	began, told := time.Now(), false
	silence := time.NewTimer(f.Silence)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.Anew:
			f.version = ""
			return nil
		case <-silence.C:
			if reading {
				f.lists = true
				return nil
			}
		case event, open := <-watching.ResultChan():
			if !open {
				return endOf(reading || !told && time.Since(began) < time.Second)
			}
			if err := f.take(event, &reading); err != nil {
				return err
			}
			told = true
			if reading {
				silence.Reset(f.Silence)
			}
		}
	}
}

// errShort is a watch that ended before it told anything.
var errShort = errors.New("the watch ended at once")

func endOf(early bool) error {
	if early {
		return errShort
	}
	return nil
}

// take hands on one event of a watch.
func (f *follower) take(event watch.Event, reading *bool) error {
	if event.Type == watch.Error {
		return apierrors.FromObject(event.Object)
	}
	object, err := meta.Accessor(event.Object)
	if err != nil {
		return err
	}
	version := object.GetResourceVersion()
	switch event.Type {
	case watch.Added, watch.Modified:
		f.Handle(Event{Type: Set, Object: event.Object})
	case watch.Deleted:
		f.Handle(Event{Type: Gone, Object: event.Object})
	case watch.Bookmark:
		if *reading && object.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
			*reading = false
			f.complete(version)
			return nil
		}
		if !*reading {
			f.Handle(Event{Type: Progress, Version: version})
		}
	}
	if !*reading {
		f.version = version
		f.recovered()
	}
	return nil
}

func (f *follower) complete(version string) {
	f.version = version
	f.reread = time.Now().Add(f.Reread/2 + rand.N(f.Reread))
	f.recovered()
	f.Handle(Event{Type: Complete, Version: version})
}

func (f *follower) recovered() { f.attempts, f.wait = 0, f.FirstWait }

// page is how many objects one answer of a list holds.
const page = 500

// list reads everything in pages, for servers that cannot stream it. A list
// whose continuation expired is read in one answer.
func (f *follower) list(ctx context.Context) error {
	options := metav1.ListOptions{Limit: page}
	for {
		answer, err := f.source.List(ctx, options)
		if apierrors.IsResourceExpired(err) && options.Continue != "" {
			options = metav1.ListOptions{}
			f.Handle(Event{Type: Begin})
			continue
		}
		if err != nil {
			return err
		}
		if err := meta.EachListItem(answer, func(object runtime.Object) error {
			f.Handle(Event{Type: Set, Object: object})
			return nil
		}); err != nil {
			return err
		}
		list, err := meta.ListAccessor(answer)
		if err != nil {
			return err
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			f.complete(list.GetResourceVersion())
			return nil
		}
	}
}

// pause waits before the next try, as long as the server asks for.
func (f *follower) pause(ctx context.Context, err error) {
	wait := f.wait/2 + rand.N(f.wait)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		wait = max(wait, time.Duration(seconds)*time.Second)
	}
	f.wait = min(2*f.wait, f.LastWait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.Retry:
		f.wait = f.FirstWait
	case <-ctx.Done():
	}
}

// streamsNot reports whether a server refused to stream a reading.
func streamsNot(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// resumable reports whether the changes since the last one told can still be
// had: the connection or the server failed, but did not say otherwise.
func resumable(err error) bool {
	if apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
		return false // the server went back in time, as after the restore of a backup
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	return apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err)
}

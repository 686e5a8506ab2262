package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// server answers with what a test laid out, one answer to each request. These
// tests are about time and about answers that a healthy API server never gives;
// those of package live are against a real one.
type server struct {
	requests []string
	answers  []answer
	told     []string
	failures []time.Time
	done     context.CancelFunc
}

// answer is the answer to one request: an error, or what a watch or list tells.
type answer struct {
	err    error
	events []watch.Event
	// open leaves a watch open after its events.
	open bool
	list *metav1.PartialObjectMetadataList
	// opening is an error of Open instead of an answer to a request.
	opening bool
}

// run follows the server until all answers were given and nothing happens any
// more, and returns what was told.
func (s *server) run(t *testing.T, change func(*stream.Options)) []string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s.done = cancel
		options := stream.Options{Open: s.open, Handle: s.handle}
		if change != nil {
			change(&options)
		}
		stream.Run(ctx, options)
	})
	return s.told
}

func (s *server) open(context.Context) (stream.Source, error) {
	if len(s.answers) > 0 && s.answers[0].opening {
		return stream.Source{}, s.next("open").err
	}
	return stream.Source{List: s.list, Watch: s.watch}, nil
}

func (s *server) next(request string) answer {
	s.requests = append(s.requests, request)
	if len(s.answers) == 0 {
		s.done()
		return answer{err: errors.New("no answer is left")}
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next
}

func (s *server) list(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
	next := s.next(fmt.Sprintf("list %d%s", options.Limit, options.Continue))
	if next.err != nil {
		return nil, next.err
	}
	return next.list, nil
}

func (s *server) watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	request := "watch " + options.ResourceVersion
	if options.SendInitialEvents != nil {
		request = "read"
	}
	next := s.next(request)
	if next.err != nil {
		return nil, next.err
	}
	events := make(chan watch.Event, len(next.events))
	for _, event := range next.events {
		events <- event
	}
	if !next.open {
		close(events)
	}
	return watch.NewProxyWatcher(events), nil
}

func (s *server) handle(event stream.Event) {
	switch event.Type {
	case stream.Begin:
		s.told = append(s.told, "begin")
	case stream.Set:
		s.told = append(s.told, "set "+event.Object.(metav1.Object).GetName())
	case stream.Gone:
		s.told = append(s.told, "gone "+event.Object.(metav1.Object).GetName())
	case stream.Complete:
		s.told = append(s.told, "complete "+event.Version)
	case stream.Progress:
		s.told = append(s.told, "progress "+event.Version)
	case stream.Failed:
		s.told = append(s.told, fmt.Sprintf("failed %d", event.Attempts))
		s.failures = append(s.failures, time.Now())
	}
}

func object(name, version string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
}

func added(name, version string) watch.Event {
	return watch.Event{Type: watch.Added, Object: object(name, version)}
}

func deleted(name, version string) watch.Event {
	return watch.Event{Type: watch.Deleted, Object: object(name, version)}
}

// end is what ends a streamed reading.
func end(version string) watch.Event {
	bookmark := object("", version)
	bookmark.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	return watch.Event{Type: watch.Bookmark, Object: bookmark}
}

func bookmark(version string) watch.Event {
	return watch.Event{Type: watch.Bookmark, Object: object("", version)}
}

func failure(err *apierrors.StatusError) watch.Event {
	return watch.Event{Type: watch.Error, Object: &err.ErrStatus}
}

var (
	expired     = apierrors.NewResourceExpired("compacted")
	unavailable = apierrors.NewServiceUnavailable("no")
	tooLarge    = func() *apierrors.StatusError {
		err := apierrors.NewTimeoutError("too large", 1)
		err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge}}
		return err
	}()
	noStreams = apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil)
)

func page(version, next string, names ...string) *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: version, Continue: next}}
	for _, name := range names {
		list.Items = append(list.Items, *object(name, "1"))
	}
	return list
}

// reading is an answer that reads a and goes on with events.
func reading(events ...watch.Event) answer {
	return answer{events: append([]watch.Event{added("a", "1"), end("10")}, events...)}
}

func TestRun(t *testing.T) {
	for name, test := range map[string]struct {
		answers  []answer
		requests string
		told     string
	}{
		"a watch that ends is resumed": {
			[]answer{reading(added("b", "12"), bookmark("15")), {events: []watch.Event{deleted("b", "16")}}},
			"read, watch 15, watch 16",
			"begin, set a, complete 10, set b, progress 15, progress 15, gone b",
		},
		"what breaks off is read again": {
			[]answer{{events: []watch.Event{added("a", "1")}}, reading(added("b", "12"))},
			"read, read, watch 12",
			"begin, set a, failed 1, begin, set a, complete 10, set b",
		},
		"an expired version is read again": {
			[]answer{reading(failure(expired)), reading(added("b", "12"))},
			"read, read, watch 12",
			"begin, set a, complete 10, failed 1, begin, set a, complete 10, set b",
		},
		"a version of the future is read again": {
			[]answer{reading(added("b", "12")), {err: tooLarge}, reading(added("b", "12"))},
			"read, watch 12, read, watch 12",
			"begin, set a, complete 10, set b, failed 1, begin, set a, complete 10, set b",
		},
		"an outage is resumed": {
			[]answer{reading(added("b", "12")), {err: unavailable}, {err: io.ErrUnexpectedEOF}, {events: []watch.Event{added("c", "13")}}},
			"read, watch 12, watch 12, watch 12, watch 13",
			"begin, set a, complete 10, set b, failed 1, failed 2, progress 12, set c",
		},
		"watches that end at once are failures": {
			[]answer{reading(added("b", "12")), {}, {}, {events: []watch.Event{bookmark("14")}}},
			"read, watch 12, watch 12, watch 12, watch 14",
			"begin, set a, complete 10, set b, progress 12, failed 1, progress 12, failed 2, progress 12, progress 14",
		},
		"a kind that cannot be opened is tried again": {
			[]answer{{opening: true, err: errors.New("no such kind")}, reading(added("b", "12"))},
			"open, read, watch 12",
			"failed 1, begin, set a, complete 10, set b",
		},
		"a refused kind is read again": {
			[]answer{reading(added("b", "12")), {err: apierrors.NewForbidden(schema.GroupResource{}, "", nil)}, reading(added("b", "12"))},
			"read, watch 12, read, watch 12",
			"begin, set a, complete 10, set b, failed 1, begin, set a, complete 10, set b",
		},
		"a server that streams no reading is listed": {
			[]answer{{err: noStreams}, {list: page("20", "more", "a")}, {list: page("20", "", "b")}, {events: []watch.Event{added("c", "21")}}},
			"read, list 500, list 500more, watch 20, watch 21",
			"begin, begin, set a, set b, complete 20, progress 20, set c",
		},
		"a list whose continuation expired is read in one": {
			[]answer{{err: noStreams}, {list: page("20", "more", "a")}, {err: expired}, {list: page("30", "", "a", "b")}, {events: []watch.Event{added("c", "31")}}},
			"read, list 500, list 500more, list 0, watch 30, watch 31",
			"begin, begin, set a, begin, set a, set b, complete 30, progress 30, set c",
		},
		"a server that does not end a reading is listed": {
			[]answer{{events: []watch.Event{added("a", "1"), bookmark("2")}, open: true}, {list: page("20", "", "a")}, {events: []watch.Event{added("b", "21")}}},
			"read, list 500, watch 20, watch 21",
			"begin, set a, begin, set a, complete 20, progress 20, set b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: test.answers}
			told := s.run(t, nil)
			if got := strings.Join(s.requests, ", "); got != test.requests {
				t.Errorf("requests were\n%s, want\n%s", got, test.requests)
			}
			if got := strings.Join(told, ", "); got != test.told {
				t.Errorf("told was\n%s, want\n%s", got, test.told)
			}
		})
	}
}

func TestWaitsGrowAndHaveAnEnd(t *testing.T) {
	s := &server{answers: slices.Repeat([]answer{{err: unavailable}}, 12)}
	s.run(t, nil)
	expected := 200 * time.Millisecond
	for i := range len(s.failures) - 1 {
		wait := s.failures[i+1].Sub(s.failures[i])
		if wait < expected/2 || wait > expected*3/2 {
			t.Errorf("wait %d is %s, want about %s", i, wait, expected)
		}
		expected = min(2*expected, 15*time.Second)
	}
}

func TestTheServerSaysHowLongToWait(t *testing.T) {
	busy := apierrors.NewTooManyRequests("busy", 40)
	busy.ErrStatus.Code = http.StatusTooManyRequests
	s := &server{answers: []answer{{err: busy}, {err: unavailable}}}
	s.run(t, nil)
	if wait := s.failures[1].Sub(s.failures[0]); wait != 40*time.Second {
		t.Errorf("the wait is %s, want the 40 s that the server asked for", wait)
	}
}

func TestRetryEndsTheWait(t *testing.T) {
	s := &server{answers: []answer{{err: apierrors.NewTooManyRequests("busy", 40)}, {err: unavailable}}}
	s.run(t, func(o *stream.Options) {
		retry := make(chan struct{}, 1)
		retry <- struct{}{}
		o.Retry = retry
	})
	if wait := s.failures[1].Sub(s.failures[0]); wait != 0 {
		t.Errorf("the wait is %s, want none", wait)
	}
}

// TestEverythingIsReadAgainAfterAWhile has a server that did not tell that a is
// gone and that c came.
func TestEverythingIsReadAgainAfterAWhile(t *testing.T) {
	again := answer{events: []watch.Event{added("b", "12"), added("c", "13"), end("14"), bookmark("15")}}
	s := &server{answers: []answer{
		reading(added("b", "12")), {events: []watch.Event{bookmark("13")}}, {events: []watch.Event{bookmark("14")}}, again,
		{events: []watch.Event{bookmark("16")}},
	}}
	s.run(t, func(o *stream.Options) {
		o.Reread = time.Hour
		tell := o.Handle
		o.Handle = func(event stream.Event) {
			tell(event)
			if event.Type == stream.Progress && event.Version == "14" {
				<-time.After(2 * time.Hour) // of the test's clock
			}
		}
	})
	if got, want := strings.Join(s.requests, ", "), "read, watch 12, watch 13, read, watch 15, watch 16"; got != want {
		t.Errorf("requests were\n%s, want\n%s", got, want)
	}
	if got, want := strings.Join(s.told[5:], ", "), "progress 13, progress 13, progress 14, begin, set b, set c, complete 14, progress 15, progress 15, progress 16"; got != want {
		t.Errorf("told was\n%s, want\n%s", got, want)
	}
}

// What asks for it comes at any time: also while everything is being read.
func TestEverythingIsReadAgainOnRequest(t *testing.T) {
	for name, test := range map[string]struct {
		answers []answer
		at      stream.EventType
		want    string
	}{
		"while watching": {
			[]answer{{events: []watch.Event{added("a", "1"), end("10")}, open: true}, reading(added("b", "12"))}, stream.Complete,
			"begin, set a, complete 10, begin, set a, complete 10, set b",
		},
		"while reading": {
			[]answer{{events: []watch.Event{added("a", "1")}, open: true}, reading(added("b", "12"))}, stream.Set,
			"begin, set a, begin, set a, complete 10, set b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: test.answers}
			got := s.run(t, func(o *stream.Options) {
				anew := make(chan struct{}, 1)
				o.Anew = anew
				tell, asked := o.Handle, false
				o.Handle = func(event stream.Event) {
					tell(event)
					if event.Type == test.at && !asked {
						asked = true
						anew <- struct{}{}
					}
				}
			})
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("told was\n%s, want\n%s", got, test.want)
			}
			if want := "read, read, watch 12"; strings.Join(s.requests, ", ") != want {
				t.Errorf("requests were %v, want %s", s.requests, want)
			}
		})
	}
}

// After an outage the server is there again, but does not have every change.
func TestAnExpiredVersionIsNotWaitedForLong(t *testing.T) {
	answers := append([]answer{reading(added("b", "12"))}, slices.Repeat([]answer{{err: unavailable}}, 8)...)
	s := &server{answers: append(answers, answer{events: []watch.Event{failure(expired)}}, answer{err: unavailable})}
	s.run(t, nil)
	if wait := s.failures[9].Sub(s.failures[8]); wait > 300*time.Millisecond {
		t.Errorf("the wait is %s, as if it were down", wait)
	}
}

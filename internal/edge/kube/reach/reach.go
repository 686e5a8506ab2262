// Package reach sends requests to an API server that may be starting, silent or gone, so
// that none waits for it long, and none takes what it says before it is ready for a
// decision.
package reach

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// doubtful is how many requests in a row have to get no answer, and silentFor how long
	// one, until it is asked whether a cluster can be reached.
	doubtful  = 3
	silentFor = 5 * time.Second
)

// Reach keeps requests from waiting for an API server that does not answer, as far as
// somebody attends to that. It is safe for concurrent use.
type Reach struct {
	mu       sync.Mutex
	failures int
	// attended is from when the API server answered until it is lost, and doubts asks
	// whether it is; nil when nobody attends to it.
	attended context.Context
	lose     context.CancelCauseFunc
	doubts   chan struct{}
	// failed is when a connection failed last, in nanoseconds since 1970.
	failed atomic.Int64
}

// New returns the reach of an API server that nobody attends to.
func New() *Reach { return &Reach{} }

// Wrap returns what sends requests within the reach, as rest.Config wants it.
func (r *Reach) Wrap(next http.RoundTripper) http.RoundTripper {
	return impatient{starting{reaching{next, r}, &r.failed, time.Now}}
}

// Attend lets requests through from now on, until lose is called with why not. Doubts
// asks whether the API server still answers.
func (r *Reach) Attend() (doubts <-chan struct{}, lose context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attended, r.lose = context.WithCancelCause(context.Background())
	r.failures, r.doubts = 0, make(chan struct{}, 1)
	return r.doubts, r.lose
}

// current is nil when nobody attends to the API server.
func (r *Reach) current() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attended
}

// note takes note of whether a request got an answer.
func (r *Reach) note(answered bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures++; answered {
		r.failures = 0
	}
	if r.failures >= doubtful {
		r.ask()
	}
}

// doubt asks whether the API server still answers.
func (r *Reach) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ask()
}

func (r *Reach) ask() {
	select {
	case r.doubts <- struct{}{}:
	default: // it is asked, or nobody is there to ask
	}
}

// Asking returns a context for the request that asks whether an API server answers: it
// is sent also while that is lost.
func Asking(ctx context.Context) context.Context { return context.WithValue(ctx, asking{}, true) }

type asking struct{}

// reaching sends requests as far as a reach lets them.
type reaching struct {
	next  http.RoundTripper
	reach *Reach
}

func (t reaching) RoundTrip(request *http.Request) (*http.Response, error) {
	attended := t.reach.current()
	if attended == nil || request.Context().Value(asking{}) != nil {
		return t.next.RoundTrip(request)
	}
	if attended.Err() != nil {
		return nil, context.Cause(attended)
	}
	ctx, cancel := context.WithCancelCause(request.Context())
	stop := context.AfterFunc(attended, func() { cancel(context.Cause(attended)) })
	release := func() {
		stop()
		cancel(nil)
	}
	silence := time.AfterFunc(silentFor, t.reach.doubt)
	response, err := t.next.RoundTrip(request.WithContext(ctx))
	silence.Stop()
	if err != nil {
		if request.Context().Err() == nil {
			t.reach.note(false)
		}
		release()
		return response, err
	}
	t.reach.note(true)
	response.Body = released{response.Body, release}
	return response, nil
}

// WrappedRoundTripper gives access to the connection, to close it.
func (t reaching) WrappedRoundTripper() http.RoundTripper { return t.next }

// released is the body of an answer that ends when its API server is lost.
type released struct {
	io.ReadCloser
	release func()
}

// Close ends the request.
func (b released) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// impatient hides from the client when a refused watch may be tried again. The
// client would try ten times before it says so, and until then nobody would
// know that a kind cannot be watched; whoever watches waits by itself.
type impatient struct{ next http.RoundTripper }

func (t impatient) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err == nil && response.StatusCode >= http.StatusBadRequest && request.URL.Query().Has("watch") {
		response.Header.Del("Retry-After")
	}
	return response, err
}

// WrappedRoundTripper gives access to the connection, to close it.
func (t impatient) WrappedRoundTripper() http.RoundTripper { return t.next }

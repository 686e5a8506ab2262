package kube

import (
	"net/http"
	"sync"
	"time"
)

// lostAfter is how many requests in a row have to fail for want of an answer until
// a cluster counts as one that cannot be reached.
const lostAfter = 3

// reach takes note of whether an API server answers.
type reach struct {
	mu       sync.Mutex
	failures int
	// lost is told, once, that it answers no more, and by what that is known. It must
	// not block.
	lost func(error)
}

// watch has told when the API server answers no more.
func (r *reach) watch(lost func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures, r.lost = 0, lost
}

// note takes note of how a request ended.
func (r *reach) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.failures = 0
		return
	}
	if r.failures++; r.failures >= lostAfter && r.lost != nil {
		r.lost(err)
		r.lost = nil
	}
}

// noting tells a reach of every request that got no answer, unless whoever asked
// wants none any more.
type noting struct {
	next  http.RoundTripper
	reach *reach
}

func (n noting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := n.next.RoundTrip(request)
	if err == nil || request.Context().Err() == nil || isLate(request) {
		n.reach.note(err)
	}
	return response, err
}

// isLate reports whether a request ended because its time was over.
func isLate(request *http.Request) bool {
	deadline, bounded := request.Context().Deadline()
	return bounded && !time.Now().Before(deadline)
}

// WrappedRoundTripper gives access to the connection, to close it.
func (n noting) WrappedRoundTripper() http.RoundTripper { return n.next }

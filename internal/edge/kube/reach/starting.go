package reach

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How long after a failed connection an API server is taken to be starting, so that
// a refusal that is meant comes so much later: whatever it says, because it may get
// ready between a refusal and the question whether it is, and as long as it refuses
// to say even that. Clients that were refused a connection wait up to half a minute.
const (
	startTime = 5 * time.Second
	silence   = time.Minute
)

// starting makes a failure that passes of a refusal by an API server that is
// not ready, or was not a moment ago. One that has just started forbids
// everything to everybody, until it knows all rules; taken for a decision, that
// would fail syncs and make every App Unknown.
type starting struct {
	next http.RoundTripper
	// failed is when a connection failed last, in nanoseconds since 1970.
	failed *atomic.Int64
	now    func() time.Time
}

func (t starting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	switch {
	case err != nil:
		if request.Context().Err() == nil {
			t.failed.Store(t.now().UnixNano())
		}
		return response, err
	case response.StatusCode != http.StatusForbidden && response.StatusCode != http.StatusUnauthorized:
		return response, nil
	case t.since() > startTime && !t.unready(request):
		return response, nil
	}
	_ = response.Body.Close()
	return notReady(request)
}

// WrappedRoundTripper gives access to the connection, to close it.
func (t starting) WrappedRoundTripper() http.RoundTripper { return t.next }

// since is how long ago a connection failed.
func (t starting) since() time.Duration { return t.now().Sub(time.Unix(0, t.failed.Load())) }

// unready asks without credentials, which everybody may who knows the rules of a
// cluster, unless those are changed. Whatever else is no clear answer means that the
// refusal stands.
func (t starting) unready(refused *http.Request) bool {
	probe := refused.Clone(refused.Context())
	probe.Method, probe.Body, probe.ContentLength, probe.GetBody = http.MethodGet, nil, 0, nil
	probe.Header = http.Header{"User-Agent": refused.Header["User-Agent"]}
	probe.URL.Path, probe.URL.RawPath, probe.URL.RawQuery = "/readyz", "", ""
	response, err := t.next.RoundTrip(probe)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	switch code := response.StatusCode; {
	case code >= http.StatusInternalServerError:
		t.failed.Store(t.now().UnixNano())
		return true
	case code == http.StatusForbidden || code == http.StatusUnauthorized:
		return t.since() <= silence
	}
	return false
}

// notReady is the answer that makes clients try again in a second.
func notReady(request *http.Request) (*http.Response, error) {
	body, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable,
		Message: "the API server is starting and does not know yet who may do what",
	})
	if err != nil {
		return nil, fmt.Errorf("answer for an API server that is starting: %w", err)
	}
	return &http.Response{
		Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Request: request,
	}, nil
}

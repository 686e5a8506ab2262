package reach

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A server that knows no rules yet refuses to say whether it is ready, too. Where it
// always refuses that, a refusal that is meant is heard a minute after an outage.
func TestRefusalByAServerThatDoesNotSayWhetherItIsReady(t *testing.T) {
	var down error
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	now, ready := noon, http.StatusForbidden
	client := starting{transport(func(request *http.Request) (*http.Response, error) {
		if request.URL.Path == "/readyz" {
			return answer(request, ready), down
		}
		return answer(request, http.StatusForbidden), down
	}), &atomic.Int64{}, func() time.Time { return now }}
	ask := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://cluster.example/api", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.RoundTrip(request)
		if err != nil {
			return 0
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	for _, step := range []struct {
		at    time.Duration
		down  error
		ready int
		want  int
	}{
		{0, nil, http.StatusForbidden, http.StatusForbidden},
		{time.Minute, errors.New("connection refused"), 0, 0},
		{time.Minute + 4*time.Second, nil, http.StatusOK, http.StatusServiceUnavailable},
		{time.Minute + 10*time.Second, nil, http.StatusForbidden, http.StatusServiceUnavailable},
		{time.Minute + 50*time.Second, nil, http.StatusUnauthorized, http.StatusServiceUnavailable},
		{time.Minute + 51*time.Second, nil, http.StatusOK, http.StatusForbidden},
		{2*time.Minute + time.Second, nil, http.StatusForbidden, http.StatusForbidden},
	} {
		now, down, ready = noon.Add(step.at), step.down, step.ready
		if got := ask(); got != step.want {
			t.Errorf("after %s with readyz %d: %d, want %d", step.at, step.ready, got, step.want)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) { return t(request) }

func answer(request *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("no")), Request: request,
	}
}

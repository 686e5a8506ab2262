package kube_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// refusals answers as an API server that refuses so many requests, and is or is
// not ready meanwhile.
type refusals struct {
	status int
	ready  int
	left   atomic.Int64
	probes atomic.Int64
}

func (r *refusals) through(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	switch {
	case request.URL.Path == "/readyz":
		r.probes.Add(1)
		if request.Header.Get("Authorization") != "" {
			return answer(request, http.StatusOK), nil // credentials are not for this
		}
		return answer(request, r.ready), nil
	case request.Header.Get("Content-Type") == "application/apply-patch+yaml" && r.left.Add(-1) >= 0:
		return answer(request, r.status), nil
	}
	return next.RoundTrip(request)
}

func answer(request *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("no")), Request: request,
	}
}

func TestRefusalOfAStartingServerPasses(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized} {
		r := &refusals{status: status, ready: http.StatusInternalServerError}
		b := newBench(t, r.through)
		r.left.Store(2)
		written, err := b.Write(t.Context(), syncline.Write{Action: syncline.Create, Object: b.configMap("web", "red"), Ref: b.configMap("web", "red").Ref()})
		if err != nil || written.Ref().Name != "web" {
			t.Errorf("%d by a server that starts: %v", status, err)
		}
		if n := r.probes.Load(); n != 1 {
			t.Errorf("%d: the server was asked %d times whether it is ready, want 1", status, n)
		}
	}
}

func TestRefusalOfAReadyServerStands(t *testing.T) {
	for _, ready := range []int{http.StatusOK, http.StatusUnauthorized} {
		r := &refusals{status: http.StatusForbidden, ready: ready}
		b := newBench(t, r.through)
		r.left.Store(1)
		_, err := b.Write(t.Context(), syncline.Write{Action: syncline.Create, Object: b.configMap("web", "red"), Ref: b.configMap("web", "red").Ref()})
		if syncline.KindOf(err) != syncline.Denied {
			t.Errorf("with readyz %d the error is %v", ready, err)
		}
		if _, err := b.GetObject(t.Context(), configMaps, types.NamespacedName{Namespace: b.namespace, Name: "web"}); syncline.KindOf(err) != syncline.NotFound {
			t.Errorf("something was written: %v", err)
		}
	}
}

// The server gets ready between the refusal and the question whether it is.
func TestRefusalRightAfterAnOutagePasses(t *testing.T) {
	r := &refusals{status: http.StatusForbidden, ready: http.StatusOK}
	var down atomic.Bool
	b := newBench(t, r.through, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if down.Load() {
			return nil, errors.New("connection refused")
		}
		return next.RoundTrip(request)
	})
	down.Store(true)
	name := types.NamespacedName{Namespace: b.namespace, Name: "web"}
	if _, err := b.GetObject(t.Context(), configMaps, name); syncline.KindOf(err) != syncline.Transient {
		t.Fatalf("during the outage the error is %v", err)
	}
	down.Store(false)
	r.left.Store(1)
	if _, err := b.Write(t.Context(), syncline.Write{Action: syncline.Create, Object: b.configMap("web", "red"), Ref: b.configMap("web", "red").Ref()}); err != nil {
		t.Errorf("right after the outage the error is %v", err)
	}
}

// A watch is not tried again by the client, so that whoever watches learns of it.
func TestRefusedWatchOfAStartingServerIsTriedAgain(t *testing.T) {
	var refused atomic.Int64
	through := func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		switch {
		case request.URL.Path == "/readyz":
			return answer(request, http.StatusInternalServerError), nil
		case request.URL.Query().Has("watch") && refused.Add(1) == 1:
			return answer(request, http.StatusForbidden), nil
		}
		return next.RoundTrip(request)
	}
	b := newBench(t, through)
	expect(t, listen(t, b.Client, kube.WatchOptions{Namespace: b.namespace}), "failed transient")
}

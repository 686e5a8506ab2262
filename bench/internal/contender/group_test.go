package contender

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// begin starts a shell script whose log is not kept.
func begin(t *testing.T, script string) *child {
	t.Helper()
	log, err := openLog("", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := startChild(log, exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.stop() })
	return c
}

const untilStopped = "exec sleep 600"

func TestGroupEndsWithTheFirst(t *testing.T) {
	lasting := begin(t, untilStopped)
	ctx, done := group{lasting, begin(t, "echo out of luck; exit 3")}.within(t.Context())
	defer done()
	<-ctx.Done()
	for _, part := range []string{"out of luck", "exit status 3"} {
		if err := context.Cause(ctx); !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
}

func TestGroupStopsAll(t *testing.T) {
	g := group{begin(t, untilStopped), begin(t, untilStopped)}
	if trees := g.forest(); len(trees) != 2 {
		t.Errorf("it is %v", trees)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	for _, c := range g {
		<-c.ended
	}
}

func TestAnswers(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	c := begin(t, untilStopped)
	if err := c.answers(t.Context(), server.URL); err != nil || calls.Load() != 3 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	if err := c.answers(t.Context(), server.Listener.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestAnswersGivesUpWithTheProcess(t *testing.T) {
	ports, err := freePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := begin(t, "echo no luck").answers(ctx, loopback(ports[0])); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("the error is %v", err)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		seen[port] = true
	}
	if len(seen) != 20 {
		t.Errorf("the ports are %v", ports)
	}
}

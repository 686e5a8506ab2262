package bound_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
)

// judged is a test whose failures are only taken down.
type judged struct {
	testing.TB
	said []string
}

func (j *judged) Helper() {}

func (j *judged) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

func (j *judged) Fatalf(format string, args ...any) { j.Errorf(format, args...) }

// kept keeps what is allocated from being optimized away.
var kept []byte //nolint:gochecknoglobals // the compiler must not know who reads it

func TestRun(t *testing.T) {
	for name, test := range map[string]struct {
		limits bound.Limits
		do     func()
		want   string
	}{
		"little":  {do: func() { kept = make([]byte, 1<<10) }},
		"a panic": {do: func() { panic("away") }, want: "panic: away"},
		"much memory": {limits: bound.Limits{Bytes: 1 << 20}, want: "and may allocate 1024", do: func() {
			for range 100 {
				kept = make([]byte, 64<<10)
			}
		}},
		"much time": {limits: bound.Limits{Time: 20 * time.Millisecond}, want: "and may take 20ms", do: func() {
			text := make([]byte, 1<<20)
			for range 256 {
				sum := sha256.Sum256(text)
				copy(text, sum[:])
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &judged{TB: t}
			test.limits.Run(j, test.do)
			got := strings.Join(j.said, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("it said %q, want %q", got, test.want)
			}
		})
	}
}

func TestRunDoesNotWaitForWhatDoesNotEnd(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	const stopped = "stopped"
	defer func() {
		if cause := recover(); cause != stopped {
			t.Errorf("got %v", cause)
		}
	}()
	bound.Limits{Time: time.Millisecond}.Run(fatal{t, stopped}, func() { <-release })
}

// fatal is a test that is ended by a panic.
type fatal struct {
	testing.TB
	cause string
}

func (f fatal) Helper() {}

func (f fatal) Fatalf(string, ...any) { panic(f.cause) }

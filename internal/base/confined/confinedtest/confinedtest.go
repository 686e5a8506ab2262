// Package confinedtest is what holds for every kind of worker that is run by
// confined: its jobs come back as from this process, and take, reach and leave
// nothing that they may not. It is for tests only.
package confinedtest

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// Kind is a kind of worker. Its jobs are texts here, and so are their results.
type Kind struct {
	// Argument makes this program a child that serves the kind by [Probed].
	Argument string
	// Start returns what does jobs in the processes of a pool with these options, which
	// is closed by the test's end. A text is a job as it is.
	Start func(t testing.TB, options confined.Options) Do
	// Here does a job in this process.
	Here Do
	// Jobs are some that have a result, and Faulty some that have an error.
	Jobs, Faulty []string
	// Leaving are jobs that try to leave something to whoever is next, and Looking one
	// that would have another result if it found that.
	Leaving []string
	Looking string
}

// Do does a job of an owner.
type Do func(ctx context.Context, owner, job string) (string, error)

// Run runs the suite on a kind.
func Run(t *testing.T, kind Kind) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(t *testing.T, options confined.Options) Do {
		t.Helper()
		options.Command, options.Size = []string{program, kind.Argument}, 2 // of which one owner has one
		return kind.Start(t, options)
	}
	t.Run("jobs come back as from here", func(t *testing.T) { comesBack(t, kind, start(t, confined.Options{})) })
	for _, limit := range []struct {
		what, says string
		options    confined.Options
	}{
		{"loop", "longer than 2s", confined.Options{Timeout: 2 * time.Second}},
		{"allocate", "more than 96 MiB of memory", confined.Options{Memory: 96 << 20, Timeout: time.Minute}},
		{"recurse", "calls nest without an end", confined.Options{Memory: 512 << 20, Timeout: time.Minute}},
		{"panic", "fails on this input: oops", confined.Options{}},
		{"listen", "operation not permitted", confined.Options{}},
		{"dial", "operation not permitted", confined.Options{}},
		{"read a file", "operation not permitted", confined.Options{}},
		{"write a file", "operation not permitted", confined.Options{}},
		{"run a program", "operation not permitted", confined.Options{}},
	} {
		t.Run(limit.what, func(t *testing.T) {
			if runtime.GOOS != "linux" && strings.Contains(limit.says, "permitted") {
				limit.says = "" // where the kernel forbids nothing, it may work
			}
			stops(t, kind, start(t, limit.options), limit.what, limit.says)
		})
	}
	t.Run("what is printed is no answer", func(t *testing.T) {
		do := start(t, confined.Options{})
		if _, err := do(soon(t), "", probe+"print"); err != nil {
			t.Error(err)
		}
		next(t, kind, do)
	})
	t.Run("nothing is left to others", func(t *testing.T) { leavesNothing(t, kind, start(t, confined.Options{})) })
}

// comesBack holds that it does not matter where a job is done.
func comesBack(t *testing.T, kind Kind, do Do) {
	if len(kind.Jobs) == 0 || len(kind.Faulty) == 0 {
		t.Fatal("there are no jobs to compare")
	}
	for _, job := range kind.Jobs {
		want, err := kind.Here(soon(t), "", job)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := do(soon(t), "", job); err != nil || got != want {
			t.Errorf("%.60q: got %q, %v, want %q", job, got, err, want)
		}
	}
	for _, job := range kind.Faulty {
		_, want := kind.Here(soon(t), "", job)
		if want == nil {
			t.Fatalf("%.60q has no error", job)
		}
		if _, got := do(soon(t), "", job); !sameError(got, want) {
			t.Errorf("%.60q: got %v (%s), want %v (%s)", job, got, syncline.KindOf(got), want, syncline.KindOf(want))
		}
	}
}

func sameError(a, b error) bool {
	return a != nil && a.Error() == b.Error() && syncline.KindOf(a) == syncline.KindOf(b) && syncline.HintOf(a) == syncline.HintOf(b)
}

// stops holds that a job which misbehaves ends with an error that says how, and
// what to do about it where that is a limit.
func stops(t *testing.T, kind Kind, do Do, what, says string) {
	_, err := do(soon(t), "hostile", probe+what)
	if says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
		t.Errorf("got %v, want an error with %q", err, says)
	}
	if strings.HasPrefix(says, "longer") || strings.HasPrefix(says, "more") || strings.HasPrefix(says, "calls") {
		if syncline.HintOf(err) == "" {
			t.Error("the error has no hint")
		}
		if strings.Contains(syncline.Explain(err), "render") && !strings.Contains(kind.Argument, "render") {
			t.Errorf("it speaks of rendering: %s", syncline.Explain(err))
		}
	}
	next(t, kind, do)
}

// leavesNothing holds that jobs have the results that they have alone, whoever had
// the process before.
func leavesNothing(t *testing.T, kind Kind, do Do) {
	want, err := do(soon(t), "first", kind.Looking)
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range kind.Leaving {
		_, _ = do(soon(t), "hostile", job) // it may fail
		if got, err := do(soon(t), "next", kind.Looking); err != nil || got != want {
			t.Errorf("after %.60q: got %q, %v, want %q", job, got, err, want)
		}
	}
}

// next holds that another job can be done.
func next(t *testing.T, kind Kind, do Do) {
	t.Helper()
	if _, err := do(soon(t), "next", kind.Jobs[0]); err != nil {
		t.Errorf("the next job: %v", err)
	}
}

// soon is a deadline for what must end.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

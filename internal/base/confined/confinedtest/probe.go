package confinedtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/syncline-io/syncline/internal/base/confined"
)

// probe begins the text of a job that misbehaves in its process, whatever the
// language is that jobs of its kind are written in.
const probe = "confinedtest:"

// Probed returns the handler, which does as a probe says where the text of a job
// is one. It is what the children of [Kind.Start] have to serve.
func Probed[Job, Result any](handle confined.Handler[Job, Result], text func(Job) string) confined.Handler[Job, Result] {
	return func(ctx context.Context, job Job, host confined.Host) (Result, bool, error) {
		if what, is := strings.CutPrefix(text(job), probe); is {
			var none Result
			return none, false, misbehave(ctx, what)
		}
		return handle(ctx, job, host)
	}
}

// misbehave does what a job must not, and returns what came of it.
func misbehave(ctx context.Context, what string) error {
	probes := map[string]func(context.Context) error{
		"loop": loop, "allocate": allocate, "listen": listen, "dial": dial,
		"recurse": func(context.Context) error { return fmt.Errorf("%d calls", recurse(1)) },
		"panic":   func(context.Context) error { panic("oops") },
		"print": func(context.Context) error {
			_, err := fmt.Fprintln(os.Stdout, "this is no answer")
			return err
		},
		"read a file": func(context.Context) error {
			_, err := os.ReadFile("/etc/hostname")
			return err
		},
		"write a file":  func(context.Context) error { return os.WriteFile(os.TempDir()+"/syncline-confinedtest", nil, 0o600) },
		"run a program": func(ctx context.Context) error { return exec.CommandContext(ctx, "/bin/true").Run() },
	}
	if do, ok := probes[what]; ok {
		return do(ctx)
	}
	return fmt.Errorf("there is no probe %q", what)
}

// loop computes for ever, and does not look at its context.
func loop(context.Context) error {
	for {
		runtime.Gosched()
	}
}

// allocate takes memory for ever.
func allocate(context.Context) error {
	for kept := [][]byte{}; ; {
		kept = append(kept, make([]byte, 1<<20))
		for i := range kept[len(kept)-1] {
			kept[len(kept)-1][i] = 1
		}
	}
}

func listen(ctx context.Context) error {
	_, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	return err
}

func dial(ctx context.Context) error {
	_, err := (&net.Dialer{}).DialContext(ctx, "udp", "127.0.0.1:53")
	return err
}

// recurse calls itself for longer than any stack lasts.
func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return n + recurse(n+1)
}

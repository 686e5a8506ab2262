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
	switch what {
	case "loop":
		for {
			runtime.Gosched()
		}
	case "allocate":
		for kept := [][]byte{}; ; {
			kept = append(kept, make([]byte, 1<<20))
			for i := range kept[len(kept)-1] {
				kept[len(kept)-1][i] = 1
			}
		}
	case "recurse":
		return fmt.Errorf("%d calls", recurse(1))
	case "panic":
		panic("oops")
	case "print":
		_, err := fmt.Fprintln(os.Stdout, "this is no answer")
		return err
	case "listen":
		_, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		return err
	case "dial":
		_, err := (&net.Dialer{}).DialContext(ctx, "udp", "127.0.0.1:53")
		return err
	case "read a file":
		_, err := os.ReadFile("/etc/hostname")
		return err
	case "write a file":
		return os.WriteFile(os.TempDir()+"/syncline-confinedtest", nil, 0o600)
	case "run a program":
		return exec.CommandContext(ctx, "/bin/true").Run()
	}
	return fmt.Errorf("there is no probe %q", what)
}

// recurse calls itself for longer than any stack lasts.
func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return n + recurse(n+1)
}

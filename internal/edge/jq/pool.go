package jq

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
)

// Pool runs expressions in child processes: who writes one is not trusted with the
// memory of this process. It is safe for concurrent use.
type Pool struct{ processes *confined.Pool }

// NewPool returns a Pool with the defaults of [confined.Quick]: one project never has
// all processes. The options need a command, which calls [Serve]; by default an
// expression has two seconds.
func NewPool(options confined.Options) Pool {
	options = confined.Quick(options)
	options.Timeout = cmp.Or(options.Timeout, 2*time.Second)
	options.Remedies = confined.Remedies{
		Time:   "look for a loop in the expression that does not end, or use jsonPointers",
		Memory: "look for a repetition in the expression without a bound, or use jsonPointers",
		Stack:  "look for a function in the expression that calls itself, or use jsonPointers",
	}
	return Pool{confined.NewPool(options)}
}

// Close ends the processes.
func (p Pool) Close() { p.processes.Close() }

// removal is a job of a process.
type removal struct {
	Expression string
	Object     map[string]any
}

// Remove is [Remove] in a process, of the share of a project. An expression that
// takes more than it may is an Invalid error.
func (p Pool) Remove(ctx context.Context, project, expression string, object map[string]any) (map[string]any, error) {
	stripped, err := confined.Call[removal, map[string]any](ctx, p.processes, removal{expression, object}, confined.Host{Owner: project})
	if _, limited := errors.AsType[*confined.LimitError](err); limited {
		return nil, syncline.Errorf(syncline.Invalid, "%w", err)
	}
	return stripped, err
}

// Serve is the child's side of a [Pool]: it gives up what this process may do and
// returns when in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	return confined.Serve(ctx, in, out, remove)
}

func remove(ctx context.Context, job removal, _ confined.Host) (stripped map[string]any, tainted bool, err error) {
	stripped, err = Remove(ctx, job.Expression, job.Object)
	return stripped, false, err
}

package render

import (
	"context"
	"io"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// Confined builds in the child processes of a pool, whose command calls
// [Serve]. It satisfies [Builder].
type Confined struct{ Pool *confined.Pool }

// Build builds the job in a child process.
func (c Confined) Build(ctx context.Context, job Job, inputs Inputs) (Output, error) {
	return confined.Call[Job, Output](ctx, c.Pool, job, confined.Host(inputs))
}

var _ confined.Shallow = Output{}

// MaxDepth is how deep what a child process wrote may nest: the parts of an Output and
// the objects in it.
func (Output) MaxDepth() int { return 2 * decode.MaxDepth }

// Serve is the child's side of [Confined]. It gives up what this process may do
// and returns when in ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer, tools Tools) error {
	return confined.Serve(ctx, in, out, tools.handle)
}

// handle builds for the other side. A tool may ask for a new process.
func (t Tools) handle(ctx context.Context, job Job, host confined.Host) (output Output, tainted bool, err error) {
	output, err = t.Build(ctx, job, Inputs(host))
	tool, ok := t.Kustomize.(interface{ Tainted() bool })
	return output, ok && tool.Tainted(), err
}

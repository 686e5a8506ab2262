package render

import (
	"context"
	"io"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
)

// ServeProbed is [Serve] for the jobs of confinedtest too, which are called so.
func ServeProbed(ctx context.Context, in io.Reader, out io.Writer, tools Tools) error {
	return confined.Serve(ctx, in, out, confinedtest.Probed(tools.handle, func(job Job) string { return job.App }))
}

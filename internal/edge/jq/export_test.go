package jq

import (
	"context"
	"io"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
)

// ServeProbed is [Serve] for the jobs of confinedtest too.
func ServeProbed(ctx context.Context, in io.Reader, out io.Writer) error {
	return confined.Serve(ctx, in, out, confinedtest.Probed(remove, func(job removal) string { return job.Expression }))
}

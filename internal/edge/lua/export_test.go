package lua

import (
	"context"
	"io"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
)

// ServeProbed is [Serve] for the jobs of confinedtest too.
func ServeProbed(ctx context.Context, in io.Reader, out io.Writer) error {
	var machine Machine
	return confined.Serve(ctx, in, out, confinedtest.Probed(machine.handle, func(job judgement) string { return job.Rule.Script }))
}

// Stats says what became of the processes.
func (p Pool) Stats() confined.Stats { return p.processes.Stats() }

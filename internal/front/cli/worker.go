package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

// Worker does the jobs that come in until in ends, and writes to out what comes
// of them.
type Worker func(ctx context.Context, in io.Reader, out io.Writer) error

// newWorker is a command that the agent runs itself: a process which does its
// dangerous work.
func (p *program) newWorker(name, short string, worker Worker) *cobra.Command {
	return &cobra.Command{
		Use:    name,
		Short:  short,
		Hidden: true,
		Args:   usage.Names("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if worker == nil {
				return syncline.Errorf(syncline.Internal, "this program was built without %ss", name)
			}
			return worker(cmd.Context(), p.streams.In, p.streams.Out)
		},
	}
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
)

func (p *program) newRenderWorker() *cobra.Command {
	return &cobra.Command{
		Use:    "render-worker",
		Short:  "Render what the agent sends on stdin",
		Hidden: true,
		Args:   names("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.deps.RenderWorker == nil {
				return syncline.Errorf(syncline.Internal, "this program was built without render workers")
			}
			return p.deps.RenderWorker(cmd.Context(), p.io.In, p.io.Out)
		},
	}
}

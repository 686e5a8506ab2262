package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/front/cli/usage"
)

func (p *program) newServer() *cobra.Command {
	var options access.ServerOptions
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run the agent",
		Long: `Run the agent: watch the Application resources, and make and keep the clusters
so, until it is told to stop.

It reads the kubeconfig, or inside a cluster the service account of its pod.
Kubernetes holds its state: it can be stopped at any time.`,
		Example: `  syncline server
  syncline server --kubeconfig dev.yaml --namespace argocd --log-format text`,
		Args: usage.Names("no arguments", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Check(); err != nil {
				return usage.Of(err)
			}
			if p.deps.Server == nil {
				return syncline.Errorf(syncline.Internal, "this program was built without the agent")
			}
			options.Connection = p.connection
			options.ControlPlane = p.namespace
			return p.deps.Server(cmd.Context(), options)
		},
	}
	options.Bind(cmd.Flags())
	return cmd
}

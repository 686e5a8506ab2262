package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/devcluster"
)

func newUpCommand() *cobra.Command {
	var options devcluster.Options
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster and run it until Ctrl-C",
		Long: `Start a cluster, write a kubeconfig for its administrator, and run until Ctrl-C.

Without --data the cluster is temporary and leaves nothing behind. With --data its objects are there again
the next time.`,
		Example: `  syncline-devcluster up
  syncline-devcluster up --data ~/.cache/my-cluster --kubeconfig ~/.kube/devcluster --nodes 3
  syncline-devcluster up --audit-log /tmp/audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Progress = command.ErrOrStderr()
			return up(command.Context(), options, command.OutOrStdout())
		},
	}
	addFlags(command, &options)
	return command
}

// addFlags are the flags that up and run share.
func addFlags(command *cobra.Command, options *devcluster.Options) {
	flags := command.Flags()
	flags.StringVar(&options.Name, "name", "devcluster", "the cluster's name, also the kubeconfig's context")
	flags.StringVar(&options.DataDir, "data", "", "folder for the data, kept and used again (default a temporary one)")
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "file to write the kubeconfig to (default in the data folder)")
	flags.BoolVar(&options.Audit, "audit", false, "write the API audit log")
	flags.StringVar(&options.AuditLog, "audit-log", "", "file to append the API audit log to (default with --audit: audit.log in the data folder)")
	flags.IntVar(&options.Nodes, "nodes", 1, "number of played nodes")
	flags.IntVar(&options.Port, "port", 0, "port of the API server (default a free one)")
}

func up(ctx context.Context, options devcluster.Options, out io.Writer) error {
	cluster, err := devcluster.Start(ctx, options)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `
The API server is at %s; logs are in %s/logs. In another terminal:

  export KUBECONFIG=%s
  kubectl get nodes

Ctrl-C ends the cluster.
`, cluster.Server(), cluster.DataDir(), cluster.Kubeconfig())
	return serve(ctx, cluster)
}

// serve waits for the end of the context, which is the wish to stop, or for the failure of a part, and stops the cluster.
func serve(ctx context.Context, cluster *devcluster.Cluster) error {
	select {
	case <-ctx.Done():
		return cluster.Stop()
	case <-cluster.Done():
		return errors.Join(cluster.Err(), cluster.Stop())
	}
}

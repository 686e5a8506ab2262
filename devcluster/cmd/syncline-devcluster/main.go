// Command syncline-devcluster runs a real Kubernetes control plane on this machine: for people (up), for programs
// (run), and as each of the control plane's parts (component, which only the program itself uses).
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/devcluster/internal/component"
)

func main() {
	if args := os.Args[1:]; component.Requested(args) {
		os.Exit(component.Run(args))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "syncline-devcluster:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "syncline-devcluster",
		Short: "A real Kubernetes control plane on this machine, with played nodes and pods",
		Long: `syncline-devcluster runs etcd, kube-apiserver, kube-controller-manager and kube-scheduler of Kubernetes on this
machine, reachable on 127.0.0.1 only, and KWOK in place of kubelets: no container runs, but pods become ready,
jobs complete and volumes are bound within seconds. It needs nothing but this program.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.AddCommand(newUpCommand(), newRunCommand())
	return command
}

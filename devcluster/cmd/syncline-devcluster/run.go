package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/syncline-io/syncline/devcluster"
)

// started is the first line that run writes.
type started struct {
	Name       string `json:"name"`
	Server     string `json:"server"`
	Kubeconfig string `json:"kubeconfig"`
	AuditLog   string `json:"auditLog"`
	DataDir    string `json:"dataDir"`
	PID        int    `json:"pid"`
	// PIDs are the process IDs of the cluster's parts by name.
	PIDs map[string]int `json:"pids"`
}

// answer is the line that run writes for each request.
type answer struct {
	Request string `json:"request"`
	Error   string `json:"error,omitempty"`
}

func newRunCommand() *cobra.Command {
	var options devcluster.Options
	command := &cobra.Command{
		Use:   "run",
		Short: "Start a cluster for another program, which holds it by this one's standard input",
		Long: `Start a cluster, write one line of JSON about it to standard output, and run until standard input closes:
a program that holds the other end of that pipe takes the cluster with it, however it ends.

Requests are lines on standard input, each answered by one line of JSON {"request":…,"error":…}:

  stop-apiserver    take the API server away as a crash would; etcd and the port are kept
  start-apiserver   bring it back, answered when it is ready

A part of the cluster that ends unasked ends this program, with exit code 1 and the reason on standard error.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			options.Progress = command.ErrOrStderr()
			return run(command.Context(), options, command.InOrStdin(), command.OutOrStdout())
		},
	}
	addFlags(command, &options)
	return command
}

func run(ctx context.Context, options devcluster.Options, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests := readLines(in, cancel)
	cluster, err := devcluster.Start(ctx, options)
	if err != nil {
		return err
	}
	replies := json.NewEncoder(out)
	err = replies.Encode(started{
		Name:       cluster.Name(),
		Server:     cluster.Server(),
		Kubeconfig: cluster.Kubeconfig(),
		AuditLog:   cluster.AuditLog(),
		DataDir:    cluster.DataDir(),
		PID:        os.Getpid(),
		PIDs:       cluster.PIDs(),
	})
	if err != nil {
		cancel()
	}
	go func() {
		for request := range requests {
			reply := answer{Request: request}
			if err := handle(ctx, cluster, request); err != nil {
				reply.Error = err.Error()
			}
			if replies.Encode(reply) != nil {
				cancel()
			}
		}
	}()
	return serve(ctx, cluster)
}

func handle(ctx context.Context, cluster *devcluster.Cluster, request string) error {
	switch request {
	case "stop-apiserver":
		return cluster.StopAPIServer()
	case "start-apiserver":
		return cluster.StartAPIServer(ctx)
	}
	return fmt.Errorf("unknown request %q: known are stop-apiserver and start-apiserver", request)
}

// readLines passes on the lines of in, and calls closed when in ends: also before the cluster is ready.
func readLines(in io.Reader, closed func()) <-chan string {
	lines := make(chan string)
	go func() {
		defer closed()
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// Command syncline-demo shows Syncline's loop on a control plane and a Git server of its own. It only reads flags and
// prints; internal/demo does the work.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/syncline-io/syncline/internal/demo"
)

func main() {
	options := demo.Options{Progress: os.Stderr}
	flag.StringVar(&options.Syncline, "syncline", "bin/syncline", "path of the syncline program")
	flag.BoolVar(&options.Once, "once", false, "check every step, print one line of JSON, and end")
	flag.BoolVar(&options.Remote, "remote", false, "use the cluster of KUBECONFIG although it is not on this machine")
	flag.Parse()
	os.Exit(run(options))
}

// run returns the exit code. The first interrupt stops everything in order, a second one ends the program at once.
func run(options demo.Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	result, err := demo.Run(ctx, options)
	if options.Once {
		_ = json.NewEncoder(os.Stdout).Encode(result) // a failure to print shows in the exit code of whoever reads
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil && !options.Once:
		return 130
	default:
		fmt.Fprintln(os.Stderr, "the demo failed:", err)
		return 1
	}
}

// Command bench measures Syncline against bare server-side apply, Flux and Argo
// CD, side by side on one machine; docs/design/performance.md says what and why. It builds and
// starts everything that it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/syncline-io/syncline/bench/internal/workload"
)

func main() {
	if err := start(); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // main is where a process ends
	}
}

// start runs the command. The first interrupt ends it in order, a second one at
// once.
func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return command(ctx, os.Args[1:], os.Stdout)
}

const usage = `bench measures Syncline.

  bench run [flags]    run workloads, keep the results and judge them
  bench table FOLDER   show the results that are kept in a folder
  bench markdown FOLDER
                       show them as Markdown, for the documentation
  bench draw FOLDER FILE
                       draw the time of W1 over the number of apps as SVG
`

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	name, args := args[0], args[1:]
	switch {
	case name == "run":
		return run(ctx, args, out)
	case name == "table" && len(args) == 1:
		return table(args[0], out)
	case name == "markdown" && len(args) == 1:
		return markdown(args[0], out)
	case name == "draw" && len(args) == 2:
		return draw(args[0], args[1])
	case name == "alone" && len(args) == 5: // what W7 calls
		return alone(args)
	}
	return errors.New(usage)
}

func alone(args []string) error {
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(args[2+i])
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	return workload.Alone(args[0], args[1], numbers[0], numbers[1], numbers[2])
}

// Command syncline makes and keeps Kubernetes clusters as Git says. "syncline
// server" is the agent; every other command is the command line. This package
// joins the parts and holds no logic of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // which a container may lack, for sync windows

	"github.com/syncline-io/syncline/internal/front/cli"
)

func main() {
	os.Exit(run())
}

// run returns the exit code. The first interrupt ends the command in order, a
// second one at once.
func run() int {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintf(os.Stderr, "find this program: %v\n", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Main(ctx, os.Args[1:], dependencies(program), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// version says what was built, from what the Go tool wrote into the program.
func version() cli.Version {
	v := cli.Version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			v.Commit = setting.Value
		}
	}
	return v
}

package cli_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/syncline-io/syncline/internal/front/cli"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"syncline": func() { os.Exit(run()) }, "code": func() { os.Exit(code()) }})
}

// run is the program with a world of files: see world.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return cli.Main(ctx, os.Args[1:], dependencies("."), cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// dependencies stand for the world outside with the files of a folder.
func dependencies(dir string) cli.Deps {
	w := &world{dir: dir}
	return cli.Deps{
		Connect:      func(_ context.Context, c access.Connection) (access.Backend, error) { return w, w.connected(c) },
		Engine:       func(context.Context, access.Connection) (access.Engine, error) { return engine{dir}, nil },
		Renderer:     renderer{dir},
		Server:       serve,
		RenderWorker: echo,
		JQWorker:     echo,
		LuaWorker:    echo,
		Version:      cli.Version{Version: "v1.2.3", Commit: "abc", Go: "go1.26", Platform: "linux/amd64"},
		Getenv:       os.Getenv,
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// code runs a command and fails unless it ends with the given exit code.
func code() int {
	wanted, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: code CODE COMMAND...")
		return 2
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = cmd.Run() // its exit code is what is looked at
	if got := cmd.ProcessState.ExitCode(); got != wanted {
		fmt.Fprintf(os.Stderr, "exit code is %d, not %d\n", got, wanted)
		return 1
	}
	return 0
}

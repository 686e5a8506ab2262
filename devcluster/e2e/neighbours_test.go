package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var neighbours = flag.Bool("neighbours", false, "run TestNeighbours, which measures and so needs the machine to itself")

// TestNeighbours runs the attacks of one project beside the commits of another. The scripts measure time and memory, so
// that they run one after the other, and not beside other tests.
func TestNeighbours(t *testing.T) {
	if !*neighbours {
		t.Skip("it measures, and runs alone: make neighbours") //nolint:forbidigo // make nightly runs it too
	}
	scripts, err := filepath.Glob(filepath.Join("testdata", "neighbours", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, script := range scripts {
		// Within a run of its own a script is over before the next one begins.
		t.Run("alone", func(t *testing.T) {
			testscript.Run(t, testscript.Params{Files: []string{script}, Setup: setupNeighbours, Cmds: commands(), RequireUniqueNames: true})
		})
	}
}

// setupNeighbours gives a script the projects, the victim and what their repositories begin with.
func setupNeighbours(env *testscript.Env) error {
	if err := os.CopyFS(env.WorkDir, os.DirFS(filepath.Join("testdata", "neighbours", "world"))); err != nil {
		return err
	}
	return setup(env)
}

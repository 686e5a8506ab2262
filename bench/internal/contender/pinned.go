package contender

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pinned is a peer's program, at the version that a module in the folder peers
// of this one requires. Each has a module of its own, because their
// requirements differ from each other's and from Syncline's.
type pinned struct {
	// folder is the module's, in the folder peers.
	folder string
	// module is the program's own.
	module string
	// main is the package of the program.
	main string
}

// program is what became of a pinned one.
type program struct {
	// path is the executable's.
	path string
	// source is the folder of the module that it was built from.
	source string
	// version is the name and version of that module.
	version string
}

// build builds the program into a folder, as its makers do: without C.
func (p pinned) build(ctx context.Context, peers, into string) (program, error) {
	into, err := filepath.Abs(into)
	if err != nil {
		return program{}, err
	}
	built := program{path: filepath.Join(into, p.folder)}
	if _, err := p.tool(ctx, peers, "build", "-o", built.path, p.main); err != nil {
		return program{}, err
	}
	listed, err := p.tool(ctx, peers, "list", "-m", "-f", "{{.Dir}}\n{{.Version}}", p.module)
	if err != nil {
		return program{}, err
	}
	source, version, _ := strings.Cut(listed, "\n")
	built.source, built.version = source, p.folder+" "+version
	return built, nil
}

// tool runs the command go in the module's folder.
func (p pinned) tool(ctx context.Context, peers string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = filepath.Join(peers, p.folder)
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("building %s: %w: %s", p.folder, err, bytes.TrimSpace(problems.Bytes()))
	}
	return strings.TrimSpace(string(output)), nil
}

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// only says which packages, and those below them, may call a method: what gives
// away secrets, what gives permission, and what writes to a target cluster.
var only = map[string][]string{
	"Reveal": {"internal/edge", "internal/engine/plan", "internal/engine/apply", "internal/engine/render", "internal/engine/enginetest", "internal/engine/clustertest"},
	"Grant":  {"internal/engine/policy"},
}

// writes says which files may call a Write that takes a context and a write: the
// gate, what performs its writes, and the suite that holds that to its contract.
var writes = []string{
	"internal/engine/apply/gate.go", "internal/engine/confined.go", "internal/edge/kube/connection.go", "internal/engine/clustertest/suite.go",
}

// TestWrites holds that nothing writes to a target cluster but through the gate.
func TestWrites(t *testing.T) {
	found := map[string]bool{}
	eachFile(t, func(path, from string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		name := from + "/" + filepath.Base(path)
		if callsWrite(file) {
			found[name] = true
			if !slices.Contains(writes, name) {
				t.Errorf("%s writes to a cluster: only %s may", name, writes)
			}
		}
	})
	for _, name := range writes {
		if !found[name] {
			t.Errorf("%s writes to no cluster: the rule is about nothing", name)
		}
	}
}

// callsWrite reports whether a file calls a method Write that may be a
// cluster's: one with other than the one argument of io.Writer.
func callsWrite(file *ast.File) bool {
	found := false
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && len(call.Args) != 1 {
			selector, ok := call.Fun.(*ast.SelectorExpr)
			found = found || ok && selector.Sel.Name == "Write"
		}
		return true
	})
	return found
}

// runs says which packages, and those below them, may run other programs.
var runs = []string{"internal/edge/git", "internal/base/confined", "internal/base/testenv", "internal/demo"}

func TestCalls(t *testing.T) {
	found := map[string]bool{}
	eachFile(t, func(path, from string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"os/exec"` && !withinAny(from, runs) {
				t.Errorf("%s runs other programs: only %s may", path, runs)
			}
		}
		for name := range methodCalls(file) {
			packages, guarded := only[name]
			found[name] = found[name] || guarded
			if guarded && !withinAny(from, packages) {
				t.Errorf("%s calls %s: only %s may", path, name, packages)
			}
		}
	})
	for name := range only {
		if !found[name] {
			t.Errorf("nobody calls %s: the rule is about nothing", name)
		}
	}
}

// methodCalls returns the names of the methods and of the functions of other
// packages that a file calls.
func methodCalls(file *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
				names[selector.Sel.Name] = true
			}
		}
		return true
	})
	return names
}

// eachFile visits the Go files of the module that are not tests, with the
// package's folder.
func eachFile(t *testing.T, visit func(path, from string)) {
	t.Helper()
	walk(t, []string{"testdata", "devcluster", "bench", "tools", "node_modules"}, visit)
}

// walk visits Go files that are not tests, but for those in folders of these names.
func walk(t *testing.T, without []string, visit func(path, from string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(without, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err == nil {
			visit(path, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func withinAny(dir string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return within(dir, tree) })
}

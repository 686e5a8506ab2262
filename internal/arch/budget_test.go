package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The budgets of what a reader has to hold in mind at once. Lines are all of them,
// comments too; tests and generated files do not count.
const (
	maxFile       = 500
	maxFunction   = 60
	maxParameters = 5
	// maxMethods is that of interfacebloat; an embedded interface counts as one.
	maxMethods = 6
	maxPackage = 2500
)

func TestBudgets(t *testing.T) {
	lines := map[string]int{}
	eachModuleFile(t, func(path, from string) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if ast.IsGenerated(file) {
			return
		}
		n := files.File(file.FileStart).LineCount()
		lines[from] += n
		if n > maxFile {
			t.Errorf("%s has %d lines: at most %d", path, n, maxFile)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			checkNode(t, files, node)
			return true
		})
	})
	for from, n := range lines {
		if n > maxPackage {
			t.Errorf("package %s has %d lines: at most %d", from, n, maxPackage)
		}
	}
}

// checkNode holds a function or an interface against the budgets.
func checkNode(t *testing.T, files *token.FileSet, node ast.Node) {
	t.Helper()
	at := files.Position
	switch n := node.(type) {
	case *ast.FuncDecl:
		if length := at(n.End()).Line - at(n.Pos()).Line + 1; length > maxFunction {
			t.Errorf("%s: %s has %d lines: at most %d", at(n.Pos()), n.Name.Name, length, maxFunction)
		}
		checkParameters(t, at(n.Pos()), n.Type)
	case *ast.FuncLit:
		checkParameters(t, at(n.Pos()), n.Type)
	case *ast.InterfaceType:
		if methods := n.Methods.NumFields(); methods > maxMethods {
			t.Errorf("%s: the interface has %d members: at most %d", at(n.Pos()), methods, maxMethods)
		}
	}
}

func checkParameters(t *testing.T, at token.Position, function *ast.FuncType) {
	t.Helper()
	if n := function.Params.NumFields(); n > maxParameters {
		t.Errorf("%s: the function has %d parameters: at most %d", at, n, maxParameters)
	}
}

// mayOutside says which packages of the main module the other modules may import.
// The main module imports none of theirs.
var mayOutside = map[string][]string{
	"bench":          {"api", "internal/base/confined", "internal/base/testenv", "internal/base/tool", "internal/base/upstream", "internal/edge/git", "internal/edge/kube", "internal/engine/render", "internal/engine/source"},
	"devcluster":     {},
	"devcluster/e2e": {"internal/base/testenv"},
	"tools/shape":    {},
}

// TestModules holds the other modules to one direction: each imports its own
// packages, downwards, and of the main module what it measures or starts.
func TestModules(t *testing.T) {
	eachModuleFile(t, func(path, from string) {
		in := moduleOf(from)
		if in == "" {
			return
		}
		trees, known := mayOutside[in]
		if !known {
			t.Errorf("module %s is not in mayOutside", in)
		}
		for _, imp := range importsOf(t, path) {
			own := within(imp, in) && moduleOf(imp) == in
			beside := moduleOf(imp) != "" && !own
			switch {
			case beside && !(in == "devcluster" && within(imp, in)):
				t.Errorf("%s imports %s, of another module", path, imp)
			case own && imp != from && within(from, imp) && imp != in:
				t.Errorf("%s imports %s, which is above it", path, imp)
			case moduleOf(imp) == "" && !withinAny(imp, trees):
				t.Errorf("%s imports %s: module %s may not", path, imp, in)
			}
		}
	})
}

// importsOf returns the packages of this tree that a file imports, by their folder.
func importsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range file.Imports {
		if imp, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"); ours {
			imports = append(imports, imp)
		}
	}
	return imports
}

// moduleOf returns the folder of the module that a package is in, "" for the main one.
func moduleOf(from string) string {
	for dir := from; dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join("..", "..", dir, "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}

// eachModuleFile visits the Go files of every module that are not tests, with the
// package's folder.
func eachModuleFile(t *testing.T, visit func(path, from string)) {
	t.Helper()
	walk(t, []string{"testdata", "bin", ".git", "node_modules"}, visit)
}

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// fewestFuzzTargets is how many functions on what others wrote are fuzzed at least.
const fewestFuzzTargets = 45

// TestFuzzTargetsAreBounded holds that every fuzz target judges time and memory, by
// package bound.
func TestFuzzTargetsAreBounded(t *testing.T) {
	targets := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			function, ok := declared.(*ast.FuncDecl)
			if !ok || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Fuzz") {
				continue
			}
			if targets++; !mentions(function, "bound", "Limits") {
				t.Errorf("%s: %s has no oracle for time and memory: run what it does by bound.Limits", path, function.Name.Name)
			}
		}
		return nil
	})
	if err != nil || targets < fewestFuzzTargets {
		t.Errorf("%d fuzz targets, want %d: %v", targets, fewestFuzzTargets, err)
	}
}

// mentions reports whether a function has NAME.MEMBER in it.
func mentions(function *ast.FuncDecl, name, member string) bool {
	found := false
	ast.Inspect(function, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok && selector.Sel.Name == member {
			of, ok := selector.X.(*ast.Ident)
			found = found || ok && of.Name == name
		}
		return true
	})
	return found
}

package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// place is the last cell of a row of the tour: a file, and the function in it.
var place = regexp.MustCompile("\\| `([^` ]+\\.go)` `([\\w.]+)` \\|$")

// Every answer of the tour names a function that is there.
func TestTheTourLeadsToFunctions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("design", "where.md"))
	if err != nil {
		t.Fatal(err)
	}
	questions := 0
	for row := range strings.Lines(string(text)) {
		row = strings.TrimSpace(row)
		if !strings.HasPrefix(row, "| ") || !strings.Contains(row, "?") {
			continue
		}
		questions++
		found := place.FindStringSubmatch(row)
		if found == nil {
			t.Errorf("no function is named in %s", row)
			continue
		}
		if functions := functionsOf(t, found[1]); !functions[found[2]] {
			t.Errorf("%s has no function %s: %s", found[1], found[2], row)
		}
	}
	if questions < 20 {
		t.Errorf("there are %d questions", questions)
	}
}

// functionsOf returns the functions of a file; a method is "Type.Name".
func functionsOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", filepath.FromSlash(path)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return names
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			names[receiverOf(function)+function.Name.Name] = true
		}
	}
	return names
}

// receiverOf returns the type of a method and a dot, "" for a function.
func receiverOf(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	receiver := function.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ofGit are the files of Git's Fetcher.
var ofGit = []string{"git.go", "match.go"}

// TestWhatIsSharedKnowsNoKind holds that only Git's files use what is declared there.
func TestWhatIsSharedKnowsNoKind(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	own, shared := map[string]bool{}, 0
	parsed := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if parsed[path], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(ofGit, path) {
			for _, name := range declared(parsed[path]) {
				own[name] = true
			}
		}
	}
	for path, file := range parsed {
		if slices.Contains(ofGit, path) {
			continue
		}
		shared++
		ast.Inspect(file, func(node ast.Node) bool {
			if name, is := node.(*ast.Ident); is && own[name.Name] {
				t.Errorf("%s uses %s, which is Git's", path, name.Name)
			}
			return true
		})
	}
	if len(own) < 10 || shared < 5 {
		t.Errorf("%d names of Git were looked for in %d files", len(own), shared)
	}
}

// declared returns what a file declares at its top but for methods.
func declared(file *ast.File) (names []string) {
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "_" })
}

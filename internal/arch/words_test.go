package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// foreign are words of Argo CD, of which its annotations, files, variables and kinds
// are made, in lower case.
var foreign = []string{"argocd", "argoproj"}

// speaks says which files of the engine and its edges may hold such a word: those with
// rules for kinds that are objects like any other.
var speaks = []string{
	"internal/engine/health/health.go",   // Workflows are judged, and Applications are not
	"internal/engine/plan/controlled.go", // the controller of Rollouts writes an annotation
}

// TestWords holds that what Argo CD calls things is known to its dialect alone: the
// engine is told by values that an App's dialect gives.
func TestWords(t *testing.T) {
	found := map[string]bool{}
	eachFile(t, func(path, from string) {
		if !within(from, "internal/engine") && !within(from, "internal/edge") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(path, "../../")
		for _, text := range textsOf(file) {
			if !slices.ContainsFunc(foreign, func(word string) bool { return strings.Contains(strings.ToLower(text), word) }) {
				continue
			}
			found[name] = true
			if !slices.Contains(speaks, name) {
				t.Errorf("%s holds %q: only dialects know that word", name, text)
			}
		}
	})
	for _, name := range speaks {
		if !found[name] {
			t.Errorf("%s holds no such word: it needs no exception", name)
		}
	}
}

// textsOf returns the texts in a file, but for the paths of what it imports.
func textsOf(file *ast.File) []string {
	var texts []string
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

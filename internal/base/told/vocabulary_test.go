package told

import (
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "take the vocabulary from the sources")

// sources are the packages, with those below them, whose errors a render may meet.
var sources = []string{
	"helm.sh/helm/v4/pkg/engine", "helm.sh/helm/v4/pkg/chart/common", "helm.sh/helm/v4/pkg/chart/v2", "helm.sh/helm/v4/pkg/strvals",
	"helm.sh/helm/v4/pkg/release/v1/util", "helm.sh/helm/v4/pkg/ignore", "github.com/Masterminds/sprig/v3", "github.com/Masterminds/semver/v3",
	"github.com/santhosh-tekuri/jsonschema/v6", "github.com/google/go-jsonnet", "github.com/google/go-jsonnet/internal/parser",
	"sigs.k8s.io/kustomize/api/types", "sigs.k8s.io/kustomize/kyaml/resid",
	"sigs.k8s.io/yaml", "sigs.k8s.io/json", "go.yaml.in/yaml/v2", "go.yaml.in/yaml/v3", "gopkg.in/evanphx/json-patch.v4",
	"text/template", "encoding/json", "encoding/base64", "encoding/hex", "strconv", "time", "net/url", "regexp/syntax", "strings", "io", "io/fs",
}

// TestVocabulary holds that the vocabulary has what the tools say now. With -update
// it is taken anew.
func TestVocabulary(t *testing.T) {
	pairs := map[string]map[string]bool{}
	for _, name := range sources {
		from, err := build.Import(name, ".", build.FindOnly)
		if err != nil {
			t.Fatal(err)
		}
		root := from.Dir
		if strings.HasPrefix(name, "sigs.k8s.io/kustomize/") {
			root = filepath.Dir(root) // all of it, most of which is internal
		}
		collect(t, root, pairs)
	}
	var out strings.Builder
	for _, word := range slices.Sorted(maps.Keys(pairs)) {
		out.WriteString(word + " " + strings.Join(slices.Sorted(maps.Keys(pairs[word])), " ") + "\n")
	}
	if *update {
		if err := os.WriteFile("vocabulary.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != vocabulary {
		t.Error("tools say other things than the vocabulary has: run go test ./internal/base/told -update, and read the difference")
	}
}

// collect adds the pairs of words of the messages in a folder of sources.
func collect(t *testing.T, root string, pairs map[string]map[string]bool) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{"testdata", "cmd", "testutils", "kubernetesapi", "third_party", "astgen", "c-bindings", "linter"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"), strings.HasSuffix(name, "_windows.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			for _, text := range messages(node) {
				addPairs(text, pairs)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// speaks matches the names of functions that make messages.
var speaks = regexp.MustCompile(`(?i)err|wrap|print|panic|fail|message|msg|New$|^p$|WithHint|fatal|unexpected|expect`)

// messages returns the texts of a node that may be parts of messages: what is given
// to functions that make them, what a method Error returns, and constants.
func messages(node ast.Node) []string {
	switch node := node.(type) {
	case *ast.CallExpr:
		if speaks.MatchString(nameOf(node.Fun)) {
			return literals(node)
		}
	case *ast.FuncDecl:
		if node.Body != nil && regexp.MustCompile(`^(Error|String|LocalizedString|quote)$|[eE]rr`).MatchString(node.Name.Name) {
			return literals(node.Body)
		}
	case *ast.ValueSpec:
		return literals(node)
	case *ast.ReturnStmt, *ast.AssignStmt:
		return literals(node)
	}
	return nil
}

func nameOf(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

func literals(node ast.Node) []string {
	var texts []string
	ast.Inspect(node, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && len(literal.Value) < 400 {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

var verb = regexp.MustCompile(`%[-+# 0]*[\d*.]*(?:\[\d+\])?[a-zA-Z]`)

// addPairs adds the words of a message that follow each other.
func addPairs(text string, pairs map[string]map[string]bool) {
	for _, piece := range verb.Split(text, -1) {
		piece = strings.Join(strings.Fields(piece), " ")
		word, end := "", 0
		for at := 0; at < len(piece); {
			stop := wordEnd(piece, at)
			if stop == at {
				at++
				continue
			}
			next := piece[at:stop]
			if word != "" && at-end <= maxGap && isSpoken(word) && isSpoken(next) {
				if pairs[word] == nil {
					pairs[word] = map[string]bool{}
				}
				pairs[word][next] = true
			}
			word, end, at = next, stop, stop
		}
	}
}

// isSpoken reports whether a word has letters, and is no part of a template or an
// address.
func isSpoken(word string) bool {
	return len(word) < 40 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'_-") == "" && strings.ContainsFunc(word, isLetter)
}

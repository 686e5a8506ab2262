package jsonnet

import (
	"path"
	"regexp"
	"slices"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"

	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/base/tool"
)

var (
	// literal matches comments and texts in quotes.
	literal    = regexp.MustCompile(`(?s)//[^\n]*|#[^\n]*|/\*.*?(?:\*/|$)|\|\|\|.*?(?:\|\|\||$)|@"(?:[^"]|"")*(?:"|$)|@'(?:[^']|'')*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)`)
	external   = regexp.MustCompile(`\bstd\.extVar\(\s*["']([\w.-]+)["']\s*\)`)
	identifier = regexp.MustCompile(`[A-Za-z_]\w*`)
)

// words are what the library says that no other tool does.
var words = []string{
	"RUNTIME ERROR", "max stack frames exceeded.", "During manifestation", "During evaluation", "function <anonymous>", "object <anonymous>",
	"Array element", "builtin function", "thunk from", "Checking object assertions", "it is neither beside the file nor in a library folder",
	"Assertion failed", "Undefined external variable", "...;", "Unknown variable", "Index", "out of bounds", "division by zero", "Division by zero.",
}

// known returns what may be shown of an error: the names of files, what the code
// calls things, and the texts that it fails with. What is imported as a text, and
// JSON, is no code.
func (i *importer) known(file string, options tool.Jsonnet) *told.Known {
	known := &told.Known{}
	known.Text(words...)
	known.Path(file)
	for _, v := range slices.Concat(options.ExtVars, options.TLAs) {
		known.Name(v.Name)
	}
	data := map[string]bool{}
	for name, contents := range i.found {
		known.Path(name)
		if ext := path.Ext(name); ext != ".jsonnet" && ext != ".libsonnet" {
			data[path.Base(name)] = true
			continue
		}
		if tree, err := jsonnet.SnippetToAST(name, contents.String()); err == nil { // else the library says what is wrong
			visit(tree, func(node ast.Node) { learn(known, node, data) })
		}
	}
	for name, contents := range i.found {
		if !data[path.Base(name)] {
			learnNames(known, contents.String())
		}
	}
	return known
}

// learn adds what a node names or says, the keys of objects among it, and to data the names of the files that are
// imported as texts.
func learn(known *told.Known, node ast.Node, data map[string]bool) {
	var file string
	switch node := node.(type) {
	case *ast.ImportStr:
		file = node.File.Value
		data[path.Base(file)] = true
	case *ast.ImportBin:
		file = node.File.Value
		data[path.Base(file)] = true
	case *ast.Import:
		file = node.File.Value
	case *ast.DesugaredObject:
		for _, field := range node.Fields {
			if name, ok := field.Name.(*ast.LiteralString); ok {
				known.Name(name.Value)
			}
		}
	case *ast.Error:
		known.Text(said(node.Expr)...)
	}
	if file != "" {
		known.Path(path.Clean(file), file)
	}
}

// learnNames adds the names that stand in code outside of texts, and those of external
// variables.
func learnNames(known *told.Known, text string) {
	known.Name(identifier.FindAllString(literal.ReplaceAllString(text, " "), -1)...)
	for _, name := range external.FindAllStringSubmatch(text, -1) {
		known.Name(name[1])
	}
}

// visit calls do with a node and those below it.
func visit(node ast.Node, do func(ast.Node)) {
	if node == nil {
		return
	}
	do(node)
	if object, ok := node.(*ast.DesugaredObject); ok {
		for _, assert := range object.Asserts { // which are no children to the library
			visit(assert, do)
		}
	}
	for _, below := range toolutils.Children(node) {
		visit(below, do)
	}
}

var verb = regexp.MustCompile(`%(?:\(\w+\))?[-+# 0]*[\d*.]*[a-zA-Z]`)

// said returns the texts of which the message of an error is made, in the expression
// itself: what a variable holds may be a value.
func said(node ast.Node) []string {
	switch node := node.(type) {
	case *ast.LiteralString:
		return verb.Split(node.Value, -1)
	case *ast.Parens:
		return said(node.Inner)
	case *ast.Binary:
		if node.Op == ast.BopPlus {
			return append(said(node.Left), said(node.Right)...)
		}
	case *ast.Apply:
		function, ok := node.Target.(*ast.Index)
		if !ok || len(node.Arguments.Positional) == 0 {
			return nil
		}
		name, ok := function.Index.(*ast.LiteralString)
		if ok && slices.Contains([]string{"mod", "format", "toString"}, name.Value) {
			return said(node.Arguments.Positional[0].Expr)
		}
	}
	return nil
}

package helm

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// own are the words that stand in front of Helm's.
var own = []string{
	"value file", "helm.values", "helm.parameters", "helm.fileParameters", "helm.valueFiles", "schema cannot be used",
	"values do not fit the schema", "its values are not a mapping", "bad character U+002D '-'", "the schema refers to", "and schemas are not fetched",
}

// knownOf returns what may be shown of an error: what the options say that no value
// is, and of the chart, nil when it cannot be loaded, what it has in its code: the
// names of its files, what its templates call things, the texts that they fail with,
// and what its schema says.
func knownOf(c *chart.Chart, folder string, options tool.Helm) *told.Known {
	known := &told.Known{}
	known.Text(own...)
	known.Name("SimpleHead", "Metadata", "kind", "version", "metadata", "annotations", "apiVersion", "name", "appVersion", "dependencies")
	if folder != "" {
		known.Path(folder)
	}
	known.Path("gotpl", "Chart.yaml", "values.yaml", "values.schema.json", "Chart.lock", "requirements.yaml")
	for _, name := range options.ValueFiles {
		known.Path(path.Clean(name), path.Join(folder, name), name)
	}
	for _, p := range options.Parameters {
		known.Name(p.Name)
	}
	for _, p := range options.FileParameters {
		known.Name(p.Name)
		known.Path(path.Clean(p.Path), path.Join(folder, p.Path))
	}
	if c == nil {
		return known
	}
	for _, one := range withDependencies(c) {
		known.Name(one.Name())
		for _, file := range slices.Concat(one.Raw, one.Templates) {
			known.Path(path.Join(folder, file.Name), path.Join(one.ChartFullPath(), file.Name))
		}
		learnSchema(known, one.Schema)
	}
	code := readCode(c)
	known.Name(code.names...)
	known.Text(code.texts()...)
	return known
}

// maxSlips is how many words of a message are compared with names.
const maxSlips = 8

// unwanted are the properties that a schema does not have.
var (
	unwanted = regexp.MustCompile(`additional properties ((?:'[^']*'(?:, )?)+) not allowed`)
	property = regexp.MustCompile(`'([^']*)'`)
)

// tell returns what Helm says with what may be shown of it.
func tell(c *chart.Chart, folder string, options tool.Helm, message string) *told.Error {
	known := knownOf(c, folder, options)
	for _, list := range unwanted.FindAllStringSubmatch(message, maxSlips) {
		for _, name := range property.FindAllStringSubmatch(list[1], maxSlips) {
			known.Slip(name[1])
		}
	}
	return known.Tell(message)
}

func withDependencies(c *chart.Chart) []*chart.Chart {
	all := []*chart.Chart{c}
	for _, dependency := range c.Dependencies() {
		all = append(all, withDependencies(dependency)...)
	}
	return all
}

// learnSchema adds the keys of a schema, which name the fields of values, and what it
// allows and refers to.
func learnSchema(known *told.Known, schema []byte) {
	var value any
	if len(schema) == 0 || json.Unmarshal(schema, &value) != nil {
		return
	}
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for field, below := range value {
				known.Name(field)
				walk(field, below)
			}
		case []any:
			for _, below := range value {
				walk(key, below)
			}
		case string:
			if key == "required" {
				known.Name(value)
			}
			if slices.Contains([]string{"$ref", "$id", "$schema", "enum", "pattern", "type", "format"}, key) {
				known.Text(value)
			}
		}
	}
	walk("", value)
}

// code is what the templates of a chart say outside of the texts in quotes.
type code struct {
	names []string
	// trees are what the templates define, by name.
	trees map[string]*parse.Tree
	// set are what variables of the same name are set to, anywhere.
	set map[string][]*parse.PipeNode
}

func readCode(c *chart.Chart) code {
	found := code{trees: map[string]*parse.Tree{}, set: map[string][]*parse.PipeNode{}}
	for _, one := range withDependencies(c) {
		for _, file := range one.Templates {
			name := path.Join(one.ChartFullPath(), file.Name)
			found.names = append(found.names, identifiers(string(file.Data))...)
			tree := parse.New(name)
			tree.Mode = parse.SkipFuncCheck
			set := map[string]*parse.Tree{}
			_, _ = tree.Parse(string(file.Data), "", "", set) // Helm says what is wrong with it
			for name, tree := range set {
				if found.trees[name] == nil || !parse.IsEmptyTree(tree.Root) {
					found.trees[name] = tree
				}
			}
		}
	}
	for name, tree := range found.trees {
		found.names = append(found.names, name)
		for _, node := range nodesBelow(tree.Root) {
			if pipe, ok := node.(*parse.PipeNode); ok {
				for _, variable := range pipe.Decl {
					found.set[variable.Ident[0]] = append(found.set[variable.Ident[0]], pipe)
				}
			}
		}
	}
	return found
}

var (
	action     = regexp.MustCompile(`(?s)\{\{.*?(?:\}\}|$)`)
	quoted     = regexp.MustCompile("(?s)/\\*.*?(?:\\*/|$)|\"(?:[^\"\\\\\\n]|\\\\.)*(?:\"|\\n|$)|`[^`]*(?:`|$)|'(?:[^'\\\\\\n]|\\\\.)*'")
	identifier = regexp.MustCompile(`[A-Za-z_]\w*`)
	// reference is a text in quotes that is a name.
	reference = regexp.MustCompile(`\b(?:include|template|define|block|index|get|hasKey|semverCompare)\b(?:\s+[$.(][\w.$]*)*((?:\s+"[^"\n]*")+)`)
	named     = regexp.MustCompile(`"([^"\n]*)"`)
)

// identifiers returns the names in the actions of a template. It reads broken ones too.
func identifiers(text string) []string {
	names := []string{"Values", "Release", "Chart", "Files", "Capabilities", "Template"}
	for _, action := range action.FindAllString(text, -1) {
		for _, found := range reference.FindAllStringSubmatch(action, -1) {
			for _, name := range named.FindAllStringSubmatch(found[1], -1) {
				names = append(names, name[1])
			}
		}
		names = append(names, identifier.FindAllString(quoted.ReplaceAllString(action, " "), -1)...)
	}
	return names
}

// texts returns what the templates say when they fail.
func (c code) texts() []string {
	w := writer{code: c, seen: map[any]bool{}}
	for _, tree := range c.trees {
		for _, node := range nodesBelow(tree.Root) {
			if pipe, ok := node.(*parse.PipeNode); ok {
				w.failure(pipe)
			}
		}
	}
	return w.found
}

// writer collects the texts that messages are made of.
type writer struct {
	code
	seen  map[any]bool
	found []string
	// variable is set below what a variable is set to, where a text of one word may be
	// a value.
	variable bool
}

// failure adds the texts of a pipeline that fails, or may fail.
func (w *writer) failure(pipe *parse.PipeNode) {
	for i, command := range pipe.Cmds {
		name, ok := command.Args[0].(*parse.IdentifierNode)
		if !ok || name.Ident != "fail" && name.Ident != "required" {
			continue
		}
		switch {
		case len(command.Args) > 1:
			w.write(command.Args[1])
		case i > 0:
			w.command(pipe.Cmds[i-1])
		}
	}
}

// write adds the texts of which a value is made.
func (w *writer) write(node parse.Node) {
	if node == nil || w.seen[node] {
		return
	}
	w.seen[node] = true
	switch node := node.(type) {
	case *parse.StringNode:
		if !w.variable || strings.Contains(node.Text, " ") {
			w.found = append(w.found, verb.Split(node.Text, -1)...)
		}
	case *parse.PipeNode:
		for _, command := range node.Cmds {
			w.command(command)
		}
	case *parse.VariableNode:
		if len(node.Ident) == 1 {
			outer := w.variable
			w.variable = true
			for _, pipe := range w.set[node.Ident[0]] {
				w.write(pipe)
			}
			w.variable = outer
		}
	}
}

var verb = regexp.MustCompile(`%[-+# 0]*[\d*.]*[a-zA-Z]`)

// joining are the functions whose arguments end up in what they return, and not a
// value in place of one that is missing.
var joining = []string{
	"print", "printf", "println", "cat", "join", "append", "prepend", "list", "without", "compact", "concat", "trim", "indent", "nindent", "quote", "squote",
	"upper", "lower", "title", "wrap", "toString",
}

// command adds the texts of one part of a pipeline.
func (w *writer) command(command *parse.CommandNode) {
	name, isCall := command.Args[0].(*parse.IdentifierNode)
	switch {
	case !isCall:
		w.write(command.Args[0])
	case name.Ident == "include" && len(command.Args) > 1:
		if of, ok := command.Args[1].(*parse.StringNode); ok {
			w.template(of.Text)
		}
	case slices.Contains(joining, name.Ident):
		for _, argument := range command.Args[1:] {
			w.write(argument)
		}
	}
}

// manifest matches the text of a template that makes an object.
var manifest = regexp.MustCompile(`(?m)^\s*(?:-\s+)?["']?(?:kind|apiVersion|stringData|data)["']?\s*:`)

// template adds the texts of a template that makes a message.
func (w *writer) template(name string) {
	tree := w.trees[name]
	if tree == nil || w.seen[tree] || manifest.MatchString(tree.Root.String()) {
		return
	}
	w.seen[tree] = true
	for _, node := range nodesBelow(tree.Root) {
		switch node := node.(type) {
		case *parse.TextNode:
			for line := range strings.Lines(string(node.Text)) {
				w.found = append(w.found, line)
			}
		case *parse.ActionNode:
			w.write(node.Pipe)
		case *parse.TemplateNode:
			w.template(node.Name)
		}
	}
}

// nodesBelow returns the nodes of a list, and those in its branches and pipelines.
func nodesBelow(list *parse.ListNode) []parse.Node {
	if list == nil {
		return nil
	}
	var all []parse.Node
	for _, node := range list.Nodes {
		all = append(all, node)
		switch node := node.(type) {
		case *parse.ActionNode:
			all = append(all, pipesBelow(node.Pipe)...)
		case *parse.TemplateNode:
			all = append(all, pipesBelow(node.Pipe)...)
		case *parse.IfNode:
			all = append(all, branches(&node.BranchNode)...)
		case *parse.RangeNode:
			all = append(all, branches(&node.BranchNode)...)
		case *parse.WithNode:
			all = append(all, branches(&node.BranchNode)...)
		}
	}
	return all
}

func branches(node *parse.BranchNode) []parse.Node {
	return slices.Concat(pipesBelow(node.Pipe), nodesBelow(node.List), nodesBelow(node.ElseList))
}

// pipesBelow returns a pipeline and those in parentheses within it.
func pipesBelow(pipe *parse.PipeNode) []parse.Node {
	if pipe == nil {
		return nil
	}
	all := []parse.Node{pipe}
	for _, command := range pipe.Cmds {
		for _, argument := range command.Args {
			if inner, ok := argument.(*parse.PipeNode); ok {
				all = append(all, pipesBelow(inner)...)
			}
		}
	}
	return all
}

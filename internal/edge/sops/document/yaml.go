package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// yamlIndent is how far the sops program indents YAML.
const yamlIndent = 4

func parseYAML(text []byte) ([]Branch, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	reader := yamlReader{}
	var documents []Branch
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, unreadableYAML(err)
		}
		document, err := reader.document(&node)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
}

// unreadableYAML returns where the parser gave up, and nothing of what is there.
func unreadableYAML(err error) error {
	if line := regexp.MustCompile(`line \d+`).FindString(err.Error()); line != "" {
		return fmt.Errorf("%s is no YAML", line)
	}
	return errors.New("it is no YAML")
}

// yamlReader makes a tree of the nodes of one file. Where a comment goes is the
// sops program's rule, by which it finds the rules that comments state.
type yamlReader struct{ budget budget }

func (r *yamlReader) document(node *yaml.Node) (Branch, error) {
	branch := addComments(nil, node.HeadComment, node.LineComment)
	for _, root := range node.Content {
		switch {
		case root.Kind == yaml.MappingNode:
			fields, err := r.mapping(root, place{}, false)
			if err != nil {
				return nil, err
			}
			branch = append(branch, fields...)
		case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
			branch = addComments(branch, root.HeadComment, root.LineComment)
		default:
			return nil, fmt.Errorf("line %d: a document is no mapping", root.Line)
		}
	}
	return addComments(branch, node.FootComment), nil
}

// place is how deep a value is, and how long the keys are that lead there.
type place struct{ depth, path int }

func (p place) below(key string) place { return place{p.depth + 1, p.path + len(key) + 1} }

// mapping reads the fields of a mapping, whose own comments are the caller's where
// it is commented.
func (r *yamlReader) mapping(node *yaml.Node, at place, commented bool) (Branch, error) {
	branch := Branch{}
	if !commented {
		branch = addComments(branch, node.HeadComment, node.LineComment)
	}
	seen := make(map[string]bool, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name, err := keyOf(key)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("line %d: key %.100q is there twice", key.Line, name)
		}
		seen[name] = true
		branch = addComments(branch, key.HeadComment, key.LineComment)
		isLeaf := value.Kind == yaml.ScalarNode || value.Kind == yaml.AliasNode
		if isLeaf {
			branch = addComments(branch, value.HeadComment)
			branch = addInline(branch, value.LineComment)
		}
		read, err := r.value(value, at.below(name), isLeaf)
		if err != nil {
			return nil, err
		}
		branch = append(branch, Item{Key: name, Value: read})
		if isLeaf {
			branch = addComments(branch, value.FootComment)
		}
		branch = addComments(branch, key.FootComment)
	}
	if !commented {
		branch = addComments(branch, node.FootComment)
	}
	return branch, nil
}

func keyOf(node *yaml.Node) (string, error) {
	var key any
	if err := node.Decode(&key); err != nil {
		return "", fmt.Errorf("line %d: a key cannot be read", node.Line)
	}
	name, isText := key.(string)
	if !isText {
		return "", fmt.Errorf("line %d: a key is no text", node.Line)
	}
	return name, nil
}

func (r *yamlReader) value(node *yaml.Node, at place, commented bool) (any, error) {
	if err := r.budget.spend(at.depth, at.path); err != nil {
		return nil, err
	}
	switch node.Kind {
	case yaml.MappingNode:
		return r.mapping(node, at, commented)
	case yaml.SequenceNode:
		return r.sequence(node, at, commented)
	case yaml.AliasNode:
		return r.value(node.Alias, at.below(""), false)
	default:
		return scalar(node)
	}
}

func (r *yamlReader) sequence(node *yaml.Node, at place, commented bool) (List, error) {
	list := List{}
	if !commented {
		list = list.add(false, node.HeadComment, node.LineComment)
	}
	for _, item := range node.Content {
		list = list.add(false, item.HeadComment).add(true, item.LineComment)
		read, err := r.value(item, at.below(""), true)
		if err != nil {
			return nil, err
		}
		list = append(list, read).add(false, item.FootComment)
	}
	if !commented {
		list = list.add(false, node.FootComment)
	}
	return list, nil
}

func scalar(node *yaml.Node) (any, error) {
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("line %d: a value cannot be read", node.Line)
	}
	switch value.(type) {
	case nil, string, int, float64, bool, time.Time:
		return value, nil
	}
	return nil, fmt.Errorf("line %d: a value is of a type that is not encrypted", node.Line)
}

// lines returns the comments in a text of them.
func lines(text string, inline bool) []Comment {
	var comments []Comment
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			comments = append(comments, Comment{Text: line[1:], Inline: inline})
		}
	}
	return comments
}

func addComments(branch Branch, texts ...string) Branch {
	for _, text := range texts {
		for _, comment := range lines(text, false) {
			branch = append(branch, Item{Comment: &comment})
		}
	}
	return branch
}

func addInline(branch Branch, text string) Branch {
	for _, comment := range lines(text, true) {
		branch = append(branch, Item{Comment: &comment})
	}
	return branch
}

func (l List) add(inline bool, texts ...string) List {
	for _, text := range texts {
		for _, comment := range lines(text, inline) {
			l = append(l, comment)
		}
	}
	return l
}

func renderYAML(documents []Branch) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(yamlIndent)
	for _, branch := range documents {
		root, err := mappingNode(branch)
		if err != nil {
			return nil, err
		}
		if err := encoder.Encode(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}); err != nil {
			return nil, errors.New("it cannot be written as YAML")
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, errors.New("it cannot be written as YAML")
	}
	return out.Bytes(), nil
}

// pending are comments whose node is yet to come.
type pending struct{ above, inline []string }

func (p *pending) add(c Comment) {
	if c.Inline {
		p.inline = append(p.inline, c.Text)
	} else {
		p.above = append(p.above, c.Text)
	}
}

// over puts the comments above a node.
func (p *pending) over(node *yaml.Node) {
	if len(p.above) > 0 {
		node.HeadComment = strings.TrimSuffix(commentText(p.above)+"\n"+node.HeadComment, "\n")
		p.above = nil
	}
}

// behind puts the inline comments behind a value.
func (p *pending) behind(node *yaml.Node) {
	if len(p.inline) > 0 {
		node.LineComment = commentText(p.inline)
		p.inline = nil
	}
}

// under puts what is left below the last node, or over the whole where it is empty.
func (p *pending) under(whole, last *yaml.Node) {
	rest := append(p.above, p.inline...)
	switch {
	case len(rest) == 0:
	case last == nil:
		whole.HeadComment = commentText(rest)
	default:
		last.FootComment = commentText(rest)
	}
}

func commentText(comments []string) string { return "#" + strings.Join(comments, "\n#") }

func mappingNode(branch Branch) (*yaml.Node, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	var comments pending
	var last *yaml.Node
	for _, item := range branch {
		if item.Comment != nil {
			comments.add(*item.Comment)
			continue
		}
		if last == nil {
			comments.over(mapping)
		}
		key := &yaml.Node{}
		if err := key.Encode(item.Key); err != nil {
			return nil, errors.New("a key cannot be written as YAML")
		}
		comments.over(key)
		value, err := valueNode(item.Value)
		if err != nil {
			return nil, err
		}
		comments.behind(value)
		mapping.Content = append(mapping.Content, key, value)
		last = key
	}
	comments.under(mapping, last)
	return mapping, nil
}

func valueNode(value any) (*yaml.Node, error) {
	switch value := value.(type) {
	case Branch:
		return mappingNode(value)
	case List:
		return sequenceNode(value)
	}
	node := &yaml.Node{}
	if err := node.Encode(value); err != nil {
		return nil, errors.New("a value cannot be written as YAML")
	}
	return node, nil
}

func sequenceNode(list List) (*yaml.Node, error) {
	sequence := &yaml.Node{Kind: yaml.SequenceNode}
	var comments pending
	var last *yaml.Node
	for _, item := range list {
		if comment, ok := item.(Comment); ok {
			comments.add(comment)
			continue
		}
		if last == nil {
			comments.over(sequence)
		}
		node, err := valueNode(item)
		if err != nil {
			return nil, err
		}
		comments.over(node)
		comments.behind(node)
		sequence.Content = append(sequence.Content, node)
		last = node
	}
	comments.under(sequence, last)
	return sequence, nil
}

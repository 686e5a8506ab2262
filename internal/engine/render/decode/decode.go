// Package decode turns manifest text into plain values within bounds, naming
// file, document and line of what is wrong. It does not know what a Kubernetes
// object needs beyond being a mapping.
package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// The bounds of one render.
const (
	// MaxBytes is the size of all manifest text together.
	MaxBytes = 32 << 20
	// MaxDocuments is the number of documents, lists counted by their items.
	MaxDocuments = 50_000
	// MaxDepth is how deep mappings and lists may nest.
	MaxDepth = 100
	// MaxAliasNodes is how many nodes the aliases of one document may stand for.
	MaxAliasNodes = 100_000
)

// Document is one mapping, with integers as int64 and other numbers as float64.
type Document struct {
	// Origin names the file and, where it holds several, the document.
	Origin  string
	Content map[string]any
}

// SyntaxError says that text is not what it should be: YAML or JSON of mappings.
type SyntaxError struct{ Err error }

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *SyntaxError) Unwrap() error { return e.Err }

func syntaxError(format string, args ...any) error {
	return &SyntaxError{fmt.Errorf(format, args...)}
}

// Decoder decodes the manifests of one render and keeps account of the bounds.
// The zero Decoder is ready for use.
type Decoder struct {
	bytes     int
	documents int
}

// Decode returns the documents of a manifest in their order. Empty documents
// are dropped and lists are replaced by their items. Its errors are Invalid;
// those that are not about a bound have a [SyntaxError].
func (d *Decoder) Decode(m syncline.Manifest) ([]Document, error) {
	d.bytes += len(m.Text)
	if d.bytes > MaxBytes {
		return nil, syncline.Errorf(syncline.Invalid,
			"%s: the manifests are larger than %d MiB together", m.Origin, MaxBytes>>20)
	}
	var documents []Document
	parts := split(toUTF8(m.Text))
	for i, part := range parts {
		origin := m.Origin
		if len(parts) > 1 {
			origin = fmt.Sprintf("%s, document %d", m.Origin, i+1)
		}
		value, err := part.decode()
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s: %w", origin, err)
		}
		found, err := flatten(value, origin, 0)
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
		if d.documents += len(found); d.documents > MaxDocuments {
			return nil, syncline.Errorf(syncline.Invalid, "%s: more than %d objects", origin, MaxDocuments)
		}
	}
	return documents, nil
}

// flatten returns the documents that a value holds: none, itself, or the items
// of a list.
func flatten(value any, origin string, depth int) ([]Document, error) {
	content, isMap := value.(map[string]any)
	switch {
	case value == nil, isMap && len(content) == 0:
		return nil, nil
	case !isMap:
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s: %w", origin, syntaxError("a %s where a Kubernetes object is expected", typeName(value))),
			"an object is a mapping with apiVersion, kind and metadata")
	case depth > MaxDepth:
		return nil, syncline.Errorf(syncline.Invalid, "%s: lists nested deeper than %d", origin, MaxDepth)
	}
	items, isList := listItems(content)
	if !isList {
		return []Document{{Origin: origin, Content: content}}, nil
	}
	var documents []Document
	for i, item := range items {
		found, err := flatten(item, fmt.Sprintf("%s, item %d", origin, i+1), depth+1)
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
	}
	return documents, nil
}

// listItems returns the items of an object whose kind is a list.
func listItems(content map[string]any) ([]any, bool) {
	kind, _ := content["kind"].(string)
	value, present := content["items"]
	items, isSlice := value.([]any)
	return items, strings.HasSuffix(kind, "List") && present && (isSlice || value == nil)
}

func typeName(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case bool:
		return "boolean"
	case int64, float64:
		return "number"
	case []any:
		return "list"
	default:
		return "mapping"
	}
}

// decode parses one document. It returns nil for an empty one.
func (p part) decode() (any, error) {
	text := bytes.TrimSpace(p.text)
	if isBlank(text) {
		return nil, nil
	}
	asJSON := text
	if text[0] != '{' && text[0] != '[' || !json.Valid(text) {
		if err := checkAliases(text); err != nil {
			return nil, err
		}
		var err error
		if asJSON, err = yaml.YAMLToJSONStrict(p.text); err != nil {
			return nil, p.locate(err)
		}
	}
	if depth(asJSON) > MaxDepth {
		return nil, fmt.Errorf("nested deeper than %d", MaxDepth)
	}
	return fromJSON(asJSON)
}

func fromJSON(text []byte) (any, error) {
	var value any
	strict, err := kjson.UnmarshalStrict(text, &value)
	if err != nil {
		return nil, syntaxError("not valid JSON: %w", err)
	}
	if len(strict) > 0 {
		return nil, syntaxError("not valid JSON: %w", errors.Join(strict...))
	}
	return value, nil
}

// depth returns how deep JSON text nests. The text is valid.
func depth(text []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

var lineNumber = regexp.MustCompile(`\bline (\d+)\b`)

// locate rewrites the line numbers of an error to those of the whole file, and
// puts it on one line.
func (p part) locate(err error) error {
	message := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	message = strings.TrimPrefix(message, "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors:\n  ")
	message = strings.ReplaceAll(message, "\n  ", "; ")
	message = lineNumber.ReplaceAllStringFunc(message, func(match string) string {
		line, _ := strconv.Atoi(strings.TrimPrefix(match, "line ")) // digits, by the pattern
		return fmt.Sprintf("line %d", line+p.line)
	})
	return syntaxError("not valid YAML: %s", message)
}

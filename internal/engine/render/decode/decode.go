// Package decode turns manifest text into plain values within bounds, naming
// file, document and line of what is wrong. It does not know what a Kubernetes
// object needs beyond being a mapping.
package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/told"
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
	// File is the Origin of the manifest. Origin names the document too, where the
	// manifest holds several.
	File, Origin string
	Content      map[string]any
	// Item says that it was in a list of objects.
	Item bool
}

// SyntaxError says that text is not what it should be: YAML or JSON of mappings.
type SyntaxError struct {
	Err error
	// Kind says what there is instead of a mapping. Empty means that it cannot be
	// parsed.
	Kind Kind
}

// Kind is what a document is at its root.
type Kind string

// The kinds of document.
const (
	Text    Kind = "text"
	Boolean Kind = "boolean"
	Number  Kind = "number"
	List    Kind = "list"
	Mapping Kind = "mapping"
)

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *SyntaxError) Unwrap() error { return e.Err }

func syntaxError(format string, args ...any) error {
	return &SyntaxError{Err: fmt.Errorf(format, args...)}
}

// Decoder decodes the manifests of one render and keeps account of the bounds.
// The zero Decoder is ready for use.
type Decoder struct {
	// LastKeyCounts accepts a mapping that has a key more than once, as Helm does:
	// the last one counts. Default is that it is an error, as for kustomize.
	LastKeyCounts bool
	// Repeated says where that was the case.
	Repeated []string

	bytes     int
	documents int
}

// Bytes returns how much text was decoded.
func (d *Decoder) Bytes() int { return d.bytes }

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
	parts := split(UTF8(m.Text))
	for i, part := range parts {
		origin := m.Origin
		if len(parts) > 1 {
			origin = fmt.Sprintf("%s, document %d", m.Origin, i+1)
		}
		value, repeated, err := part.decode(d.LastKeyCounts)
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "%s: %w", origin, err)
		}
		if repeated != "" {
			d.Repeated = append(d.Repeated, origin+": "+repeated)
		}
		found, err := flatten(value, origin, 0)
		if err != nil {
			return nil, err
		}
		for _, document := range found {
			document.File = m.Origin
			documents = append(documents, document)
		}
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
		kind := kindOf(value)
		wrong := &SyntaxError{Err: fmt.Errorf("a %s where a Kubernetes object is expected", kind), Kind: kind}
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "%s: %w", origin, wrong),
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
		for _, document := range found {
			document.Item = true
			documents = append(documents, document)
		}
	}
	return documents, nil
}

// listItems returns the items of a list of objects. What has a name is an object
// itself, such as an IPBlockList with a field "items": the metadata of a list have
// none, but for those of a v1 List, which people write by hand.
func listItems(content map[string]any) ([]any, bool) {
	kind, _ := content["kind"].(string)
	value, present := content["items"]
	items, isSlice := value.([]any)
	isList := strings.HasSuffix(kind, "List") && present && (isSlice || value == nil)
	return items, isList && (!isNamed(content) || content["apiVersion"] == "v1" && kind == "List")
}

// isNamed reports whether an object has a name, or is to be given one.
func isNamed(content map[string]any) bool {
	metadata, _ := content["metadata"].(map[string]any)
	return metadata["name"] != nil || metadata["generateName"] != nil
}

func kindOf(value any) Kind {
	switch value.(type) {
	case string:
		return Text
	case bool:
		return Boolean
	case int64, float64:
		return Number
	case []any:
		return List
	default:
		return Mapping
	}
}

// decode parses one document. It returns nil for an empty one. With lastCounts
// a key that a mapping has more than once is no error, but what repeated says.
func (p part) decode(lastCounts bool) (value any, repeated string, err error) {
	text := bytes.TrimSpace(p.text)
	if isBlank(text) {
		return nil, "", nil
	}
	asJSON := text
	if text[0] != '{' && text[0] != '[' || !json.Valid(text) {
		var twice *told.Error
		if asJSON, twice, err = p.toJSON(lastCounts); err != nil {
			return nil, "", err
		}
		if twice != nil {
			repeated = twice.Error()
		}
	}
	if depth(asJSON) > MaxDepth {
		return nil, "", fmt.Errorf("nested deeper than %d", MaxDepth)
	}
	strict, err := kjson.UnmarshalStrict(asJSON, &value)
	switch {
	case err != nil:
		return nil, "", syntaxError("not valid JSON: %w", p.located(err))
	case len(strict) > 0 && !lastCounts:
		return nil, "", syntaxError("not valid JSON: %w", p.located(errors.Join(strict...)))
	case len(strict) > 0:
		repeated = p.located(errors.Join(strict...)).Error()
	}
	return value, repeated, nil
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

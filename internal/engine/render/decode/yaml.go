package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/syncline-io/syncline/internal/base/told"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// toJSON turns a YAML document into JSON, as sigs.k8s.io/yaml does for kubectl
// and Argo CD. Unlike them it refuses text that follows the document, which they
// pass over.
func (p part) toJSON(lastCounts bool) (asJSON []byte, repeated *told.Error, err error) {
	if err := checkAliases(p.text); err != nil {
		return nil, nil, err
	}
	value, err := p.parse(true)
	if _, strict := errors.AsType[*yamlv2.TypeError](err); strict { // a key is there twice, or overrides one that is merged
		doubled := p.located(err)
		if value, err = p.parse(false); err == nil && !p.onlyOverrides() {
			repeated = doubled
		}
	}
	switch {
	case err != nil:
		return nil, nil, syntaxError("not valid YAML: %w", p.located(err))
	case repeated != nil && !lastCounts:
		return nil, nil, syntaxError("not valid YAML: %w", repeated)
	}
	value, wrong := jsonable(value)
	if wrong != nil {
		return nil, nil, syntaxError("not valid YAML: %s", wrong.message(secretive.Match(p.text)))
	}
	if asJSON, err = json.Marshal(value); err != nil {
		return nil, nil, syntaxError("not valid YAML: a number that is infinite or not a number")
	}
	return asJSON, repeated, nil
}

// errTrailing is text that no document has.
var errTrailing = errors.New(`there is text after the end of the document: check the indentation, or put a line "---" between documents`)

// parse returns the one document of the text. In strict mode a key that is set
// twice is a TypeError.
func (p part) parse(strict bool) (any, error) {
	decoder := yamlv2.NewDecoder(bytes.NewReader(p.text))
	decoder.SetStrict(strict)
	var value, more any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return value, nil
}

// onlyOverrides reports whether no mapping of the text has a key twice. Then what
// is set twice is a key that also comes by a merge key ("<<").
func (p part) onlyOverrides() bool {
	if !bytes.Contains(p.text, []byte("<<")) {
		return false
	}
	var root yamlv3.Node
	return yamlv3.Unmarshal(p.text, &root) == nil && !repeatsKey(&root)
}

// repeatsKey reports whether a mapping at or below the node has a key twice.
func repeatsKey(n *yamlv3.Node) bool {
	seen := map[string]bool{}
	for i, child := range n.Content {
		if repeatsKey(child) {
			return true
		}
		if n.Kind != yamlv3.MappingNode || i%2 != 0 || child.ShortTag() == "!!merge" {
			continue
		}
		key := child.ShortTag() + " " + child.Value
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// keyError is about a key that JSON cannot have, at a path of keys.
type keyError struct{ path, why string }

const (
	noKey   = "a mapping has a key that is neither a text, a number nor a boolean"
	sameKey = "is set twice, as a text and as a number or a boolean: write it once"
)

// above returns the error as one of a mapping that has the value under a name.
func (e *keyError) above(name string) *keyError {
	if e == nil {
		return nil
	}
	return &keyError{path: strings.TrimSuffix(name+"."+e.path, "."), why: e.why}
}

// or returns the first of two errors by their paths, whichever was found first.
func (e *keyError) or(other *keyError) *keyError {
	if e == nil || other != nil && other.path < e.path {
		return other
	}
	return e
}

// message names the path, unless a key may be a value.
func (e *keyError) message(secretive bool) string {
	switch {
	case e.why == sameKey && secretive:
		return "a key of a mapping " + sameKey
	case e.why == sameKey:
		return fmt.Sprintf("key %q %s", visible.Clip(e.path, maxPath), sameKey)
	}
	return e.why
}

// maxPath is how many characters of a path are shown.
const maxPath = 200

// jsonable returns a value with texts as the keys of its mappings, which YAML
// does not need to have. Keys that become the same text are an error: one would
// hide the other.
func jsonable(value any) (any, *keyError) {
	var wrong *keyError
	switch value := value.(type) {
	case map[any]any:
		texts := make(map[string]any, len(value))
		for key, below := range value {
			name, ok := keyText(key)
			if !ok {
				wrong = wrong.or(&keyError{why: noKey})
				continue
			}
			if _, twice := texts[name]; twice {
				wrong = wrong.or(&keyError{path: name, why: sameKey})
			}
			made, wrongBelow := jsonable(below)
			texts[name] = made
			wrong = wrong.or(wrongBelow.above(name))
		}
		return texts, wrong
	case []any:
		for i := range value {
			below, wrongBelow := jsonable(value[i])
			value[i] = below
			wrong = wrong.or(wrongBelow.above(fmt.Sprint(i)))
		}
	}
	return value, wrong
}

// keyText returns the text of a mapping's key, if it can have one.
func keyText(key any) (string, bool) {
	switch key := key.(type) {
	case string:
		return key, true
	case int, int64, bool:
		return fmt.Sprint(key), true
	case float64:
		text := strconv.FormatFloat(key, 'g', -1, 32)
		if special, ok := map[string]string{"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}[text]; ok {
			text = special
		}
		return text, true
	}
	return "", false
}

var (
	keyTwice   = regexp.MustCompile(`key "(?:[^"\\]|\\.){1,100}" already set in map|duplicate field "[^"]{1,200}"`)
	lineNumber = regexp.MustCompile(`\bline (\d+)\b`)
	// secretive matches a document whose keys are not shown: what is a value may have
	// become a key by a slip, and the number of the line says where.
	secretive = regexp.MustCompile(`(?i)secret|stringData|password|token|credential`)
)

// located returns what may be shown of the message of an error, on one line and with
// the line numbers of the whole file.
func (p part) located(err error) *told.Error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors:\n  ")
	message = strings.ReplaceAll(message, "\n", "; ")
	known := &told.Known{}
	known.Text("control characters are not allowed", errTrailing.Error())
	if !secretive.Match(p.text) {
		known.Text(keyTwice.FindAllString(message, -1)...)
	}
	return known.Tell(lineNumber.ReplaceAllStringFunc(message, func(match string) string {
		line, _ := strconv.Atoi(strings.TrimPrefix(match, "line ")) // digits, by the pattern
		return fmt.Sprintf("line %d", line+p.line)
	}))
}

package render

import (
	"bytes"
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// PassedOver is a file or a folder among manifests that was not rendered, because the
// options leave it out or because it surely is something else.
type PassedOver struct {
	File, Why string
	// Meant says that the options or the file itself ask for it, or that it holds nothing.
	Meant bool
}

// suspicious are words of a Kubernetes object. A file that cannot be read, but has
// one of them, is a manifest with a mistake.
var suspicious = regexp.MustCompile(`(?i)(?:\b|_)(?:api_?version|kind|metadata)(?:\b|_)`)

// whatElse returns what a YAML file is that holds no Kubernetes object, such as the
// configuration of a program, which may lie beside manifests as in Argo CD. It is
// "" when the file has anything of an object in it, or cannot be read well enough
// to say: then err, or what is missing in the documents, is the answer.
func whatElse(file string, text []byte, documents []decode.Document, err error) string {
	var syntax *decode.SyntaxError
	switch {
	case err != nil && !errors.As(err, &syntax):
		return "" // it is too large
	case isBinary(text):
		return "" // something encrypted: it may stand for anything
	case err != nil:
		return syntaxElse(text, syntax)
	case slices.ContainsFunc(documents, func(d decode.Document) bool { return hasObject(d) && !isForeign(file, d.Content) }):
		return ""
	case len(documents) > 0:
		return "it has neither kind nor apiVersion nor metadata"
	case decode.Blank(text):
		return "it is empty"
	}
	return "it has no object, but an empty list, mapping or null"
}

// syntaxElse is whatElse of a file that is no YAML.
func syntaxElse(text []byte, syntax *decode.SyntaxError) string {
	if syntax.Kind == decode.Text || suspicious.Match(text) {
		return "" // a path, a pointer: it may stand for anything; or a manifest with a mistake
	}
	return "it is not YAML of Kubernetes: " + syntax.Error()
}

// isBinary reports whether text has characters that no text has.
func isBinary(text []byte) bool {
	return bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' })
}

// hasObject reports whether a document has anything of a Kubernetes object in it,
// however it is spelled.
func hasObject(d decode.Document) bool {
	if d.Item {
		return true
	}
	for key, value := range d.Content {
		switch strings.ToLower(strings.Trim(key, " \t\"':\u00a0\u200b\ufeff")) {
		case "kind", "apiversion", "api_version", "api-version":
			return true
		case "metadata":
			if isMetadata(value) {
				return true
			}
		case "items":
			if items, ok := value.([]any); ok && slices.ContainsFunc(items, isObject) {
				return true
			}
		}
	}
	return false
}

func isMetadata(value any) bool {
	metadata, _ := value.(map[string]any)
	for _, field := range []string{"name", "generateName", "namespace", "labels", "annotations"} {
		if _, ok := metadata[field]; ok {
			return true
		}
	}
	return false
}

func isObject(value any) bool {
	object, _ := value.(map[string]any)
	return object["kind"] != nil && object["apiVersion"] != nil
}

// isForeign reports whether a document is one of those well-known ones of other
// programs that have an apiVersion, but no kind and no metadata.
func isForeign(file string, content map[string]any) bool {
	if content["kind"] != nil || content["metadata"] != nil {
		return false
	}
	switch version := content["apiVersion"].(type) {
	case int64, float64: // such as Grafana's provisioning; Kubernetes has none that is a number
		return true
	case string:
		_, index := content["entries"]
		_, named := content["name"].(string)
		return path.Base(file) == "Chart.yaml" && named || version == "v1" && index // a chart, and a Helm repository's index
	}
	return false
}

// Package document reads and writes the formats of files that the sops program
// encrypts, as ordered trees and in the way that program does, since what it
// authenticates depends on the order. It knows nothing of keys. No error shows
// anything of a file but names of keys.
package document

import (
	"errors"
	"fmt"
	"strings"
)

// Format is how a file is written.
type Format string

// The formats. A Binary file is any text in a JSON object of one field.
const (
	YAML   Format = "YAML"
	JSON   Format = "JSON"
	Dotenv Format = "dotenv"
	INI    Format = "INI"
	Binary Format = "binary"
)

// FormatOf returns the format of a file by its name, as the sops program takes it:
// Binary where the name says nothing.
func FormatOf(name string) Format {
	for suffix, format := range map[string]Format{".yaml": YAML, ".yml": YAML, ".json": JSON, ".env": Dotenv, ".ini": INI} {
		if strings.HasSuffix(name, suffix) {
			return format
		}
	}
	return Binary
}

// Branch is a mapping, in its order.
type Branch []Item

// Item is a field of a Branch, or a comment between its fields.
type Item struct {
	Key string
	// Value is nil, a string, int, float64, bool or [time.Time], a Branch, or a List.
	Value any
	// Comment is nil for a field.
	Comment *Comment
}

// List is a sequence of values, and of each [Comment] between them.
type List []any

// Comment is one line of comment, without what begins it.
type Comment struct {
	Text string
	// Inline says that it stands behind a value, on the same line.
	Inline bool
}

// The bounds of one file. They are far beyond what anybody encrypts, and keep what
// a hostile one costs small.
const (
	maxDepth = 200
	maxNodes = 200_000
	// maxPath is the length in bytes of all keys that lead to a value together.
	maxPath = 8192
)

var errTooLarge = errors.New("it has too many values, or they are nested too deeply")

// Parse reads the documents of a file, of which all formats but YAML have one.
func Parse(format Format, text []byte) ([]Branch, error) {
	switch format {
	case YAML:
		return parseYAML(text)
	case Dotenv:
		branch, err := parseDotenv(text)
		return []Branch{branch}, err
	case INI:
		branch, err := parseINI(text)
		return []Branch{branch}, err
	default:
		branch, err := parseJSON(text)
		return []Branch{branch}, err
	}
}

// Render writes documents as the sops program does, byte for byte.
func Render(format Format, documents []Branch) ([]byte, error) {
	if format == YAML {
		return renderYAML(documents)
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("it has %d documents, and %s has one", len(documents), format)
	}
	switch format {
	case Dotenv:
		return renderDotenv(documents[0])
	case INI:
		return renderINI(documents[0])
	case Binary:
		return renderBinary(documents[0])
	default:
		return renderJSON(documents[0])
	}
}

// budget counts what a file may have.
type budget struct{ nodes int }

// spend takes one value at a depth, below keys of a length.
func (b *budget) spend(depth, path int) error {
	if b.nodes++; b.nodes > maxNodes || depth > maxDepth || path > maxPath {
		return errTooLarge
	}
	return nil
}

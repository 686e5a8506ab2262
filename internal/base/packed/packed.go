// Package packed holds what was parsed from JSON in little memory, for who keeps much of
// it and seldom looks into it. It knows nothing of what is held.
package packed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// longest is how long a text is at most as which something is held. Most objects are
// shorter, and take seven times as much as they were parsed: a map of one field takes
// more than 300 bytes. A longer one is mostly one text, or is looked into often, as a
// definition of a kind is.
const longest = 8 << 10

// Fields are those of a JSON object. They are immutable, and safe for concurrent use.
type Fields struct {
	// fields are nil when they are packed into text, which is JSON.
	fields map[string]any
	text   string

	once sync.Once
	sum  string
}

// Of holds fields, which the caller hands over and does not change.
func Of(fields map[string]any) *Fields { return &Fields{fields: fields} }

// Map returns the fields, which callers do not change.
func (f *Fields) Map() map[string]any {
	if f.fields != nil || f.text == "" {
		return f.fields
	}
	var fields map[string]any
	_ = utiljson.Unmarshal([]byte(f.text), &fields) // it was written by Packed
	return fields
}

// Packed returns the fields in less memory, or as they are when they are long or no JSON.
func (f *Fields) Packed() *Fields {
	if f.fields == nil {
		return f
	}
	text, err := json.Marshal(f.fields)
	if err != nil || len(text) > longest {
		return f
	}
	packed := &Fields{text: string(text)}
	packed.once.Do(func() { packed.sum = Sum(text) })
	return packed
}

// Sum identifies the fields: it is that of their JSON, and "" when they are none.
func (f *Fields) Sum() string {
	f.once.Do(func() {
		if text, err := json.Marshal(f.fields); err == nil {
			f.sum = Sum(text)
		}
	})
	return f.sum
}

// Sum identifies a text, by SHA-256.
func Sum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

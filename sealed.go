package syncline

import "fmt"

// Sealed is a secret text: a password, a token, a key. It prints as "***"
// wherever it is formatted, logged or marshalled; only [Sealed.Reveal] gives
// the text, and only packages under internal/edge may call it.
type Sealed string

const sealedText = "***"

// Reveal returns the secret text.
func (s Sealed) Reveal() string { return string(s) }

// String returns "***", or "" when there is nothing to hide.
func (s Sealed) String() string {
	if s == "" {
		return ""
	}
	return sealedText
}

// Format hides the text from every verb, %#v and %x included.
func (s Sealed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the text from JSON and YAML.
func (s Sealed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

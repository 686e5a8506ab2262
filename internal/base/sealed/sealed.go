// Package sealed keeps secrets from being shown: texts that nothing prints, and masks
// for the values of Secrets.
package sealed

import "fmt"

// mask stands for a secret whose likeness to others is of no interest.
const mask = "***"

// Text is a secret text: a password, a token, a key. It prints as "***"
// wherever it is formatted, logged or marshalled; only [Text.Reveal] gives
// the text, and only packages under internal/edge may call it.
type Text string

// Reveal returns the secret text.
func (s Text) Reveal() string { return string(s) }

// String returns "***", or "" when there is nothing to hide.
func (s Text) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format hides the text from every verb, %#v and %x included.
func (s Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the text from JSON and YAML.
func (s Text) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

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

// maxDataKey is how long a key of a Secret is at most.
const maxDataKey = 253

// ShownKey returns a key of a Secret's data as it may be shown. One that the API
// server takes is a name, like that of a file, and Argo CD shows it too. Any other may
// be a value that became a key by a slip, and is a mask.
func ShownKey(key string) string {
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return sealedText
		}
	}
	if len(key) > maxDataKey {
		return sealedText
	}
	return key
}

// Package signing holds the words of who signed what: what there is to verify, who has to
// have signed it, and who did. It verifies nothing.
package signing

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Rule says who has to have signed what the Apps of a project read from some Git
// repositories, as a policy of sourceIntegrity in an Argo CD AppProject does.
type Rule struct {
	// Repositories are those that the rule is about, but for Except.
	Repositories, Except []upstream.Pattern
	// Mode says what has to be signed.
	Mode Mode
	// Signers are who may sign; see [IsName].
	Signers []string
	// Seal is the trailer of a commit by which its signer vouches for everything before
	// it. Empty when there is none.
	Seal string
	// Field is where the rule is declared, and KeysIn where keys are, for messages.
	Field, KeysIn string
}

// Mode says what of a repository has to be signed.
type Mode string

// The modes.
const (
	// None demands nothing.
	None Mode = "none"
	// Head demands it of the commit, or of the annotated tag that is named.
	Head Mode = "head"
	// Strict demands it of all commits before as well, back to those that are sealed, and
	// of the annotated tag that is named.
	Strict Mode = "strict"
)

// Concerns reports whether the rule is about the repository at an address.
func (r Rule) Concerns(address upstream.Address) bool {
	for _, except := range r.Except {
		if except.Matches(address) {
			return false
		}
	}
	for _, pattern := range r.Repositories {
		if pattern.Matches(address) {
			return true
		}
	}
	return false
}

// Err joins what cannot be read of the rule.
func (r Rule) Err() error {
	var errs []error
	for _, patterns := range [][]upstream.Pattern{r.Repositories, r.Except} {
		for _, pattern := range patterns {
			errs = append(errs, pattern.Err())
		}
	}
	switch r.Mode {
	case None, Head, Strict:
	default:
		errs = append(errs, &Error{fmt.Sprintf("%s: mode %q is neither none, head nor strict", r.Field, r.Mode), "write one of them"})
	}
	for _, name := range r.Signers {
		if !IsName(name) {
			errs = append(errs, &Error{fmt.Sprintf("%s: %q is no name of a key", r.Field, name),
				"name a GPG key by its ID of 16 or its fingerprint of 40 hexadecimal digits, an SSH key by SHA256:…, or a principal of the allowed signers by ssh:…"})
		}
	}
	return errors.Join(errs...)
}

// Error is what cannot be read of a Rule.
type Error struct{ text, hint string }

// Error names field and value.
func (e *Error) Error() string { return e.text }

// Unreadable returns what to write instead.
func (e *Error) Unreadable() string { return e.hint }

// The names of signers that a rule may have.
var (
	gpgName = regexp.MustCompile(`^([0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})$`)
	sshName = regexp.MustCompile(`^(SHA256:[A-Za-z0-9+/]{43}|ssh:[^\s,*?!"]+)$`)
)

// IsName reports whether a text can name a signer: the ID of a GPG key, 16 hexadecimal
// digits, or its fingerprint, 40 of them, of the key that signed or of the one that it is
// a subkey of; "SHA256:" and the fingerprint of an SSH key; or "ssh:" and a principal,
// whose keys are those that the allowed signers have for it.
func IsName(name string) bool { return gpgName.MatchString(name) || sshName.MatchString(name) }

// Principal returns the principal that the name of a signer is of, and whether it is one.
func Principal(name string) (string, bool) { return strings.CutPrefix(name, "ssh:") }

// Signer is who made a signature that was verified.
type Signer struct {
	// Key is the fingerprint of the key.
	Key string
	// Name is which of the names that were asked for the signer has; "" when none.
	Name string
	// Until is when it has to be verified again, because a key expires. Zero: never.
	Until time.Time
}

// Object is an object of a Git repository that people sign, as it is stored. What it says
// is proved by nobody before its signature is verified.
type Object struct {
	Kind Kind
	// Hash is the full name of the object.
	Hash string
	// Who is the committer or tagger, such as "Jane <jane@example.com>", and At the time
	// that the object gives for it; zero when that cannot be read.
	Who string
	At  time.Time
	// Payload is what the Signature is over, byte by byte. The Signature is armored, and
	// nil where there is none.
	Payload, Signature []byte
	// Parents are those of a commit.
	Parents []string
	// Target is the commit that a tag is of, and Name what the tag calls itself.
	Target, Name string
	Message      string
}

// Kind is what kind of object is signed.
type Kind string

// The kinds of object that people sign.
const (
	Commit Kind = "commit"
	Tag    Kind = "tag"
)

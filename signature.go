package syncline

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// SignatureRule says who has to have signed what the Apps of a project read from some
// Git repositories, as a policy of sourceIntegrity in an Argo CD AppProject does.
type SignatureRule struct {
	// Repositories are those that the rule is about, but for Except.
	Repositories, Except []upstream.Pattern
	// Mode says what has to be signed.
	Mode SignatureMode
	// Signers are who may sign; see [IsSignerName].
	Signers []string
	// Seal is the trailer of a commit by which its signer vouches for everything before
	// it. Empty when there is none.
	Seal string
	// Field is where the rule is declared, and KeysIn where keys are, for messages.
	Field, KeysIn string
}

// SignatureMode says what of a repository has to be signed.
type SignatureMode string

// The modes.
const (
	// SignatureNone demands nothing.
	SignatureNone SignatureMode = "none"
	// SignatureHead demands it of the commit, or of the annotated tag that is named.
	SignatureHead SignatureMode = "head"
	// SignatureStrict demands it of all commits before as well, back to those that are
	// sealed, and of the annotated tag that is named.
	SignatureStrict SignatureMode = "strict"
)

// Concerns reports whether the rule is about the repository at an address.
func (r SignatureRule) Concerns(address upstream.Address) bool {
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

// err joins what cannot be read of the rule.
func (r SignatureRule) err() error {
	var errs []error
	for _, pattern := range append(append([]upstream.Pattern{}, r.Repositories...), r.Except...) {
		errs = append(errs, pattern.Err())
	}
	switch r.Mode {
	case SignatureNone, SignatureHead, SignatureStrict:
	default:
		errs = append(errs, Errorf(Invalid, "%s: mode %q is neither none, head nor strict", r.Field, r.Mode))
	}
	for _, name := range r.Signers {
		if !IsSignerName(name) {
			errs = append(errs, WithHint(Errorf(Invalid, "%s: %q is no name of a key", r.Field, name),
				"name a GPG key by its ID of 16 or its fingerprint of 40 hexadecimal digits, an SSH key by SHA256:…, or a principal of the allowed signers by ssh:…"))
		}
	}
	return errors.Join(errs...)
}

// The names of signers that a rule may have.
var (
	gpgName = regexp.MustCompile(`^([0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})$`)
	sshName = regexp.MustCompile(`^(SHA256:[A-Za-z0-9+/]{43}|ssh:[^\s,*?!"]+)$`)
)

// IsSignerName reports whether a text can name a signer: the ID of a GPG key, 16
// hexadecimal digits, or its fingerprint, 40 of them, of the key that signed or of the
// one that it is a subkey of; "SHA256:" and the fingerprint of an SSH key; or "ssh:" and
// a principal, whose keys are those that the allowed signers have for it.
func IsSignerName(name string) bool { return gpgName.MatchString(name) || sshName.MatchString(name) }

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

package signing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Artifact says who has to have signed an artifact in a registry, as spec.verify of a Flux
// OCIRepository or HelmChart does. One signature by whoever it names is enough.
type Artifact struct {
	// Provider is by what program the artifact is signed. Default: [Cosign].
	Provider Provider
	// Keys are public keys in PEM, by the names of the files that they are from. What is
	// signed by one of them needs no log.
	Keys map[string]string
	// Identities are those of people and workflows without a key of their own, any of
	// which may sign.
	Identities []Identity
	// TrustedRoot is the trusted_root.json of the Sigstore that vouches for identities.
	// Empty: that of sigstore.dev, as it is kept with the program.
	TrustedRoot string
	// Field is where the rule is declared, for messages.
	Field string
}

// Provider names a program that signs artifacts.
type Provider string

// The programs. What [Notation] signed cannot be verified.
const (
	Cosign   Provider = "cosign"
	Notation Provider = "notation"
)

// Identity is who signs without a key: both are regular expressions in the syntax of RE2,
// found anywhere in the text unless they are anchored, as in Flux.
type Identity struct {
	// Issuer is the address of the OpenID provider that vouches for Subject, which is a
	// mail address, or the address of a workflow.
	Issuer, Subject string
}

// maxRules bounds how many keys, and how many identities, a rule may name.
const maxRules = 100

// Err joins what cannot be read of the rule.
func (a Artifact) Err() error {
	var errs []error
	refuse := func(hint, format string, args ...any) {
		errs = append(errs, &Error{fmt.Sprintf(format, args...), hint})
	}
	switch a.Provider {
	case Cosign, "":
	case Notation:
		refuse("sign with cosign, by a key or keyless, and write provider: cosign", "signatures of notation cannot be verified")
	default:
		refuse("write cosign", "provider %q is not known", a.Provider)
	}
	if len(a.Keys)+len(a.Identities) == 0 {
		refuse("give a public key, or say whose identity by matchOIDCIdentity; an issuer and a subject of \".*\" are anybody", "it names nobody who may sign")
	}
	if len(a.Keys) > maxRules || len(a.Identities) > maxRules {
		refuse("name fewer", "it has more than %d keys or identities", maxRules)
	}
	for i, identity := range a.Identities {
		for _, part := range []struct{ name, text string }{{"issuer", identity.Issuer}, {"subject", identity.Subject}} {
			if _, err := regexp.Compile(part.text); err != nil || part.text == "" {
				refuse("write a regular expression, such as ^https://github\\.com/team/", "the %s of identity %d is no regular expression: %q", part.name, i+1, part.text)
			}
		}
	}
	return errors.Join(errs...)
}

// Digest is the same for rules by which the same is signed.
func (a Artifact) Digest() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q", cmp.Or(a.Provider, Cosign), a.TrustedRoot)
	for _, name := range slices.Sorted(maps.Keys(a.Keys)) {
		fmt.Fprintf(hash, " %q", a.Keys[name])
	}
	for _, identity := range a.Identities {
		fmt.Fprintf(hash, " %q/%q", identity.Issuer, identity.Subject)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Beside is a signature that lies beside an artifact in a registry, in one of two forms:
// a Payload with a Signature and what comes with it, or a Bundle of Sigstore in JSON.
type Beside struct {
	Payload []byte
	// Signature is in base64. Certificate is that of the key, in PEM; Entry says that a
	// log has the signature, and Stamp when it was made, both in JSON. Each but the
	// first may be missing.
	Signature, Certificate, Entry, Stamp string
	Bundle                               []byte
}

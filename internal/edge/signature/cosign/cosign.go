// Package cosign verifies the signatures that cosign makes of artifacts in registries, by
// public keys and by whom certificates name: those of its versions up to 2, over a small
// document, and bundles of Sigstore, as version 3 makes them. It asks no server.
package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstore"
)

// Trust is who may sign. It is safe for concurrent use.
type Trust struct {
	keys       keys
	identities []identity
	root       *sigstore.Root
}

// identity is whose certificates count.
type identity struct{ issuer, subject *regexp.Regexp }

// Read reads who may sign by a rule.
func Read(rule signing.Artifact) (*Trust, error) {
	if err := rule.Err(); err != nil {
		return nil, err
	}
	var t Trust
	var err error
	if t.keys, err = readKeys(rule.Keys); err != nil {
		return nil, err
	}
	for _, may := range rule.Identities {
		t.identities = append(t.identities, identity{regexp.MustCompile(may.Issuer), regexp.MustCompile(may.Subject)})
	}
	switch {
	case len(t.identities) == 0:
	case rule.TrustedRoot == "":
		t.root, err = sigstore.PublicGood()
	default:
		t.root, err = sigstore.ReadRoot([]byte(rule.TrustedRoot))
	}
	if err != nil {
		return nil, fmt.Errorf("the trusted root cannot be read: %w", err)
	}
	return &t, nil
}

// keys are public keys that are trusted. Any one of them is enough.
type keys []crypto.PublicKey

// readKeys reads public keys in PEM, as cosign generate-key-pair writes cosign.pub.
func readKeys(files map[string]string) (keys, error) {
	var read keys
	for _, name := range slices.Sorted(maps.Keys(files)) {
		block, rest := pem.Decode([]byte(files[name]))
		if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
			return nil, fmt.Errorf("%s is not one public key in PEM", name)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s is no public key: %w", name, err)
		}
		switch k := key.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey:
		case *rsa.PublicKey:
			if bits := k.N.BitLen(); bits < 2048 || bits > 16384 {
				return nil, fmt.Errorf("%s is a key of %d bits: from 2048 to 16384 are read", name, bits)
			}
		default:
			return nil, fmt.Errorf("%s is a key of a kind that is not read", name)
		}
		read = append(read, key)
	}
	return read, nil
}

// maxReasons is of how many signatures an error says why they do not count.
const maxReasons = 5

// Verify returns nil when one of the signatures is by somebody who may sign, and is of
// the artifact with a digest, "sha256:" and 64 digits. Nothing else is: the error says of
// some why not.
func (t *Trust) Verify(digest string, signatures []signing.Beside) error {
	if len(signatures) == 0 {
		return errors.New("unsigned")
	}
	var reasons []string
	for _, signature := range signatures {
		err := t.verify(digest, signature)
		if err == nil {
			return nil
		}
		if reason := err.Error(); len(reasons) <= maxReasons && !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) > maxReasons {
		reasons[maxReasons] = "there are more"
	}
	return errors.New(strings.Join(reasons, "; "))
}

// verify reports whether a signature is good, and why it is not.
func (t *Trust) verify(digest string, signature signing.Beside) error {
	if signature.Bundle != nil {
		return t.bundle(digest, signature.Bundle)
	}
	simple, err := readSimple(signature)
	if err != nil {
		return err
	}
	if err := t.judge(simple); err != nil {
		return err
	}
	var says struct {
		Critical struct {
			Type  string `json:"type"`
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
		} `json:"critical"`
	}
	if json.Unmarshal(signature.Payload, &says) != nil || says.Critical.Type != "cosign container image signature" {
		return errors.New("what was signed is no statement of cosign about an artifact")
	}
	if says.Critical.Image.Digest != digest {
		return errors.New("a signature is of another artifact")
	}
	return nil
}

// What a bundle has to hold: a statement of in-toto that an artifact is signed, and not
// one that says something else of it.
const (
	statementMedia = "application/vnd.in-toto+json"
	statementType  = "https://in-toto.io/Statement/v1"
	signedType     = "https://sigstore.dev/cosign/sign/v1"
)

// bundle verifies a bundle, whose envelope is signed as DSSE has it.
func (t *Trust) bundle(digest string, text []byte) error {
	bundle, err := sigstore.ReadBundle(text)
	if err != nil {
		return err
	}
	if bundle.PayloadType != statementMedia {
		return errors.New("a bundle has no statement with one signature")
	}
	if err := t.judge(bundle.Signature); err != nil {
		return err
	}
	return isAbout(digest, bundle.Payload)
}

// judge returns why a signature is by nobody who may sign, or nil.
func (t *Trust) judge(signature sigstore.Signature) error {
	if t.keys.signed(signature.Over, signature.Bytes) {
		return nil
	}
	switch {
	case len(t.identities) == 0:
		return errors.New("a signature is not by a key that is trusted, or not over this")
	case len(signature.Certificate) == 0:
		return errors.New("a signature has no certificate that says by whom it is")
	}
	by, err := t.root.Verify(signature)
	if err != nil {
		return fmt.Errorf("a signature is not good: %w", err)
	}
	for _, may := range t.identities {
		if may.issuer.MatchString(by.Issuer) && may.subject.MatchString(by.Subject) {
			return nil
		}
	}
	return fmt.Errorf("a signature is by %s, who may not sign", by)
}

// isAbout returns why a statement is not that the artifact with a digest is signed, or nil.
func isAbout(digest string, statement []byte) error {
	var says struct {
		Type          string `json:"_type"`
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
	}
	if json.Unmarshal(statement, &says) != nil || says.Type != statementType || says.PredicateType != signedType {
		return errors.New("the statement of a bundle is not that an artifact is signed")
	}
	hash, found := strings.CutPrefix(digest, "sha256:")
	if _, err := hex.DecodeString(hash); err != nil || !found || len(hash) != 64 || len(says.Subject) != 1 || says.Subject[0].Digest["sha256"] != hash {
		return errors.New("a bundle is of another artifact")
	}
	return nil
}

// signed reports whether a signature is by one of the keys.
func (k keys) signed(over, signature []byte) bool {
	sum := sha256.Sum256(over)
	for _, key := range k {
		switch key := key.(type) {
		case *ecdsa.PublicKey:
			if ecdsa.VerifyASN1(key, sum[:], signature) {
				return true
			}
		case *rsa.PublicKey:
			if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil {
				return true
			}
		case ed25519.PublicKey:
			if ed25519.Verify(key, over, signature) {
				return true
			}
		}
	}
	return false
}

// Package cosign verifies the signatures that cosign makes of artifacts in registries, by
// public keys: those of its versions up to 2, over a small document, and bundles of
// Sigstore, as version 3 makes them. It asks no server and reads no certificate, so what
// was signed without a key of one's own is signed by nobody here.
package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// Keys are public keys that are trusted. Any one of them is enough.
type Keys []crypto.PublicKey

// ReadKeys reads public keys in PEM, as cosign generate-key-pair writes cosign.pub.
func ReadKeys(files map[string][]byte) (Keys, error) {
	var keys Keys
	for name, file := range files {
		block, rest := pem.Decode(file)
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
		keys = append(keys, key)
	}
	return keys, nil
}

// Verify returns nil when one of the signatures is by one of the keys, and is of the
// artifact with a digest, "sha256:" and 64 digits. Nothing else is: the error says for
// each why not.
func (k Keys) Verify(digest string, signatures []signing.Beside) error {
	if len(signatures) == 0 {
		return errors.New("unsigned")
	}
	var errs []error
	for _, signature := range signatures {
		err := k.verify(digest, signature)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (k Keys) verify(digest string, signature signing.Beside) error {
	if signature.Bundle != nil {
		return k.bundle(digest, signature.Bundle)
	}
	raw, err := base64.StdEncoding.DecodeString(signature.Signature)
	if err != nil {
		return errors.New("a signature is not in base64")
	}
	if !k.signed(signature.Payload, raw) {
		return errors.New("a signature is not by a key that is trusted, or not over this")
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
func (k Keys) bundle(digest string, text []byte) error {
	var bundle struct {
		MediaType string `json:"mediaType"`
		Envelope  *struct {
			Payload     []byte `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []struct {
				Sig []byte `json:"sig"`
			} `json:"signatures"`
		} `json:"dsseEnvelope"`
	}
	if json.Unmarshal(text, &bundle) != nil || !strings.HasPrefix(bundle.MediaType, "application/vnd.dev.sigstore.bundle") {
		return errors.New("a bundle cannot be read")
	}
	envelope := bundle.Envelope
	if envelope == nil || envelope.PayloadType != statementMedia || len(envelope.Signatures) != 1 {
		return errors.New("a bundle has no statement with one signature")
	}
	over := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(envelope.PayloadType), envelope.PayloadType, len(envelope.Payload))
	if !k.signed(append(over, envelope.Payload...), envelope.Signatures[0].Sig) {
		return errors.New("a bundle is not signed by a key that is trusted, or not over this")
	}
	return isAbout(digest, envelope.Payload)
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
func (k Keys) signed(over, signature []byte) bool {
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

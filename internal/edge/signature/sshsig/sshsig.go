// Package sshsig verifies signatures that ssh-keygen -Y sign makes, by a file of allowed
// signers; see "ALLOWED SIGNERS" in ssh-keygen(1), and PROTOCOL.sshsig of OpenSSH. It
// runs no program.
package sshsig

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// Namespace is that of signatures that git makes: what was signed for another use is no
// signature of a commit.
const Namespace = "git"

// magic begins what is signed, and the signature.
const magic = "SSHSIG"

// blob is a signature without its magic.
type blob struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  []byte
	Hash      string
	Signature []byte
}

// covered is what a signature is over, without its magic.
type covered struct {
	Namespace string
	Reserved  []byte
	Hash      string
	Digest    []byte
}

// Verify returns who made an armored signature over a payload, and which of the names
// that is: the fingerprint of the key, or "ssh:" and a principal that had it at a time,
// which is when the signature says that it was made. Errors say what is wrong.
func (s *Signers) Verify(payload, armored []byte, allowed []string, at time.Time) (signing.Signer, error) {
	b, key, err := read(armored)
	if err != nil {
		return signing.Signer{}, err
	}
	signer := signing.Signer{Key: ssh.FingerprintSHA256(plain(key))}
	lines := s.of(key)
	switch {
	case s.revokes(key):
		return signer, errors.New("signed with a key that was revoked")
	case len(lines) == 0: // whoever made the key decides how long it takes to verify by it
		return signer, errors.New("signed with a key that is not known")
	case at.IsZero():
		return signer, errors.New("it does not say when it was signed")
	}
	if err := check(b, key, payload); err != nil {
		return signer, err
	}
	var why error
	for _, line := range lines {
		if err := line.holds(at); err != nil {
			why = err
			continue
		}
		if signer.Name = line.nameOf(key, allowed, at); signer.Name != "" {
			return signer, nil
		}
		why = nil
	}
	return signer, why
}

// read reads an armored signature and the key that it says it is by.
func read(armored []byte) (blob, ssh.PublicKey, error) {
	var b blob
	const begin = "-----BEGIN SSH SIGNATURE-----"
	text := bytes.TrimSpace(armored)
	if !bytes.HasPrefix(text, []byte(begin)) {
		return b, nil, errors.New("the signature is not an armored block")
	}
	block, rest := pem.Decode(append(bytes.Clone(text), '\n'))
	if block == nil || len(rest) > 0 || len(block.Headers) > 0 || block.Type != "SSH SIGNATURE" {
		return b, nil, errors.New("the signature is not one armored block")
	}
	raw, found := bytes.CutPrefix(block.Bytes, []byte(magic))
	if !found || ssh.Unmarshal(raw, &b) != nil || b.Version != 1 {
		return b, nil, errors.New("the signature cannot be read")
	}
	key, err := ssh.ParsePublicKey(b.PublicKey)
	if err != nil {
		return b, nil, errors.New("the key of the signature cannot be read")
	}
	return b, key, nil
}

// check verifies that a signature is over a payload.
func check(b blob, key ssh.PublicKey, payload []byte) error {
	if b.Namespace != Namespace {
		return fmt.Errorf("signed for namespace %q and not for %q", b.Namespace, Namespace)
	}
	var digest []byte
	switch b.Hash {
	case "sha256":
		sum := sha256.Sum256(payload)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(payload)
		digest = sum[:]
	default:
		return fmt.Errorf("signed over a digest of %q", b.Hash)
	}
	var signature ssh.Signature
	if ssh.Unmarshal(b.Signature, &signature) != nil {
		return errors.New("the signature cannot be read")
	}
	switch plain(key).Type() {
	case "ssh-dss":
		return errors.New("signed with a key that is too weak")
	case ssh.KeyAlgoRSA:
		if signature.Format != ssh.KeyAlgoRSASHA256 && signature.Format != ssh.KeyAlgoRSASHA512 {
			return fmt.Errorf("signed by %s, which is not safe", signature.Format)
		}
		if bits := bitsOf(plain(key)); bits < 2048 || bits > 16384 {
			return fmt.Errorf("signed with a key of %d bits: from 2048 to 16384 are read", bits)
		}
	}
	over := append([]byte(magic), ssh.Marshal(covered{b.Namespace, b.Reserved, b.Hash, digest})...)
	if plain(key).Verify(over, &signature) != nil {
		return errors.New("bad signature: it is not over this")
	}
	return nil
}

// plain returns the key of a certificate, and any other key as it is.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if certificate, ok := key.(*ssh.Certificate); ok {
		return certificate.Key
	}
	return key
}

func bitsOf(key ssh.PublicKey) int {
	holder, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return 0
	}
	of, ok := holder.CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return 0
	}
	return of.N.BitLen()
}

// patterns is a list of patterns as in OpenSSH, separated by commas: "*" is any text,
// "?" any one character, and "!" in front of one denies.
type patterns string

// match reports whether one of the patterns matches, and none denies.
func (p patterns) match(text string) bool {
	found := false
	for pattern := range strings.SplitSeq(string(p), ",") {
		pattern, denies := strings.CutPrefix(pattern, "!")
		if matches(pattern, text) {
			if denies {
				return false
			}
			found = true
		}
	}
	return found
}

// matches matches in a time in proportion to both lengths multiplied.
func matches(pattern, text string) bool {
	star, mark := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

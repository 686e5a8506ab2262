// Package openpgp verifies OpenPGP signatures, as GnuPG makes them, by keys that
// somebody trusts. It trusts no key for another, asks no server for keys, and runs no
// program.
package openpgp

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// Keyring holds the keys that are trusted. The zero value has none. It is safe for
// concurrent use.
type Keyring struct{ keys openpgp.EntityList }

// maxKeys bounds a keyring.
const maxKeys = 1000

// Read reads armored public keys by their IDs, of 16 or 40 hexadecimal digits. The
// error joins what is wrong with single ones, which are not in the Keyring.
func Read(armored map[string]string) (*Keyring, error) {
	k := &Keyring{}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(armored)) {
		key, err := readKey(armored[id])
		switch {
		case err != nil:
		case len(k.keys) == maxKeys:
			err = fmt.Errorf("there are more than %d keys", maxKeys)
		case !names(id, key.PrimaryKey):
			err = fmt.Errorf("its ID is %X", key.PrimaryKey.Fingerprint)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("GPG key %q: %w", id, err))
			continue
		}
		k.keys = append(k.keys, key)
	}
	return k, errors.Join(errs...)
}

func readKey(armored string) (*openpgp.Entity, error) {
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil || block.Type != openpgp.PublicKeyType {
		return nil, errors.New("it is no armored public key")
	}
	entities, err := openpgp.ReadKeyRing(block.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("it cannot be read: %w", err)
	case len(entities) != 1:
		return nil, fmt.Errorf("there are %d keys in it: give each an entry of its own", len(entities))
	}
	if self, _ := entities[0].PrimarySelfSignature(); self == nil {
		return nil, errors.New("it has no identity that is signed by itself")
	}
	return entities[0], nil
}

// names reports whether a name, of 16 or 40 hexadecimal digits, is that of a key.
func names(name string, key *packet.PublicKey) bool {
	fingerprint := hex.EncodeToString(key.Fingerprint)
	name = strings.ToLower(name)
	return len(name) == 40 && fingerprint == name || len(name) == 16 && len(fingerprint) == 40 && strings.HasSuffix(fingerprint, name)
}

// ahead is how far the clock of who signs may be ahead of ours.
const ahead = 5 * time.Minute

// Verify returns who made an armored signature over a payload, and which of the names
// that is. As for GnuPG a key that has expired by now or was revoked verifies nothing,
// whenever it signed. Errors say what is wrong, and name the key where it is known.
func (k *Keyring) Verify(payload, armored []byte, allowed []string, now time.Time) (signing.Signer, error) {
	signature, raw, err := readSignature(armored)
	if err != nil {
		return signing.Signer{}, err
	}
	id := fmt.Sprintf("%016X", *signature.IssuerKeyId)
	if created := signature.CreationTime; created.After(now) && created.Before(now.Add(ahead)) {
		now = created
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	candidates := k.keys.KeysById(*signature.IssuerKeyId)
	if len(candidates) == 0 {
		return signing.Signer{Key: id}, errors.New("signed with a key that is not known")
	}
	for _, key := range candidates { // two keys may have one ID
		_, signer, err := openpgp.VerifyDetachedSignature(openpgp.EntityList{key.Entity}, bytes.NewReader(payload), bytes.NewReader(raw), config)
		if signer == nil {
			continue
		}
		made := signing.Signer{Key: fmt.Sprintf("%X", key.PublicKey.Fingerprint)}
		if err == nil {
			err = judge(key, signature)
		}
		if err != nil {
			return made, inWords(err)
		}
		made.Until = until(key, signature)
		made.Name, err = k.nameOf(key, allowed)
		return made, err
	}
	return signing.Signer{Key: id}, errors.New("bad signature: it is not over this, or not by a key that may sign")
}

// readSignature reads the one signature that there may be, and also returns its packet.
func readSignature(armored []byte) (*packet.Signature, []byte, error) {
	raw, err := unarmor(string(armored))
	if err != nil {
		return nil, nil, err
	}
	packets := packet.NewReader(bytes.NewReader(raw))
	first, err := packets.Next()
	signature, ok := first.(*packet.Signature)
	if err != nil || !ok {
		return nil, nil, errors.New("the signature cannot be read")
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("there is more than one signature")
	}
	switch {
	case signature.SigType != packet.SigTypeBinary:
		return nil, nil, errors.New("the signature is of another type than those over data")
	case signature.IssuerKeyId == nil:
		return nil, nil, errors.New("the signature does not say by which key it was made")
	}
	return signature, raw, nil
}

// unarmor returns what is in an armored block, of which every byte counts: what the
// library passes over, GnuPG may read.
func unarmor(text string) ([]byte, error) {
	const begin, end = "-----BEGIN PGP SIGNATURE-----\n", "\n-----END PGP SIGNATURE-----"
	text, begins := strings.CutPrefix(strings.TrimRight(text, "\n"), begin)
	text, ends := strings.CutSuffix(text, end)
	if !begins || !ends || strings.Contains(text, "-----") {
		return nil, errors.New("the signature is not one armored block")
	}
	unreadable := errors.New("the signature cannot be read")
	for !strings.HasPrefix(text, "\n") { // headers, such as Version
		header, rest, found := strings.Cut(text, "\n")
		if !found || !strings.Contains(header, ": ") {
			return nil, unreadable
		}
		text = rest
	}
	body, sum, hasSum := text, "", false
	if at := strings.LastIndex(text, "\n="); at >= 0 {
		body, sum, hasSum = text[:at], text[at+2:], true
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil || len(raw) == 0 {
		return nil, unreadable
	}
	crc := crc24(raw)
	if hasSum && sum != base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)}) {
		return nil, unreadable
	}
	return raw, nil
}

// crc24 is the checksum of an armored block, of RFC 4880 section 6.1.
func crc24(data []byte) uint32 {
	const begin, polynomial = 0xB704CE, 0x1864CFB
	crc := uint32(begin)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= polynomial
			}
		}
	}
	return crc & 0xFFFFFF
}

// judge holds a signature that is right against what the library does not ask for.
func judge(key openpgp.Key, signature *packet.Signature) error {
	switch signature.Hash {
	case crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512:
	default:
		return fmt.Errorf("signed over a digest of %s, which is not safe", signature.Hash)
	}
	if signature.CreationTime.Before(key.PublicKey.CreationTime) {
		return errors.New("signed before there was the key")
	}
	bits, err := key.PublicKey.BitLength()
	rsa := key.PublicKey.PubKeyAlgo == packet.PubKeyAlgoRSA || key.PublicKey.PubKeyAlgo == packet.PubKeyAlgoRSASignOnly
	if err != nil || rsa && bits < 2048 || key.PublicKey.PubKeyAlgo == packet.PubKeyAlgoDSA {
		return fmt.Errorf("signed with a key that is too weak (%d bits)", bits)
	}
	return nil
}

func inWords(err error) error {
	switch {
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return errors.New("signed with a key that has expired")
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return errors.New("signed with a key that was revoked")
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		return errors.New("the signature, or one on its key, has expired or is of the future")
	}
	return err
}

// until returns the first time at which one of what a signature rests on expires.
func until(key openpgp.Key, signature *packet.Signature) (first time.Time) {
	primary, _ := key.Entity.PrimarySelfSignature()
	note := func(from time.Time, seconds *uint32) {
		if seconds == nil || *seconds == 0 {
			return
		}
		if end := from.Add(time.Duration(*seconds) * time.Second); first.IsZero() || end.Before(first) {
			first = end
		}
	}
	for _, s := range []*packet.Signature{signature, primary, key.SelfSignature} {
		note(s.CreationTime, s.SigLifetimeSecs)
	}
	note(key.Entity.PrimaryKey.CreationTime, primary.KeyLifetimeSecs)
	note(key.PublicKey.CreationTime, key.SelfSignature.KeyLifetimeSecs)
	return first
}

// nameOf returns which of the names is that of a key, or of the one it is a subkey of.
// An ID that two keys have is the name of none: one of them was made to have it.
func (k *Keyring) nameOf(key openpgp.Key, allowed []string) (string, error) {
	for _, name := range allowed {
		if !names(name, key.PublicKey) && !names(name, key.Entity.PrimaryKey) {
			continue
		}
		if k.ambiguous(name) {
			return "", fmt.Errorf("signed with one of several keys whose ID is %s: name it by its fingerprint", strings.ToUpper(name))
		}
		return name, nil
	}
	return "", nil
}

func (k *Keyring) ambiguous(name string) bool {
	of := 0
	for _, entity := range k.keys {
		named := names(name, entity.PrimaryKey)
		for _, sub := range entity.Subkeys {
			named = named || names(name, sub.PublicKey)
		}
		if named {
			of++
		}
	}
	return of > 1
}

package sops

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// PGPKey is an armored private key, with the passphrase that it needs, if any.
type PGPKey struct{ Armored, Passphrase sealed.Text }

// pgpKeys unwraps by PGP private keys, which are decrypted already.
type pgpKeys openpgp.EntityList

// NewPGP reads private keys. No error shows anything of them.
func NewPGP(keys ...PGPKey) (Service, error) {
	var entities openpgp.EntityList
	for i, key := range keys {
		read, err := readPGP(key)
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "PGP key %d: %w", i+1, err)
		}
		entities = append(entities, read...)
	}
	if len(entities) > maxIdentities {
		return nil, syncline.Errorf(syncline.Invalid, "there are %d PGP keys: at most %d are read", len(entities), maxIdentities)
	}
	return pgpKeys(entities), nil
}

// readPGP reads the keys of one armored block, and decrypts those that have to be.
func readPGP(key PGPKey) (openpgp.EntityList, error) {
	entities, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key.Armored.Reveal()))
	if err != nil || len(entities) == 0 {
		return nil, errors.New("is no armored private key that can be read")
	}
	for _, entity := range entities {
		if entity.PrivateKey == nil {
			return nil, errors.New("is a public key: only a private one decrypts")
		}
		if err := entity.DecryptPrivateKeys([]byte(key.Passphrase.Reveal())); err != nil {
			return nil, errors.New("is not decrypted by its passphrase, or has none")
		}
	}
	return entities, nil
}

// Unwrap decrypts a key that was encrypted for one of the private keys.
func (k pgpKeys) Unwrap(_ context.Context, key Key) ([]byte, error) {
	unreadable := errors.New("what was encrypted for it cannot be read")
	block, err := armor.Decode(strings.NewReader(key.Wrapped))
	if err != nil {
		return nil, unreadable
	}
	message, err := openpgp.ReadMessage(block.Body, openpgp.EntityList(k), nil, nil)
	if errors.Is(err, pgperrors.ErrKeyIncorrect) {
		return nil, errNoFit
	}
	if err != nil {
		return nil, unreadable
	}
	data, err := io.ReadAll(io.LimitReader(message.UnverifiedBody, maxWrapped))
	if err != nil {
		return nil, unreadable
	}
	return data, nil
}

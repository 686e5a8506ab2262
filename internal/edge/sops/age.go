package sops

import (
	"context"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// maxIdentities is how many age identities, or PGP keys, one project may have.
const maxIdentities = 100

// ageIdentities unwraps by age identities: X25519, post-quantum, and SSH keys.
type ageIdentities []age.Identity

// NewAge reads age identities, one a line, and comments; or an SSH private key without
// a passphrase. No error shows anything of them.
func NewAge(texts ...sealed.Text) (Service, error) {
	var identities ageIdentities
	for i, text := range texts {
		read, err := readIdentities(text.Reveal())
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "age identity %d: %w", i+1, err)
		}
		identities = append(identities, read...)
	}
	if len(identities) > maxIdentities {
		return nil, syncline.Errorf(syncline.Invalid, "there are %d age identities: at most %d are read", len(identities), maxIdentities)
	}
	return identities, nil
}

func readIdentities(text string) ([]age.Identity, error) {
	if strings.Contains(text, "-----BEGIN") {
		identity, err := agessh.ParseIdentity([]byte(text))
		if err != nil {
			return nil, errors.New("is no SSH private key that can be read: RSA or Ed25519, without a passphrase")
		}
		return []age.Identity{identity}, nil
	}
	identities, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("is no list of age identities, AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1… on a line each")
	}
	return identities, nil
}

// Unwrap decrypts a key that was encrypted for one of the identities.
func (ids ageIdentities) Unwrap(_ context.Context, key Key) ([]byte, error) {
	plain, err := age.Decrypt(armor.NewReader(strings.NewReader(key.Wrapped)), ids...)
	if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
		return nil, errNoFit
	}
	if err != nil {
		return nil, errors.New("what was encrypted for it cannot be read")
	}
	data, err := io.ReadAll(io.LimitReader(plain, maxWrapped))
	if err != nil {
		return nil, errors.New("what was encrypted for it cannot be read")
	}
	return data, nil
}

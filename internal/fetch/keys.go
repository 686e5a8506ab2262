package fetch

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/openpgp"
	"github.com/syncline-io/syncline/internal/edge/signature/sshsig"
)

// Keys are those by which signatures are verified. The zero value has none. It is safe
// for concurrent use.
type Keys struct {
	mu         sync.RWMutex
	generation uint64
	gpg        openpgp.Keyring
	ssh        sshsig.Signers
}

// SetGPG replaces the keys of GPG, armored and by their IDs. The error joins what is wrong
// with single ones, by which nothing is verified.
func (k *Keys) SetGPG(armored map[string]string) error {
	read, err := openpgp.Read(armored)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gpg = *read
	k.generation++
	return err
}

// SetSSH replaces the allowed signers of SSH and the keys that were revoked, as OpenSSH's
// files have them. The error joins what is wrong with single lines, which allow nobody.
func (k *Keys) SetSSH(allowed, revoked string) error {
	read, err := sshsig.Read(allowed, revoked)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ssh = *read
	k.generation++
	return err
}

// Generation is another one whenever a Set has replaced something.
func (k *Keys) Generation() uint64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.generation
}

// Verify returns who signed an object, and which of the names that is.
func (k *Keys) Verify(of signing.Object, names []string, now time.Time) (signing.Signer, error) {
	k.mu.RLock()
	gpg, ssh := k.gpg, k.ssh
	k.mu.RUnlock()
	switch {
	case bytes.HasPrefix(of.Signature, []byte("-----BEGIN PGP SIGNATURE-----")):
		return gpg.Verify(of.Payload, of.Signature, names, now)
	case bytes.HasPrefix(of.Signature, []byte("-----BEGIN SSH SIGNATURE-----")):
		return ssh.Verify(of.Payload, of.Signature, names, of.At)
	}
	return signing.Signer{}, errors.New("signed in a way that is not supported: it is neither a signature of GPG nor of SSH")
}

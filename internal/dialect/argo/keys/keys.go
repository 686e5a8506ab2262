// Package keys knows the ConfigMaps with the keys by which what people sign is verified.
// It translates only: keys are read by whoever verifies.
package keys

import (
	"log/slog"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// GPGName is the ConfigMap of Argo CD with an armored public key of GPG for each ID, and
// SSHName that of Syncline with the files allowed_signers and revoked_keys of OpenSSH.
const (
	GPGName = "argocd-gpg-keys-cm"
	SSHName = "syncline-allowed-signers"

	allowedKey = "allowed_signers"
	revokedKey = "revoked_keys"
)

// Verifier takes keys over. Its errors join what is wrong with single ones, which count
// for nothing.
type Verifier interface {
	SetGPG(armored map[string]string) error
	SetSSH(allowed, revoked string) error
}

// Store holds the ConfigMaps as they were last seen. It is safe for concurrent use.
type Store struct {
	// Verifier is told the keys that count from now on.
	Verifier Verifier
	// Changed is told that they are others. Default: nobody is told.
	Changed func()

	mu       sync.Mutex
	gpg, ssh map[string]string
}

// Put takes note of one of the ConfigMaps as it was seen. One of which the data cannot be
// read has no keys: whose those were that it took away is not known.
func (s *Store) Put(u *unstructured.Unstructured) error {
	data, _, err := unstructured.NestedStringMap(u.Object, "data")
	if err != nil {
		err = syncline.Errorf(syncline.Invalid, "ConfigMap %s, of which no key counts: data is not a map of texts", u.GetName())
		data = nil
	}
	if failed := s.set(u.GetName(), data); err == nil && failed != nil {
		err = syncline.Errorf(syncline.Invalid, "ConfigMap %s: %w", u.GetName(), failed)
	}
	return err
}

// Delete takes note that there is no ConfigMap of that name.
func (s *Store) Delete(name types.NamespacedName) {
	if err := s.set(name.Name, nil); err != nil {
		slog.Error("keys cannot be forgotten", "configmap", name.Name, "err", err)
	}
}

// set hands keys on when they are others than before.
func (s *Store) set(name string, data map[string]string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch known := s.known(name); {
	case maps.Equal(*known, data):
		return nil
	case name == GPGName:
		*known = maps.Clone(data)
		err = s.Verifier.SetGPG(data)
	default:
		*known = maps.Clone(data)
		err = s.Verifier.SetSSH(data[allowedKey], data[revokedKey])
	}
	if s.Changed != nil {
		s.Changed()
	}
	return err
}

func (s *Store) known(name string) *map[string]string {
	if name == GPGName {
		return &s.gpg
	}
	return &s.ssh
}

package keys_test

import (
	"errors"
	"maps"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/dialect/argo/keys"
)

// verifier notes what it is told.
type verifier struct {
	gpg              map[string]string
	allowed, revoked string
	sets             int
}

func (v *verifier) SetGPG(armored map[string]string) error {
	v.gpg, v.sets = armored, v.sets+1
	if armored["bad"] != "" {
		return errors.New("bad")
	}
	return nil
}

func (v *verifier) SetSSH(allowed, revoked string) error {
	v.allowed, v.revoked, v.sets = allowed, revoked, v.sets+1
	return nil
}

func configMap(name string, data any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name}, "data": data}}
}

func TestStore(t *testing.T) {
	v, changes := &verifier{}, 0
	store := &keys.Store{Verifier: v, Changed: func() { changes++ }}
	for range 2 { // which says nothing new
		if err := store.Put(configMap(keys.GPGName, map[string]any{"A": "armored"})); err != nil || !maps.Equal(v.gpg, map[string]string{"A": "armored"}) || changes != 1 {
			t.Errorf("%v, %v, %d", err, v.gpg, changes)
		}
	}
	if err := store.Put(configMap(keys.SSHName, map[string]any{"allowed_signers": "a", "revoked_keys": "b"})); err != nil || v.allowed != "a" || v.revoked != "b" || changes != 2 {
		t.Errorf("%v, %+v, %d", err, v, changes)
	}
	if err := store.Put(configMap(keys.GPGName, map[string]any{"bad": "x"})); err == nil {
		t.Error("nobody says what is wrong")
	}
	if err := store.Put(configMap(keys.GPGName, "text")); err == nil || len(v.gpg) != 0 {
		t.Errorf("data that cannot be read has no keys: %v, %v", err, v.gpg)
	}
	store.Delete(types.NamespacedName{Name: keys.SSHName})
	if v.allowed != "" || v.revoked != "" || changes != 5 {
		t.Errorf("%+v, %d", v, changes)
	}
}

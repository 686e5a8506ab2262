package sops_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
)

// FuzzDecrypt takes a golden that was changed: it is decrypted to what it was, or it is
// an error without what is secret in it.
func FuzzDecrypt(f *testing.F) {
	for _, at := range goldens(f) {
		g := readGolden(f, at)
		f.Add(g.name, g.files["encrypted"])
		f.Add(g.name, g.files["plain"])
	}
	keys := keys(f, "shop", "age.agekey", "age-second.agekey")
	decrypter := sops.New(sops.Options{})
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		bound.Limits{Bytes: 256 << 20}.Run(t, func() {
			plain, err := decrypter.Decrypt(t.Context(), keys, name, text)
			if err == nil && !sops.Is(text, name) {
				t.Errorf("decrypted to %q", plain)
			}
			if err != nil && plain != nil {
				t.Errorf("%q, %v", plain, err)
			}
			var known *syncline.Error
			if err != nil && !errors.As(err, &known) {
				t.Errorf("an error without a kind: %v", err)
			}
			if err != nil && bytes.Contains([]byte(err.Error()), []byte("correct horse")) {
				t.Errorf("it shows what is secret: %v", err)
			}
		})
	})
}

// FuzzKeys reads whatever a Secret may have as a key.
func FuzzKeys(f *testing.F) {
	for _, name := range []string{"age.agekey", "age-pq.agekey", "ssh_ed25519", "ssh_rsa", "pgp-open.asc", "pgp-curve.asc"} {
		f.Add(key(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<15 {
			return
		}
		bound.Limits{Bytes: 256 << 20}.Run(t, func() {
			_, _ = sops.NewAge(sealed.Text(text))
			_, _ = sops.NewPGP(sops.PGPKey{Armored: sealed.Text(text)})
		})
	})
}

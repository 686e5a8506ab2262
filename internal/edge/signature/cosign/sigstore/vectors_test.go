package sigstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstore"
)

// TestPublicGood holds what sigstore.dev vouched for against its root: both are bundles of
// sigstore-go's own tests, one with a proof and one with a promise alone. Nothing of them
// verifies when a byte of what counts is another one.
func TestPublicGood(t *testing.T) {
	root, err := sigstore.PublicGood()
	if err != nil {
		t.Fatal(err)
	}
	const by = `"https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main" of issuer "https://token.actions.githubusercontent.com"`
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read := func() sigstore.Signature {
			bundle, err := sigstore.ReadBundle(text)
			if err != nil {
				t.Fatal(err)
			}
			return bundle.Signature
		}
		if of, err := root.Verify(read()); err != nil || of.String() != by {
			t.Errorf("%s: %s, %v", file, of, err)
		}
		for name, spoil := range map[string]func(s *sigstore.Signature){
			"signature":   func(s *sigstore.Signature) { s.Bytes[9] ^= 1 },
			"over":        func(s *sigstore.Signature) { s.Over[9] ^= 1 },
			"certificate": func(s *sigstore.Signature) { s.Certificate[300] ^= 1 },
			"body": func(s *sigstore.Signature) {
				s.Entries[0].Body = bytes.Replace(s.Entries[0].Body, []byte("a"), []byte("b"), 1)
			},
			"time":    func(s *sigstore.Signature) { s.Entries[0].Time++ },
			"index":   func(s *sigstore.Signature) { s.Entries[0].Index++ },
			"promise": func(s *sigstore.Signature) { s.Entries[0].Promise.Signature[9] ^= 1 },
			"log":     func(s *sigstore.Signature) { s.Entries[0].Log.ID[0] ^= 1 },
			"proof": func(s *sigstore.Signature) {
				if s.Entries[0].Proof == nil {
					s.Entries = nil
					return
				}
				s.Entries[0].Proof.Hashes[0][0] ^= 1
			},
			"checkpoint": func(s *sigstore.Signature) {
				if s.Entries[0].Proof == nil {
					s.Entries = nil
					return
				}
				s.Entries[0].Proof.Checkpoint.Envelope = strings.Replace(s.Entries[0].Proof.Checkpoint.Envelope, "rekor.sigstore.dev - ", "rekor.example.com - ", 1)
			},
		} {
			spoiled := read()
			spoil(&spoiled)
			if of, err := root.Verify(spoiled); err == nil {
				t.Errorf("%s: another %s is verified, by %s", file, name, of)
			}
		}
	}
}

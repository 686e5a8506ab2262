package shamir_test

import (
	"bytes"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/edge/sops/shamir"
)

// TestCombine puts shares of the polynomial 7 + 5x together, in the field of AES.
func TestCombine(t *testing.T) {
	one, two, three := []byte{7 ^ 5, 1}, []byte{7 ^ 10, 2}, []byte{7 ^ 15, 3}
	for name, shares := range map[string][][]byte{"two": {one, three}, "others": {three, two}, "more than needed": {one, two, three}} {
		if secret, err := shamir.Combine(shares); err != nil || !bytes.Equal(secret, []byte{7}) {
			t.Errorf("%s: %v, %v", name, secret, err)
		}
	}
	for name, shares := range map[string][][]byte{
		"none": nil, "one": {one}, "the same": {one, one}, "empty": {{}, {}}, "without a secret": {{1}, {2}}, "of other lengths": {one, {1, 2, 3}}, "at the secret": {one, {1, 0}},
	} {
		if secret, err := shamir.Combine(shares); err == nil {
			t.Errorf("%s: %v", name, secret)
		}
	}
}

func FuzzCombine(f *testing.F) {
	f.Add([]byte{2, 1, 13, 2, 8, 3})
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<12 {
			return
		}
		for size := 1; size <= 64; size *= 2 {
			var shares [][]byte
			for at := 0; at+size <= len(text) && len(shares) < 32; at += size {
				shares = append(shares, text[at:at+size])
			}
			bound.Limits{}.Run(t, func() { _, _ = shamir.Combine(shares) })
		}
	})
}

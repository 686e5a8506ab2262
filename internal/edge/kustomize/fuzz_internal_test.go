package kustomize

import (
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
)

// Whatever an image is said to be.
func FuzzImage(f *testing.F) {
	f.Add("a=b:c@sha256:d")
	f.Add("=:@:@=")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() { _, _ = parseImage(text) })
	})
}

// Whatever configures a generator or transformer, and whatever it names.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("files: [https://example.com/a]\n---\nnested: {path: git@example.com:a}"))
	f.Add([]byte("a: &a [*a]\n---\n{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<15 {
			return
		}
		bound.Limits{Bytes: 256 << 20}.Run(t, func() {
			_ = checkConfig(text)
			isRemote(string(text))
		})
	})
}

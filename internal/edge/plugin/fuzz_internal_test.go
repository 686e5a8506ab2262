package plugin

import (
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
)

// Whatever a plugin answers.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{"", "\x08\x01", "\x0a\x03a: \x12\x06Plugin", "\x0a\xff\xff\xff\xff\x0f", "\x0b\x0b\x0c", "\x0d1234\x09"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		bound.Limits{}.Run(t, func() {
			var made generated
			if err := made.decode(text); err != nil {
				return
			}
			size := 0
			for _, manifest := range made.manifests {
				size += len(manifest)
			}
			if size > len(text) {
				t.Errorf("%d bytes of manifests in %d", size, len(text))
			}
			_ = new(matched).decode(text)
			_ = new(configuration).decode(text)
		})
	})
}

package declare_test

import (
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
)

// Whatever a file of Applications holds.
func FuzzParse(f *testing.F) {
	f.Add([]byte("kind: Application\napiVersion: argoproj.io/v1alpha1\nmetadata: {name: a}\n---\n{}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<15 {
			return
		}
		bound.Limits{Bytes: 256 << 20}.Run(t, func() { _, _ = declare.Parse("file", text) })
	})
}

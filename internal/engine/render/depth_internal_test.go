package render

import (
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/engine/render/decode"
)

// TestWhatAChildNestsIsBounded holds that this process does not rely on a child to
// refuse what nests too deep.
func TestWhatAChildNestsIsBounded(t *testing.T) {
	for depth, permitted := range map[int]bool{decode.MaxDepth: true, 3 * decode.MaxDepth: false} {
		var content any = "x"
		for range depth {
			content = map[string]any{"a": content}
		}
		text, err := cbor.Marshal(Output{Documents: []decode.Document{{Content: map[string]any{"a": content}}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := confined.ReadResult[Output](text); (err == nil) != permitted {
			t.Errorf("%d levels: %v", depth, err)
		}
	}
}

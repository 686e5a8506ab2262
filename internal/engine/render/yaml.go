package render

import (
	"bufio"
	"io"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// WriteYAML writes objects as a multi-document YAML stream in their order, each
// with its keys sorted. The values of Secrets are masked unless reveal is set,
// which only a person who asks for it may do.
func WriteYAML(w io.Writer, objects []syncline.Object, reveal bool) error {
	out := bufio.NewWriter(w)
	for i, object := range objects {
		content := object.Redacted()
		if reveal {
			content = object.Reveal().Object
		}
		text, err := visible.YAML(content)
		if err != nil {
			return syncline.Errorf(syncline.Internal, "%s: %w", object, err)
		}
		if i > 0 {
			if _, err := out.WriteString("---\n"); err != nil {
				return err
			}
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return out.Flush()
}

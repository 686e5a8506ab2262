package document_test

import (
	"bytes"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// FuzzDocument reads and writes whatever somebody committed, in every format: what was
// written is read as it was.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		"a: &a [*a]\n---\n# c\nb: {c: !!binary x}\n", `{"a": [1, {"b": null}], "sops": {"mac": ""}}`, "A=b\n# c\nsops_age__list_0__map_enc=x\n",
		"a = b\n; c\n[s]\nd = \"\"\"e\nf\"\"\"\ng = h \\\n i\n`k` = `v;`\n[sops]\nage__list_9__map_x = 1\n", "? [a]\n: b\n", "a: 1\na: 2\n", "[[[[",
	} {
		for format := range formats() {
			f.Add(format, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, at int, text []byte) {
		if at < 0 || at >= len(formats()) || len(text) > 1<<15 {
			return
		}
		format := formats()[at]
		bound.Limits{Bytes: 256 << 20}.Run(t, func() {
			documents, err := document.Parse(format, text)
			if err != nil {
				return
			}
			documents, _, err = document.Split(format, documents)
			if err != nil {
				return
			}
			written, err := document.Render(format, documents)
			if err != nil || format != document.JSON {
				return
			}
			again, err := document.Parse(format, written)
			if err != nil {
				t.Fatalf("%q became %q: %v", text, written, err)
			}
			if twice, err := document.Render(format, again); err != nil || !bytes.Equal(twice, written) {
				t.Errorf("%q became %q, and %q, %v", text, written, twice, err)
			}
		})
	})
}

func formats() []document.Format {
	return []document.Format{document.YAML, document.JSON, document.Dotenv, document.INI, document.Binary}
}

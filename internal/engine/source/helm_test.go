package source_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// TestRevisionsOfCharts stand for themselves where they are written in full, and what is
// none by its form is not taken for one: it would be shown as it is written.
func TestRevisionsOfCharts(t *testing.T) {
	helm, digest := source.NewHelm(nil, nil), strings.Repeat("0", 64)
	for revision, known := range map[string]bool{
		"1.0.0@sha256:" + digest:                       true,
		"v1.0.0-rc.1+build_2@entry:" + digest:          true,
		"1.0.0":                                        false,
		"1.0.0\x1b[31m@sha256:" + digest:               false,
		"1.0.0\u202e@sha256:" + digest:                 false,
		"1.0.0\r\nlevel=INFO@sha256:" + digest:         false,
		"1.0.0 @sha256:" + digest:                      false,
		strings.Repeat("1", 300) + "@sha256:" + digest: false,
	} {
		found, err := helm.Known(source.Target{Chart: "web", Revision: revision})
		if (found.ID == revision) != known || known && err != nil {
			t.Errorf("%q stands for %q, %v", revision, found.ID, err)
		}
		if !known && revision != "1.0.0" && syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%q: %v", revision, err)
		}
	}
}

package application_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// While revisions cannot be compared the status keeps those that were compared last: by them
// it is known, also after a restart, which files gave objects.
func TestPatchKeepsWhatWasCompared(t *testing.T) {
	for name, test := range map[string]struct {
		status   string
		report   syncline.Report
		compared []string
		patched  string
	}{
		"the first that cannot be": {
			`{"sync": {"status": "Synced", "revision": "c2"}}`, syncline.Report{Sync: syncline.SyncUnknown, Revisions: []string{"c3"}}, nil, `"compared":["c2"]`,
		},
		"of several sources": {
			`{"sync": {"status": "OutOfSync", "revisions": ["c2", "d2"]}}`, syncline.Report{Sync: syncline.SyncUnknown, Revisions: []string{"c3", "d2"}}, nil, `"compared":["c2","d2"]`,
		},
		"the second": {
			`{"sync": {"status": "Unknown", "revision": "c3"}, "syncline": {"compared": ["c2"]}}`,
			syncline.Report{Sync: syncline.SyncUnknown, Revisions: []string{"c4"}}, []string{"c2"}, `"revision":"c4"`,
		},
		"they can be again": {
			`{"sync": {"status": "Unknown", "revision": "c3"}, "syncline": {"compared": ["c2"]}}`,
			syncline.Report{Sync: syncline.Synced, Revisions: []string{"c4"}}, []string{"c2"}, `"syncline":null`,
		},
		"nothing was compared yet": {`{}`, syncline.Report{Sync: syncline.SyncUnknown, Revisions: []string{"c1"}}, nil, `"revision":"c1"`},
		"nobody knows the next":    {`{"sync": {"status": "Synced", "revision": "c2"}}`, syncline.Report{Sync: syncline.SyncUnknown, Revisions: []string{"c2"}}, nil, `"Unknown"`},
	} {
		t.Run(name, func(t *testing.T) {
			var status map[string]any
			if err := json.Unmarshal([]byte(test.status), &status); err != nil {
				t.Fatal(err)
			}
			cluster := &large{}
			k := newStore(cluster)
			app, _ := k.Put(sighting("10", set(status, "status")))
			if !slices.Equal(app.Past.Compared, test.compared) {
				t.Errorf("compared was %q", app.Past.Compared)
			}
			test.report.App = app.ID
			if err := k.save(t, test.report); err != nil {
				t.Fatal(err)
			}
			if patch := cluster.patches[0]; !strings.Contains(patch, test.patched) || strings.Contains(patch, "compared") != strings.Contains(test.patched, "compared") {
				t.Errorf("written is %s", patch)
			}
		})
	}
}

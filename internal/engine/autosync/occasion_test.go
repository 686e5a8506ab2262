package autosync_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/autosync"
)

// What may precede its record is decided by what the status tells alone.
func TestOccasions(t *testing.T) {
	sources := []syncline.Source{{Path: "web"}}
	synced := func(change func(*syncline.Past)) syncline.App {
		past := syncline.Past{Report: syncline.Report{
			Rendered: "old",
			Operation: &syncline.OperationState{
				Phase: syncline.OperationSucceeded, Sources: sources, Revisions: []string{"1"},
			},
		}}
		if change != nil {
			change(&past)
		}
		return syncline.App{Sources: sources, Past: past}
	}
	for name, test := range map[string]struct {
		app      syncline.App
		revision string
		partial  bool
		want     autosync.Occasion
	}{
		"never synced":                 {syncline.App{Sources: sources}, "1", false, autosync.FirstSync},
		"only its history is left":     {syncline.App{Past: syncline.Past{Report: syncline.Report{History: []syncline.Deployment{{}}}}}, "1", false, autosync.Repetition},
		"a new commit":                 {synced(nil), "2", false, autosync.NewRender},
		"a new commit, digest lost":    {synced(func(p *syncline.Past) { p.Rendered = "" }), "2", false, autosync.Repetition},
		"the same commit":              {synced(nil), "1", false, autosync.Repetition},
		"drift":                        {synced(nil), "1", true, autosync.Repair},
		"the same commit, a dry run":   {synced(func(p *syncline.Past) { p.Operation.Operation.DryRun = true }), "1", false, autosync.NewRender},
		"the same commit, which fails": {synced(func(p *syncline.Past) { p.Operation.Phase = syncline.OperationFailed }), "1", false, autosync.Repetition},
	} {
		if got := autosync.OccasionOf(test.app, []string{test.revision}, test.partial); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}

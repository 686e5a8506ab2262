package syncline_test

import (
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
)

// A slip in an option that keeps an object does not have it deleted; any other option
// counts only as it is spelled.
func TestSyncOptions(t *testing.T) {
	for text, want := range map[string]struct {
		options syncline.SyncOptions
		unknown []string
	}{
		"Prune=false,Delete=confirm":          {options: syncline.SyncOptions{"Prune=false", "Delete=confirm"}},
		"prune=False , DELETE = false":        {options: syncline.SyncOptions{"Prune=false", "Delete=false"}},
		"PRUNE=CONFIRM,Prune=true":            {options: syncline.SyncOptions{"Prune=confirm", "Prune=true"}},
		"replace=true":                        {options: syncline.SyncOptions{"replace=true"}, unknown: []string{"replace=true"}},
		"Force=True,Force=true":               {options: syncline.SyncOptions{"Force=True", "Force=true"}, unknown: []string{"Force=True"}},
		"CreateNamespaces=true,PruneLast=yes": {options: syncline.SyncOptions{"CreateNamespaces=true", "PruneLast=yes"}, unknown: []string{"CreateNamespaces=true", "PruneLast=yes"}},
		"CreateNamespace: true,Prune":         {options: syncline.SyncOptions{"CreateNamespace: true", "Prune"}, unknown: []string{"CreateNamespace: true", "Prune"}},
		"PrunePropagationPolicy=orphan,,":     {options: syncline.SyncOptions{"PrunePropagationPolicy=orphan"}},
		"PrunePropagationPolicy=foregrounds":  {options: syncline.SyncOptions{"PrunePropagationPolicy=foregrounds"}, unknown: []string{"PrunePropagationPolicy=foregrounds"}},
	} {
		options := syncline.ParseSyncOptions(text)
		if !slices.Equal(options, want.options) || !slices.Equal(options.Unknown(), want.unknown) {
			t.Errorf("%q: %q, unknown %q", text, options, options.Unknown())
		}
	}
}

package option_test

import (
	"slices"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/option"
)

// A slip in an option that keeps an object does not have it deleted; any other option
// counts only as it is spelled.
func TestParse(t *testing.T) {
	for text, want := range map[string]struct {
		options option.List
		unknown []string
	}{
		"Prune=false,Delete=confirm":          {options: option.List{"Prune=false", "Delete=confirm"}},
		"prune=False , DELETE = false":        {options: option.List{"Prune=false", "Delete=false"}},
		"PRUNE=CONFIRM,Prune=true":            {options: option.List{"Prune=confirm", "Prune=true"}},
		"replace=true":                        {options: option.List{"replace=true"}, unknown: []string{"replace=true"}},
		"Force=True,Force=true":               {options: option.List{"Force=True", "Force=true"}, unknown: []string{"Force=True"}},
		"CreateNamespaces=true,PruneLast=yes": {options: option.List{"CreateNamespaces=true", "PruneLast=yes"}, unknown: []string{"CreateNamespaces=true", "PruneLast=yes"}},
		"CreateNamespace: true,Prune":         {options: option.List{"CreateNamespace: true", "Prune"}, unknown: []string{"CreateNamespace: true", "Prune"}},
		"Prune=flase,prunes: no":              {options: option.List{"Prune=false", "Prune=flase", "Prune=false", "prunes: no"}, unknown: []string{"Prune=flase", "prunes: no"}},
		"Prune=True,Prune=yes,Delete=":        {options: option.List{"Prune=True", "Prune=yes", "Delete="}, unknown: []string{"Prune=True", "Prune=yes", "Delete="}},
		"Delete=never,deletion=Confirm":       {options: option.List{"Delete=false", "Delete=never", "Delete=confirm", "deletion=Confirm"}, unknown: []string{"Delete=never", "deletion=Confirm"}},
		"PrunePropagationPolicy=orphan,,":     {options: option.List{"PrunePropagationPolicy=orphan"}},
		"PrunePropagationPolicy=foregrounds":  {options: option.List{"PrunePropagationPolicy=foregrounds"}, unknown: []string{"PrunePropagationPolicy=foregrounds"}},
	} {
		options := option.Parse(text)
		if !slices.Equal(options, want.options) || !slices.Equal(options.Unknown(), want.unknown) {
			t.Errorf("%q: %q, unknown %q", text, options, options.Unknown())
		}
	}
}

// Whatever a sync option says.
func FuzzParse(f *testing.F) {
	f.Add("Prune=false,Force=true, ,=,a=b=c")
	f.Add(",,,,,,,,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			if options := option.Parse(text); len(options) > 2*len(text)+1 {
				t.Errorf("%d options are in %q", len(options), text)
			}
		})
	})
}

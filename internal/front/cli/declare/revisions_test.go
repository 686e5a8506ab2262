package declare_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/front/cli/declare"
)

// TestRevisions: each is for one source, by its position or its name, and what fits none is
// refused.
func TestRevisions(t *testing.T) {
	one := []syncline.Source{{RepoURL: "https://git.example/a", TargetRevision: "main"}}
	three := []syncline.Source{{Name: "web", TargetRevision: "1.*"}, {Name: "values"}, {}}
	for _, test := range []struct {
		flags   string
		sources []syncline.Source
		want    []string
		wrong   string
	}{
		{"", three, nil, ""},
		{"--revision v2", one, []string{"v2"}, ""},
		{"--revision v2", three, nil, "has 3"},
		{"--revision v2", nil, nil, "has 0"},
		{"--revisions v2 --source-positions 1", one, []string{"v2"}, ""},
		{"--revisions v2 --source-positions 3", three, []string{"", "", "v2"}, ""},
		{"--revisions a --revisions b --source-positions 2,1", three, []string{"b", "a", ""}, ""},
		{"--source-positions 2 --revisions a --source-positions 1 --revisions b", three, []string{"b", "a", ""}, ""},
		{"--revisions a --source-names values", three, []string{"", "a", ""}, ""},
		{"--revisions a --source-names other", three, nil, `no source of that name`},
		{"--revisions a --source-names=", three, nil, `no source of that name`},
		{"--revisions a --source-positions 0", three, nil, "counted from 1"},
		{"--revisions a --source-positions -1", three, nil, "counted from 1"},
		{"--revisions a --source-positions 4", three, nil, "has 3 sources"},
		{"--revisions a --revisions b --source-positions 2,2", three, nil, "two revisions"},
		{"--revisions a", three, nil, "give one for each"},
		{"--source-positions 1", three, nil, "give one for each"},
		{"--revisions a --source-positions 1 --source-names web", three, nil, "only one of them"},
		{"--revision a --revisions b --source-positions 1", one, nil, "leave it out"},
	} {
		var revisions declare.Revisions
		flags := pflag.NewFlagSet("sync", pflag.ContinueOnError)
		revisions.Bind(flags, "")
		if err := flags.Parse(strings.Fields(test.flags)); err != nil {
			t.Fatal(err)
		}
		var got []string
		err := revisions.Check()
		if err == nil {
			got, err = revisions.Of(syncline.App{Sources: test.sources})
		}
		if test.wrong != "" {
			if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%s: %q, %v, want %q", test.flags, got, err, test.wrong)
			}
			continue
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v, want %q", test.flags, got, err, test.want)
		}
	}
}

// TestUndone: automated sync would replace another revision than the declared one.
func TestUndone(t *testing.T) {
	app := syncline.App{Sources: []syncline.Source{{TargetRevision: "1.*"}, {}}}
	for _, test := range []struct {
		automated bool
		revisions []string
		wrong     string
	}{
		{true, nil, ""},
		{true, []string{"1.*", "HEAD"}, ""},
		{true, []string{"", ""}, ""},
		{true, []string{"1.2", ""}, "Cannot sync to 1.2: auto-sync currently set to 1.*"},
		{true, []string{"", "v2"}, "Cannot sync to v2: auto-sync currently set to HEAD"},
		{false, []string{"1.2", "v2"}, ""},
	} {
		app.Policy.Automated = test.automated
		err := declare.Undone(app, test.revisions)
		if (err == nil) != (test.wrong == "") || err != nil && err.Error() != test.wrong {
			t.Errorf("%q: %v, want %q", test.revisions, err, test.wrong)
		}
	}
}

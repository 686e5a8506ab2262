package policy_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/base/window"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// noon is within the windows of these tests that are open, which last from 11 to 13.
func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// rule returns a window of two hours from an hour on, for the App "web".
func rule(t *testing.T, kind string, hour string, flags string) window.Rule {
	t.Helper()
	comes, err := window.New("0 "+hour+" * * *", "2h", "")
	if err != nil {
		t.Fatal(err)
	}
	return window.Rule{
		Window: comes, Denies: kind == "deny", Apps: []glob.Pattern{glob.Compile("web")},
		Manual: strings.Contains(flags, "manual"), Overrun: strings.Contains(flags, "overrun"),
	}
}

func web() syncline.App {
	app := syncline.App{Destination: syncline.Destination{Name: "in-cluster", Namespace: "shop"}}
	app.ID.Name = "web"
	return app
}

func TestCheckTime(t *testing.T) {
	open := func(kind, flags string) window.Rule { return rule(t, kind, "11", flags) }
	closed := func(kind, flags string) window.Rule { return rule(t, kind, "20", flags) }
	automatic, manual := policy.Sync{}, policy.Sync{Manual: true}
	began := policy.Sync{Began: noon().Add(-90 * time.Minute)} // before any of them opened
	late := policy.Sync{Began: noon().Add(-time.Minute)}
	for name, test := range map[string]struct {
		rules []window.Rule
		sync  policy.Sync
		until string // the hour; "" when nothing blocks
	}{
		"no window":                            {nil, automatic, ""},
		"allowed":                              {[]window.Rule{open("allow", "")}, automatic, ""},
		"not allowed":                          {[]window.Rule{closed("allow", "")}, automatic, "20"},
		"one of two allows":                    {[]window.Rule{closed("allow", ""), open("allow", "")}, automatic, ""},
		"denied":                               {[]window.Rule{open("deny", "")}, automatic, "13"},
		"not denied":                           {[]window.Rule{closed("deny", "")}, automatic, ""},
		"a denial wins":                        {[]window.Rule{open("allow", ""), open("deny", "")}, automatic, "13"},
		"no denial, and not allowed":           {[]window.Rule{closed("allow", ""), closed("deny", "")}, automatic, "20"},
		"a person, where people may":           {[]window.Rule{open("deny", "manual")}, manual, ""},
		"a person, where people may not":       {[]window.Rule{open("deny", "")}, manual, "13"},
		"a person, where one of two does not":  {[]window.Rule{open("deny", "manual"), open("deny", "")}, manual, "13"},
		"nobody, where people may":             {[]window.Rule{open("deny", "manual")}, automatic, "13"},
		"a person outside, where people may":   {[]window.Rule{closed("allow", "manual")}, manual, ""},
		"a person outside, where one does not": {[]window.Rule{closed("allow", "manual"), closed("allow", "")}, manual, "20"},
		"what began before it goes on":         {[]window.Rule{open("deny", "overrun")}, began, ""},
		"what began before, without that":      {[]window.Rule{open("deny", "")}, began, "13"},
		"what began before, one of two":        {[]window.Rule{open("deny", "overrun"), open("deny", "")}, began, "13"},
		"what began in it":                     {[]window.Rule{open("deny", "overrun")}, late, "13"},
		"an allowance that ended meanwhile":    {[]window.Rule{rule(t, "allow", "9", "overrun")}, began, ""},
		"an allowance that never was":          {[]window.Rule{closed("allow", "overrun")}, began, "20"},
	} {
		t.Run(name, func(t *testing.T) {
			until, err := policy.CheckTime(syncline.Project{Name: "p", Windows: test.rules}, web(), target(), test.sync, noon())
			if got := until.Format("15"); (err == nil) != (test.until == "") || err != nil && got != test.until {
				t.Errorf("blocked until %s by %v, want %q", got, err, test.until)
			}
		})
	}
}

// Whom a window concerns: who is named by one of its lists, or by each that names anything.
func TestConcerns(t *testing.T) {
	globs := func(texts ...string) (patterns []glob.Pattern) {
		for _, text := range texts {
			patterns = append(patterns, glob.Compile(text))
		}
		return patterns
	}
	for name, test := range map[string]struct {
		rule window.Rule
		want bool
	}{
		"nobody":                   {window.Rule{}, false},
		"nobody, by all":           {window.Rule{All: true}, false},
		"by name":                  {window.Rule{Apps: globs("api", "w*")}, true},
		"by another name":          {window.Rule{Apps: globs("api")}, false},
		"by namespace":             {window.Rule{Namespaces: globs("shop")}, true},
		"by cluster's name":        {window.Rule{Clusters: globs("in-*")}, true},
		"by cluster's address":     {window.Rule{Clusters: globs("https://kubernetes.*")}, true},
		"by one of two":            {window.Rule{Apps: globs("api"), Namespaces: globs("shop")}, true},
		"by both":                  {window.Rule{Apps: globs("web"), Namespaces: globs("shop"), All: true}, true},
		"by one where two have to": {window.Rule{Apps: globs("api"), Namespaces: globs("shop"), All: true}, false},
	} {
		if got := test.rule.Concerns("web", "shop", "in-cluster", local); got != test.want {
			t.Errorf("%s: it concerns the App: %t, want %t", name, got, test.want)
		}
	}
}

// What windows block is what a model of Argo CD's rules says, which counts.
func TestCheckTimeEqualsModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	flags := []string{"", "manual", "overrun", "manual overrun"}
	for range 5000 {
		var rules []window.Rule
		for range random.IntN(4) {
			rules = append(rules, rule(t, []string{"allow", "deny"}[random.IntN(2)], []string{"9", "11", "20"}[random.IntN(3)], flags[random.IntN(4)]))
		}
		sync := policy.Sync{Manual: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			sync.Began = noon().Add(-time.Duration(random.IntN(240)) * time.Minute)
		}
		_, err := policy.CheckTime(syncline.Project{Windows: rules}, web(), target(), sync, noon())
		if want := mayGoOn(rules, sync, noon()); want != (err == nil) {
			t.Fatalf("seed %d: %+v with %+v: %v, want that it may: %t", seed, sync, rules, err, want)
		}
	}
}

// mayGoOn is what Argo CD documents: a sync that is allowed, or that was allowed when it began and may overrun.
func mayGoOn(rules []window.Rule, sync policy.Sync, now time.Time) bool {
	may := func(at time.Time, manual bool) (bool, []window.Rule) {
		var denies, allows, inactive []window.Rule
		for _, r := range rules {
			switch open, _ := r.At(at); {
			case open && r.Denies:
				denies = append(denies, r)
			case open:
				allows = append(allows, r)
			case !r.Denies:
				inactive = append(inactive, r)
			}
		}
		by := denies
		if len(denies) == 0 && len(allows) == 0 {
			by = inactive
		}
		people := 0
		for _, r := range by {
			if r.Manual {
				people++
			}
		}
		return len(by) == 0 || manual && people == len(by), by
	}
	allowed, by := may(now, sync.Manual)
	if allowed || sync.Began.IsZero() {
		return allowed
	}
	overrun := 0
	for _, r := range by {
		if r.Overrun {
			overrun++
		}
	}
	before, _ := may(sync.Began, sync.Manual)
	return before && overrun == len(by)
}

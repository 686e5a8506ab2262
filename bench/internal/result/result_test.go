package result_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/bench/internal/result"
)

// run returns a run of W1 with 100 apps.
func run(contender string, change func(*result.Run)) result.Run {
	r := result.Run{
		Workload: "W1", Shape: "monorepo", Apps: 100, Contender: contender, Seconds: 2, CPUSeconds: 1, PeakMiB: 80,
		Figures: map[result.Figure]float64{result.Objects: 300, result.TargetWrites: 300, result.StatusWrites: 300, result.TargetReads: 0},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestJudge(t *testing.T) {
	floor := run("floor", nil)
	for name, test := range map[string]struct {
		change func(*result.Run)
		missed []string
		counts bool // something is missed that does not depend on the machine
	}{
		"all holds":           {nil, nil, false},
		"too slow":            {func(r *result.Run) { r.Seconds = 4.1 }, []string{"time"}, false},
		"too large":           {func(r *result.Run) { r.PeakMiB = 101 }, []string{"memory"}, true},
		"a write too many":    {func(r *result.Run) { r.Figures[result.TargetWrites] = 301 }, []string{"writes of each object"}, true},
		"a status too many":   {func(r *result.Run) { r.Figures[result.StatusWrites] = 301 }, []string{"status writes of each app"}, true},
		"a read":              {func(r *result.Run) { r.Figures[result.TargetReads] = 1 }, []string{"reads of single objects"}, true},
		"nothing is measured": {func(r *result.Run) { r.Figures = nil }, []string{"writes of each object"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts := result.Judge(result.Set{floor, run("syncline", test.change)}, "syncline")
			var missed []string
			for _, v := range verdicts {
				if !v.Holds() {
					missed = append(missed, v.What)
				}
			}
			if !reflect.DeepEqual(missed, test.missed) {
				t.Errorf("missed are %q, want %q", missed, test.missed)
			}
			if err := result.Missed(verdicts); (err != nil) != test.counts {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// release returns a run of W10 with 100 apps.
func release(contender string, change func(*result.Run)) result.Run {
	r := run(contender, nil)
	r.Workload, r.Shape, r.Seconds, r.PeakMiB = "W10", "Helm repository", 3, 140
	r.Figures = map[result.Figure]float64{
		result.Objects: 300, result.TargetWrites: 300, result.RollOutWrites: 300, result.Change: 0.3, result.RollOut: 4,
		result.FirstLists: 4, result.FirstDownloads: 1, result.Lists: 1, result.Downloads: 1,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestJudgeReleases(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*result.Run)
		missed string
		counts bool
	}{
		"all holds":                  {nil, "", false},
		"slow":                       {func(r *result.Run) { r.Seconds = 6.1 }, "time", false},
		"a slow value file":          {func(r *result.Run) { r.Figures[result.Change] = 0.31 }, "value file to applied", false},
		"large":                      {func(r *result.Run) { r.PeakMiB = 141 }, "memory beyond that of W1", true},
		"an index for each app":      {func(r *result.Run) { r.Figures[result.FirstLists] = 100 }, "requests for versions at first", true},
		"two downloads":              {func(r *result.Run) { r.Figures[result.FirstDownloads] = 2 }, "downloads of the first version", true},
		"two requests":               {func(r *result.Run) { r.Figures[result.Lists] = 2 }, "requests for a new version", true},
		"two, as it took so long":    {func(r *result.Run) { r.Figures[result.Lists], r.Figures[result.RollOut] = 2, 170 }, "", false},
		"two downloads later":        {func(r *result.Run) { r.Figures[result.Downloads] = 2 }, "downloads of a new version", true},
		"a write too many":           {func(r *result.Run) { r.Figures[result.TargetWrites] = 301 }, "writes of each object", true},
		"a write too many, later on": {func(r *result.Run) { r.Figures[result.RollOutWrites] = 301 }, "writes of each object for a new version", true},
	} {
		t.Run(name, func(t *testing.T) {
			set := result.Set{run("syncline", nil), release("floor", nil), release("syncline", test.change)}
			verdicts := result.Judge(set, "syncline")
			missed := ""
			for _, v := range verdicts {
				if !v.Holds() {
					missed += v.What
				}
			}
			if missed != test.missed || (result.Missed(verdicts) != nil) != test.counts {
				t.Errorf("missed is %q, want %q; the error is %v", missed, test.missed, result.Missed(verdicts))
			}
		})
	}
}

func TestFastestPeerCounts(t *testing.T) {
	thousand := func(seconds float64, unfinished bool) func(*result.Run) {
		return func(r *result.Run) { r.Apps, r.Seconds, r.Unfinished = 1000, seconds, unfinished }
	}
	for name, test := range map[string]struct {
		set   result.Set
		holds bool
	}{
		"five times as fast":         {result.Set{run("flux", thousand(100, false)), run("argocd", thousand(250, false))}, true},
		"not as fast":                {result.Set{run("flux", thousand(99, false)), run("argocd", thousand(250, false))}, false},
		"unfinished after long":      {result.Set{run("flux", thousand(900, true)), run("floor", thousand(10, false))}, true},
		"unfinished after not long":  {result.Set{run("flux", thousand(99, true))}, false},
		"the other one has not run":  {result.Set{run("argocd", thousand(250, false))}, true},
		"other shapes do not matter": {result.Set{run("argocd", thousand(250, false)), run("argocd", nil)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			found := false
			for _, v := range result.Judge(append(test.set, run("syncline", thousand(20, false))), "syncline") {
				if v.Unit != "× fastest peer" {
					continue
				}
				found = true
				if v.Holds() != test.holds {
					t.Errorf("%g of at most %g", v.Got, v.Limit)
				}
			}
			if !found {
				t.Error("there is no verdict")
			}
		})
	}
}

func TestTenTimesAsMany(t *testing.T) {
	of := func(contender string, apps int, seconds, cpu float64) result.Run {
		return run(contender, func(r *result.Run) { r.Apps, r.Seconds, r.CPUSeconds = apps, seconds, cpu })
	}
	for name, test := range map[string]struct {
		set    result.Set
		missed []string
	}{
		"linear":             {result.Set{of("syncline", 1000, 24, 12)}, nil},
		"more for each":      {result.Set{of("syncline", 1000, 25, 13)}, []string{"time", "CPU"}},
		"more time for each": {result.Set{of("syncline", 1000, 25, 12)}, []string{"time"}},
	} {
		t.Run(name, func(t *testing.T) {
			var missed []string
			for _, v := range result.Judge(append(test.set, of("syncline", 100, 2, 1)), "syncline") {
				if what, ok := strings.CutSuffix(v.What, " for 10 times as many"); ok && !v.Holds() {
					missed = append(missed, what)
				}
			}
			if !reflect.DeepEqual(missed, test.missed) {
				t.Errorf("missed are %q, want %q", missed, test.missed)
			}
		})
	}
}

func TestUnfinished(t *testing.T) {
	unfinished := run("syncline", func(r *result.Run) {
		r.Unfinished, r.Seconds = true, 900
		r.Figures[result.Delivered] = 60
	})
	var out bytes.Buffer
	set := result.Set{run("floor", nil), unfinished}
	if err := result.Print(&out, set, result.Judge(set, "syncline")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"syncline > 900 (60 apps)", "apps not delivered 40 ≤ 0 NO"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), line) {
			t.Errorf("%q is not in the table:\n%s", line, out.String())
		}
	}
	if curves := strings.Count(string(result.Draw(set)), "<polyline"); curves != 1 {
		t.Errorf("%d curves, want the floor's only", curves)
	}
}

func TestRatioNeedsTheFloor(t *testing.T) {
	for _, v := range result.Judge(result.Set{run("syncline", nil)}, "syncline") {
		if v.What == "time" {
			t.Errorf("there is a verdict %v without a floor", v)
		}
	}
}

func TestKeepAndLoad(t *testing.T) {
	folder := t.TempDir()
	var set result.Set
	for _, contender := range []string{"floor", "syncline"} {
		r := run(contender, nil)
		if err := r.Keep(folder); err != nil {
			t.Fatal(err)
		}
		set = append(set, r)
	}
	loaded, err := result.Load(folder)
	if err != nil || !reflect.DeepEqual(loaded, set) {
		t.Errorf("loaded %v (%v), want %v", loaded, err, set)
	}
}

func TestTable(t *testing.T) {
	set := result.Set{run("floor", nil), run("syncline", func(r *result.Run) { r.PeakMiB = 123.4 })}
	var out bytes.Buffer
	if err := result.Print(&out, set, result.Judge(set, "syncline")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"memory 123 MiB ≤ 100 NO", "time 1 × floor ≤ 2 yes"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), line) {
			t.Errorf("%q is not in the table:\n%s", line, out.String())
		}
	}
}

func TestMarkdown(t *testing.T) {
	set := result.Set{run("floor", nil), run("syncline", nil)}
	var out bytes.Buffer
	if err := result.Markdown(&out, set, result.Judge(set, "syncline")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| W1 | 100 apps, monorepo | floor | 2 | 1 | 80 | - | - |\n", "\n\n| WORKLOAD | INPUT | WHAT | MEASURED | MUST REACH | HOLDS |\n|---|---|---|---|---|---|\n",
		"| W1 | 100 apps, monorepo | memory | 80 MiB | ≤ 100 | yes |\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in it:\n%s", line, out.String())
		}
	}
}

func TestDrawIsXML(t *testing.T) {
	set := result.Set{
		run("floor", nil), run("<syncline>", nil), run("floor", func(r *result.Run) { r.Apps, r.Seconds = 1000, 22 }),
		run("syncline", func(r *result.Run) { r.Workload = "W3" }),
	}
	picture := result.Draw(set)
	for decoder := xml.NewDecoder(bytes.NewReader(picture)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v:\n%s", err, picture)
		}
	}
	if lines := strings.Count(string(picture), "<polyline"); lines != 2 {
		t.Errorf("%d curves:\n%s", lines, picture)
	}
}

package result

import (
	"fmt"
	"math"
	"strings"
)

// Verdict is one thing that must be reached, and whether it is.
type Verdict struct {
	Run  Run
	What string
	// Got and Limit are in Unit.
	Got, Limit float64
	Unit       string
	// Counts says that the machine's speed does not matter.
	Counts bool
}

// Holds reports whether what was measured is within the limit.
func (v Verdict) Holds() bool { return v.Got <= v.Limit }

// bound is something that must be reached in a workload.
type bound struct {
	workload string
	what     string
	unit     string
	counts   bool
	// judge returns what was reached and the limit; false when it does not apply.
	judge func(Set, Run) (got, limit float64, applies bool)
}

// bounds returns the requirements of W1 to W9, in the order in which they are shown.
func bounds() []bound {
	return []bound{
		{"W1", "apps not delivered", "", true, undelivered},
		{"W1", "time", "× floor", false, ratioToFloor(2.0)},
		{"W1", "time", "× fastest peer", false, ratioToPeers},
		{"W1", "CPU", "s", false, func(_ Set, r Run) (float64, float64, bool) { return r.CPUSeconds, 40, r.Apps == 1000 }},
		{"W1", "memory", "MiB", true, memory},
		{"W1", "writes of each object", "", true, onePer(Objects, TargetWrites)},
		{"W1", "status writes of each app", "", true, func(_ Set, r Run) (float64, float64, bool) {
			return r.Figures[StatusWrites] / float64(r.Apps), 3, true
		}},
		{"W1", "reads of single objects", "", true, figure(TargetReads, 0)},
		{"W1", "time for 10 times as many", "×", false, linearTime},
		{"W1", "CPU for 10 times as many", "×", false, linearCPU},

		{"W2", "commits not applied", "", true, func(_ Set, r Run) (float64, float64, bool) { return 1, 0, r.Unfinished }},
		{"W2", "refresh to applied", "s", false, figure(Change, 0.3)},
		{"W2", "CPU of each commit", "s", false, func(_ Set, r Run) (float64, float64, bool) {
			return r.CPUSeconds / r.Figures[Commits], 0.5, true
		}},
		{"W2", "target writes of each commit", "", true, onePer(Commits, TargetWrites)},

		{"W3", "CPU", "s", false, func(_ Set, r Run) (float64, float64, bool) { return r.CPUSeconds, 6 * r.Seconds / 600, true }},
		{"W3", "writes", "", true, writes},

		{"W4", "objects not put back", "", true, func(_ Set, r Run) (float64, float64, bool) {
			return r.Figures[Objects] - r.Figures[PutBack], 0, true
		}},
		{"W4", "p99", "s", false, figure(P99, 0.5)},

		{"W5", "all known", "s", false, func(_ Set, r Run) (float64, float64, bool) { return r.Seconds, 15, true }},
		{"W5", "writes", "", true, writes},
		{"W5", "dry-runs", "", true, figure(DryRuns, 0)},

		{"W6", "time", "× floor", false, ratioToFloor(1.5)},
		{"W6", "change of one object", "s", false, figure(Change, 1)},

		{"W7", "time", "× libraries", false, func(_ Set, r Run) (float64, float64, bool) {
			return r.Seconds / r.Figures[Libraries], 2, true
		}},

		{"W8", "time of the good apps", "× alone", false, func(_ Set, r Run) (float64, float64, bool) {
			return r.Seconds / r.Figures[Alone], 1.2, true
		}},

		{"W9", "last commit to applied", "s", false, figure(Change, 2)},
		{"W9", "memory after ÷ before", "", true, func(_ Set, r Run) (float64, float64, bool) {
			return r.Figures[MemoryAfter] / r.Figures[MemoryBefore], 1.1, true
		}},
	}
}

// releaseBounds returns those of W10.
func releaseBounds() []bound {
	return []bound{
		{"W10", "apps not delivered", "", true, undelivered},
		{"W10", "time", "× floor", false, ratioToFloor(2.0)},
		{"W10", "memory beyond that of W1", "MiB", true, memoryBeyondPlain},
		{"W10", "writes of each object", "", true, onePer(Objects, TargetWrites)},
		{"W10", "value file to applied", "s", false, figure(Change, 0.3)},
		{"W10", "requests for versions at first", "", true, func(_ Set, r Run) (float64, float64, bool) {
			got, measured := r.Figures[FirstLists]
			return got, 1 + math.Ceil(r.Seconds), measured // for a new App what is known is at most a second old
		}},
		{"W10", "downloads of the first version", "", true, figure(FirstDownloads, 1)},
		{"W10", "requests for a new version", "", true, listsOfChart},
		{"W10", "downloads of a new version", "", true, figure(Downloads, 1)},
		{"W10", "writes of each object for a new version", "", true, onePer(Objects, RollOutWrites)},
	}
}

// Judge judges every run of a contender by what must be reached.
func Judge(set Set, contender string) []Verdict {
	var verdicts []Verdict
	for _, r := range set {
		if r.Contender != contender {
			continue
		}
		for _, b := range append(bounds(), releaseBounds()...) {
			if b.workload != r.Workload {
				continue
			}
			if got, limit, applies := b.judge(set, r); applies {
				verdicts = append(verdicts, Verdict{Run: r, What: b.what, Got: got, Limit: limit, Unit: b.unit, Counts: b.counts})
			}
		}
	}
	return verdicts
}

// Missed returns an error that names what does not depend on the machine and is
// not reached, or nil.
func Missed(verdicts []Verdict) error {
	var text strings.Builder
	for _, v := range verdicts {
		if v.Counts && !v.Holds() {
			fmt.Fprintf(&text, "\n%s %s: %s %s, at most %s is allowed", v.Run.Workload, v.Run.Shape, v.What, number(v.Got), number(v.Limit))
		}
	}
	if text.Len() == 0 {
		return nil
	}
	return fmt.Errorf("missed, whatever the machine:%s", text.String())
}

func ratioToFloor(limit float64) func(Set, Run) (float64, float64, bool) {
	return func(set Set, r Run) (float64, float64, bool) {
		floor, found := set.Find(r, "floor")
		return r.Seconds / floor.Seconds, limit, found
	}
}

// ratioToPeers compares with the fastest of the peers, of 1,000 apps or more. An
// unfinished one counts with the time after which it was given up.
func ratioToPeers(set Set, r Run) (got, limit float64, applies bool) {
	for _, peer := range set.peers(r) {
		got = max(got, r.Seconds/peer.Seconds)
	}
	return got, 1.0 / 5, got > 0 && r.Apps >= 1000
}

func undelivered(_ Set, r Run) (got, limit float64, applies bool) {
	return float64(r.Apps) - r.Figures[Delivered], 0, r.Unfinished
}

func figure(name Figure, limit float64) func(Set, Run) (float64, float64, bool) {
	return func(_ Set, r Run) (float64, float64, bool) {
		got, measured := r.Figures[name]
		return got, limit, measured
	}
}

// onePer allows one for each unit.
func onePer(unit, name Figure) func(Set, Run) (float64, float64, bool) {
	return func(_ Set, r Run) (float64, float64, bool) { return r.Figures[name] / r.Figures[unit], 1, true }
}

func memory(_ Set, r Run) (got, limit float64, applies bool) {
	limits := map[int]float64{100: 100, 1000: 200}
	limit, applies = limits[r.Apps]
	return r.PeakMiB, limit, applies
}

// memoryBeyondPlain compares with apps of the same number whose manifests are in a
// monorepo.
func memoryBeyondPlain(set Set, r Run) (got, limit float64, applies bool) {
	plain := r
	plain.Workload, plain.Shape = "W1", "monorepo"
	plain, applies = set.Find(plain, r.Contender)
	return r.PeakMiB - plain.PeakMiB, 60, applies
}

// pollSeconds is the shortest time in which an agent asks again by itself, with its
// defaults.
const pollSeconds = 160

// listsOfChart allows one request, and those by which it is asked again while it takes long.
func listsOfChart(_ Set, r Run) (got, limit float64, applies bool) {
	got, applies = r.Figures[Lists]
	return got, 1 + math.Floor(r.Figures[RollOut]/pollSeconds), applies
}

func writes(_ Set, r Run) (got, limit float64, applies bool) {
	return r.Figures[TargetWrites] + r.Figures[StatusWrites], 0, true
}

// linearTime compares with a tenth of the apps. What is spent once, whatever
// their number, must not hide that each app costs more, so it is not deducted.
func linearTime(set Set, r Run) (got, limit float64, applies bool) {
	tenth, applies := set.tenth(r)
	return r.Seconds / tenth.Seconds, 12, applies
}

func linearCPU(set Set, r Run) (got, limit float64, applies bool) {
	tenth, applies := set.tenth(r)
	return r.CPUSeconds / tenth.CPUSeconds, 12, applies
}

// Package result holds what was measured: it keeps it in files, judges it by
// what must be reached, and shows it as a table and as curves. It measures nothing.
package result

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Run is one workload, done once by one contender.
type Run struct {
	// Workload is "W1" to "W10".
	Workload  string    `json:"workload"`
	Shape     string    `json:"shape,omitempty"`
	Apps      int       `json:"apps,omitempty"`
	Contender string    `json:"contender"`
	Version   string    `json:"version"`
	Flags     []string  `json:"flags,omitempty"`
	Machine   Machine   `json:"machine"`
	Began     time.Time `json:"began"`
	// Seconds are what the workload is about; its description says from when to when.
	Seconds float64 `json:"seconds"`
	// Unfinished says that it was given up after those seconds.
	Unfinished bool `json:"unfinished,omitempty"`
	// CPUSeconds and PeakMiB are of the contender with all its processes; 0 when
	// it runs in the driver. Memory shared by several processes counts once.
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
	PeakMiB    float64 `json:"peak_mib,omitempty"`
	// Requests are counted from the audit log, by verb and resource.
	Requests map[string]int `json:"requests,omitempty"`
	// Figures are what else was measured, by their names.
	Figures map[Figure]float64 `json:"figures,omitempty"`
}

// Figure names something that was measured.
type Figure string

// The figures.
const (
	Objects      Figure = "objects"       // delivered
	Delivered    Figure = "delivered"     // apps, in a run that is unfinished
	TargetWrites Figure = "target_writes" // of what is delivered; dry-runs do not count
	StatusWrites Figure = "status_writes" // of Applications
	TargetReads  Figure = "target_reads"  // of single objects that are delivered
	DryRuns      Figure = "dry_runs"
	Commits      Figure = "commits"
	PutBack      Figure = "put_back" // objects
	P50          Figure = "p50_seconds"
	P99          Figure = "p99_seconds"
	Change       Figure = "change_seconds"    // from the refresh to applied
	Libraries    Figure = "libraries_seconds" // the same without the worker pool
	Alone        Figure = "alone_seconds"     // the same without the others
	MemoryBefore Figure = "memory_before_mib" // the peak of the second quarter
	MemoryAfter  Figure = "memory_after_mib"  // the peak of the last quarter
	// AllCPU is of everything: the control plane, the Git server, the driver and
	// the contender. Its ratio to the floor's hardly depends on what else runs.
	AllCPU Figure = "all_cpu_seconds"
	// OtherCPU is of what else ran on the machine: where it is a large share of
	// all, the seconds are not to be trusted.
	OtherCPU Figure = "other_cpu_seconds"
	// FirstLists and FirstDownloads are how often the server of a chart was asked which
	// versions there are, and for what the first has, until all apps had that; Lists and
	// Downloads until all had the next.
	FirstLists     Figure = "first_lists"
	FirstDownloads Figure = "first_downloads"
	Lists          Figure = "lists"
	Downloads      Figure = "downloads"
	// RollOut is from the refresh of one app after which all have the next version, and
	// RollOutCPU what that took. RollOutWrites are of objects, some of them in each app.
	RollOut       Figure = "roll_out_seconds"
	RollOutCPU    Figure = "roll_out_cpu_seconds"
	RollOutWrites Figure = "roll_out_writes"
	// RecordWrites and RecordCPU are what it takes besides until every app says
	// that it is at the last commit.
	RecordWrites Figure = "record_writes"
	RecordCPU    Figure = "record_cpu_seconds"
)

// Machine is where a Run happened.
type Machine struct {
	CPUs      int    `json:"cpus"`
	Model     string `json:"model"`
	MemoryMiB int    `json:"memory_mib"`
	OS        string `json:"os"`
	Go        string `json:"go"`
	// Load is the load average of the minute before the run, with what else ran.
	Load float64 `json:"load"`
}

// Set is all runs of one call of the driver.
type Set []Run

// Find returns the run of a contender for the same workload as r.
func (s Set) Find(r Run, contender string) (Run, bool) {
	for _, other := range s {
		if other.Contender == contender && other.isLike(r) {
			return other, true
		}
	}
	return Run{}, false
}

// tenth returns the contender's run of the same workload with a tenth of the apps.
func (s Set) tenth(r Run) (Run, bool) {
	if r.Apps%10 != 0 {
		return Run{}, false
	}
	r.Apps /= 10
	return s.Find(r, r.Contender)
}

// peers returns the runs for the same workload as r of the other contenders,
// but the floor.
func (s Set) peers(r Run) []Run {
	var peers []Run
	for _, other := range s {
		if other.Contender != r.Contender && other.Contender != "floor" && other.isLike(r) {
			peers = append(peers, other)
		}
	}
	return peers
}

// isLike reports whether both runs were given the same to do.
func (r Run) isLike(other Run) bool {
	return r.Workload == other.Workload && r.Shape == other.Shape && r.Apps == other.Apps
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9]+`)

// file is the name of the run's file.
func (r Run) file() string {
	parts := []string{r.Workload}
	if r.Shape != "" {
		parts = append(parts, r.Shape)
	}
	if r.Apps != 0 {
		parts = append(parts, fmt.Sprint(r.Apps))
	}
	return unsafe.ReplaceAllString(strings.Join(append(parts, r.Contender), "-"), "-") + ".json"
}

// Keep writes the run into a file of the folder, over an older one of the same
// workload and contender.
func (r Run) Keep(folder string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, r.file()), append(text, '\n'), 0o644)
}

// Load reads all runs that are kept in a folder, sorted by what was to be done.
func Load(folder string) (Set, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var set Set
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var r Run
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		set = append(set, r)
	}
	slices.SortStableFunc(set, func(a, b Run) int {
		return cmp.Or(cmp.Compare(len(a.Workload), len(b.Workload)), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Shape, b.Shape), cmp.Compare(a.Apps, b.Apps))
	})
	return set, nil
}

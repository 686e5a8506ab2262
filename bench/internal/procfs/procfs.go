// Package procfs reads what processes and all of their descendants use, from
// Linux's /proc. It starts, stops and limits nothing.
package procfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tick is the unit of processor time in /proc/PID/stat. Linux reports in 1/100 s
// to user space on every architecture that Go supports.
const tick = 10 * time.Millisecond

// Tree is a process with its descendants.
type Tree struct{ PID int }

// CPU returns the processor time that the tree has used since its first process
// began, that of descendants which have ended included. Its resolution is 10 ms.
func (t Tree) CPU() (time.Duration, error) {
	var sum time.Duration
	err := t.each(func(pid, _ int) error {
		text, err := os.ReadFile(path(pid, "stat"))
		if err != nil {
			return err
		}
		used, err := cpuOf(string(text))
		sum += used
		return err
	})
	return sum, err
}

// Forest is several trees, none within another, that count as one.
type Forest []Tree

// CPU returns the processor time that all the trees have used.
func (f Forest) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, tree := range f {
		used, err := tree.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// MachineCPU returns the processor time that everything on the machine has used
// since it was started. Its resolution is 10 ms for each processor.
func MachineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return machineCPUOf(string(text))
}

// machineCPUOf adds up what was not idle in the first line of /proc/stat: user,
// nice, system, irq and softirq. That of guests is in user.
func machineCPUOf(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("too few fields in %q", line)
	}
	var ticks int64
	for _, at := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[at], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Memory returns the bytes of memory that all the trees occupy.
func (f Forest) Memory() (int64, error) {
	var sum int64
	for _, tree := range f {
		used, err := tree.Memory()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// cpuOf adds up utime, stime, cutime and cstime of a line of /proc/PID/stat.
func cpuOf(stat string) (time.Duration, error) {
	const first, last = 11, 14 // counted from the field after the name, which is in parentheses
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= last {
		return 0, fmt.Errorf("too few fields in %q", stat)
	}
	var ticks int64
	for _, field := range fields[first : last+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Memory returns the bytes of memory that the tree occupies. What several of
// its processes share, such as the program's text, counts once (PSS).
func (t Tree) Memory() (int64, error) {
	var sum int64
	err := t.each(func(pid, parent int) error {
		if parent != 0 && commandOf(pid) == commandOf(parent) {
			return nil // it is about to become another program, and until then has its parent's memory
		}
		text, err := os.ReadFile(path(pid, "smaps_rollup"))
		if err != nil {
			return err
		}
		used, err := pssOf(string(text))
		sum += used
		return err
	})
	return sum, err
}

// pssOf returns the bytes of the line "Pss:" of /proc/PID/smaps_rollup.
func pssOf(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("no Pss in smaps_rollup")
}

// each calls use for every process of the tree; the first has the parent 0. One
// that ends meanwhile is passed over, unless it is the first.
func (t Tree) each(use func(pid, parent int) error) error {
	type process struct{ pid, parent int }
	for found := []process{{pid: t.PID}}; len(found) > 0; found = found[1:] {
		p := found[0]
		if err := use(p.pid, p.parent); err != nil && (p.parent == 0 || !gone(p.pid)) {
			return fmt.Errorf("reading what process %d uses: %w", p.pid, err)
		}
		for _, child := range children(p.pid) {
			found = append(found, process{child, p.pid})
		}
	}
	return nil
}

// commandOf returns the command line of a process, "" when there is none.
func commandOf(pid int) string {
	text, _ := os.ReadFile(path(pid, "cmdline"))
	return string(text)
}

// children returns the processes that any thread of the process started.
func children(pid int) []int {
	files, _ := filepath.Glob(path(pid, "task/*/children"))
	var pids []int
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may have ended
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// gone reports whether there is no such process, or only its exit status.
func gone(pid int) bool {
	text, err := os.ReadFile(path(pid, "stat"))
	return errors.Is(err, fs.ErrNotExist) || err != nil || strings.Contains(string(text), ") Z ")
}

func path(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// sampling is how often a Sampler looks. Reading the memory of a process of
// 200 MiB takes about a millisecond.
const sampling = 200 * time.Millisecond

// Sampler notes the largest memory of a forest. What lasts less than 200 ms may
// be missed.
type Sampler struct {
	forest Forest
	stop   context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	peak int64
}

// Sample begins to look at a forest, until Stop.
func Sample(forest Forest) *Sampler {
	ctx, stop := context.WithCancel(context.Background())
	s := &Sampler{forest: forest, stop: stop, done: make(chan struct{})}
	go s.run(ctx)
	return s
}

func (s *Sampler) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(sampling)
	defer ticker.Stop()
	for {
		s.look()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Sampler) look() {
	used, err := s.forest.Memory()
	if err != nil {
		return // the process has ended, which is found out elsewhere
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak = max(s.peak, used)
}

// Peak returns the largest memory seen so far, in bytes.
func (s *Sampler) Peak() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Stop ends the sampling and returns the peak.
func (s *Sampler) Stop() int64 {
	s.stop()
	<-s.done
	return s.Peak()
}

package workload

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/syncline-io/syncline/bench/internal/audit"
	"github.com/syncline-io/syncline/bench/internal/contender"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/result"
)

// quiet is how long a contender has to write nothing to count as done.
const quiet = 3 * time.Second

// meter measures what a contender uses and asks for, from its begin to its end.
type meter struct {
	log       *audit.Log
	before    audit.Counts
	processes procfs.Forest
	sampler   *procfs.Sampler
	cpu       time.Duration
	// all is what the driver and everything that it started had used.
	all time.Duration
	// machine is what everything on the machine had used.
	machine time.Duration
}

// everything is the driver with the control plane, the Git server and the
// contender.
func everything() procfs.Tree { return procfs.Tree{PID: os.Getpid()} }

// What counts as calm, and how long it is waited for at most.
const (
	calmShare = 0.25 // of one processor
	calmLimit = time.Minute
)

// calm waits until a control plane has done what it does after its start and
// after the first use of a definition, which takes seconds of processor time and
// is nobody's to pay.
func calm(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	before, err := everything().CPU()
	for began := time.Now(); err == nil && time.Since(began) < calmLimit; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var now time.Duration
		if now, err = everything().CPU(); (now - before).Seconds() < calmShare {
			return err
		}
		before = now
	}
	return err
}

// measure begins to measure the contender of a scene.
func (s *scene) measure() (*meter, error) {
	m, err := s.measureStart()
	if err != nil {
		return nil, err
	}
	m.begin(s.session)
	m.cpu, err = m.processes.CPU()
	return m, err
}

// measureStart begins to measure a contender that is not running yet; begin
// goes on with that.
func (s *scene) measureStart() (*meter, error) {
	m := &meter{log: audit.Open(s.stage.AuditLog, s.session.Agents()...)}
	var err error
	if m.before, err = m.log.Counts(); err != nil {
		return nil, err
	}
	if m.all, err = everything().CPU(); err != nil {
		return nil, err
	}
	m.machine, err = procfs.MachineCPU()
	return m, err
}

// begin begins to look at the processes of a session. What they have used
// already counts.
func (m *meter) begin(session contender.Session) {
	m.processes = session.Processes()
	m.sampler = procfs.Sample(m.processes)
}

// end ends the measurement when the contender has nothing left to write, and
// puts it into the run.
func (m *meter) end(ctx context.Context, r *result.Run) error {
	counts, err := m.log.Quiet(ctx, quiet)
	if err != nil {
		return err
	}
	return m.endWith(counts, r)
}

// endNow ends the measurement at once.
func (m *meter) endNow(r *result.Run) error {
	counts, err := m.log.Counts()
	if err != nil {
		return err
	}
	return m.endWith(counts, r)
}

func (m *meter) endWith(counts audit.Counts, r *result.Run) error {
	m.enter(counts.Minus(m.before), r)
	r.PeakMiB = mebibytes(m.sampler.Stop())
	used, err := m.processes.CPU()
	if err != nil {
		return err
	}
	r.CPUSeconds = (used - m.cpu).Seconds()
	all, err := everything().CPU()
	if err != nil {
		return err
	}
	machine, err := procfs.MachineCPU()
	r.Figures[result.AllCPU] = (all - m.all).Seconds()
	r.Figures[result.OtherCPU] = max(0, (machine - m.machine - (all - m.all)).Seconds())
	return err
}

// enter puts counts of requests into the run.
func (m *meter) enter(counts audit.Counts, r *result.Run) {
	r.Requests = map[string]int{}
	for request, n := range counts {
		r.Requests[request.String()] = n
	}
	status := func(resource string) bool { return isApplications(resource) }
	target := func(resource string) bool { return !isApplications(resource) }
	r.Figures[result.StatusWrites] = float64(counts.Writes(status))
	r.Figures[result.TargetWrites] = float64(counts.Writes(target))
	r.Figures[result.DryRuns] = float64(counts.Sum(func(q audit.Request) bool { return q.DryRun }))
	r.Figures[result.TargetReads] = float64(counts.Sum(func(q audit.Request) bool {
		return q.Verb == "get" && q.Resource != audit.NoResource && target(q.Resource)
	}))
}

// isApplications reports whether a resource is the one that declares apps, or
// its status. Of Flux these are its Kustomizations and sources.
func isApplications(resource string) bool {
	name, _, _ := strings.Cut(resource, "/")
	switch name {
	case "applications", "kustomizations", "gitrepositories", "events", "leases":
		return true
	}
	return false
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

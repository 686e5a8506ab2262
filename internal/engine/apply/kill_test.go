package apply_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// killed is what a process that is killed in the middle of a write panics with.
const killed = "killed"

// life is an operation on a cluster whose controllers work, with a process that
// may be killed: what was not written down is lost, and what it wrote is not.
type life struct {
	*story
	// runs counts how often each run of a hook was created, by its stamp.
	runs map[string]int
	// pruned are the objects that were deleted and are no hooks.
	pruned []string
	writes int
	// killAt is the number of the write after which the process is killed, before
	// or after it is done.
	killAt     int
	killBefore bool
	// loseAt is the number of the step whose outcome is lost.
	loseAt int
	steps  int
}

// begin sets out with a deployed App whose source then changes.
func beginLife(t tester) *life {
	s := tell(
		object("ConfigMap", "left", wave(1)), object("ConfigMap", "left-early", wave(-1)),
		object("ConfigMap", "kept", ""), object("Job", "before", hook("PreSync")),
	)
	l := &life{story: s, runs: map[string]int{}, killAt: -1, loseAt: -1}
	l.live(t)
	s.declare(
		object("Job", "before", hook("PreSync", policy("HookSucceeded"))),
		object("Job", "both", hook("PreSync,PostSync", wave(1))),
		object("Namespace", "new", ""),
		strings.Replace(object("ConfigMap", "inside", ""), "name: inside", "name: inside, namespace: new", 1),
		object("Deployment", "first", wave(-1)), object("ConfigMap", "kept", ""), object("Deployment", "web", ""),
		object("Job", "during", hook("Sync")), object("ConfigMap", "last", wave(2)),
		object("Job", "after", hook("PostSync", wave(2))), object("Job", "sorry", hook("SyncFail", policy("HookFailed"))),
	)
	s.begin(syncline.Operation{Prune: true})
	l.runs, l.pruned, l.writes, l.steps = map[string]int{}, nil, 0, 0
	l.After = func(r enginetest.Request) { l.note(r) }
	l.Answer = func(r enginetest.Request) error {
		if l.killBefore && r.Write.Action != "" && l.writes+1 == l.killAt {
			l.killAt = -1
			panic(killed)
		}
		return nil
	}
	return l
}

// note counts a write that was done, and kills the process if it is the one.
func (l *life) note(r enginetest.Request) {
	l.writes++
	switch {
	case r.Write.Action == syncline.Run:
		l.runs[r.Ref.Name+" "+r.Write.Object.Annotation(syncline.AnnotationOperation)]++
	case r.Write.Action == syncline.Prune && r.Ref.Kind != "Job":
		l.pruned = append(l.pruned, r.Ref.Name)
	}
	if !l.killBefore && l.writes == l.killAt {
		panic(killed)
	}
}

// step makes one step, with a new process after one that was killed.
func (l *life) step(t tester) {
	defer func() {
		if cause := recover(); cause != nil {
			if !strings.HasPrefix(fmt.Sprint(cause), killed) {
				panic(cause)
			}
			l.planner = plan.New(nil)
		}
	}()
	l.steps++
	out, err := apply.Step(t.Context(), l.input(t))
	if err != nil {
		t.Fatalf("step: %v", err)
	}
	if l.steps == l.loseAt {
		l.planner = plan.New(nil)
		return
	}
	l.state = out.State
}

// live steps until the operation is done, while the controllers work.
func (l *life) live(t tester) {
	t.Helper()
	for range 200 {
		l.step(t)
		if l.state.Phase.Done() {
			return
		}
		l.work(t)
	}
	t.Fatalf("the operation never ends: %s; %q", l.state.Message, l.results())
}

// work makes one more object healthy: not all at once, so that orders show.
func (l *life) work(t tester) {
	for _, name := range l.Refs() {
		parts := strings.Split(name, "/")
		if len(parts) != 4 {
			continue
		}
		r := syncline.Ref{Group: parts[0], Kind: parts[1], Namespace: parts[2], Name: parts[3]}
		if live, ok := l.Get(r); ok && live.Health.Status == syncline.Progressing {
			l.SetHealth(t, r, syncline.Healthy, "")
			return
		}
	}
}

// check holds what has to be true however often the process was killed.
func (l *life) check(t tester, want *life) {
	t.Helper()
	if l.state.Phase != syncline.OperationSucceeded {
		t.Fatalf("the operation is %s: %s; %q", l.state.Phase, l.state.Message, l.results())
	}
	for stamp, times := range l.runs {
		if times != 1 {
			t.Fatalf("the run %s was created %d times", stamp, times)
		}
	}
	if len(l.runs) != len(want.runs) {
		t.Fatalf("%d hooks ran, want %d", len(l.runs), len(want.runs))
	}
	for _, name := range l.pruned {
		if !strings.HasPrefix(name, "left") {
			t.Fatalf("%s was pruned", name)
		}
	}
	if got := l.Dump(); got != want.Dump() {
		t.Fatalf("the cluster is not as without a kill:\n%s\n%s", got, want.Dump())
	}
	for _, name := range []string{"before", "both", "during", "after"} {
		found := slices.ContainsFunc(l.state.Results, func(r syncline.ObjectResult) bool {
			return r.Ref.Name == name && r.State == syncline.OperationSucceeded
		})
		if !found {
			t.Fatalf("no outcome of the hook %s: %q", name, l.results())
		}
	}
}

func unharmed(t tester) *life {
	l := beginLife(t)
	l.live(t)
	if l.state.Phase != syncline.OperationSucceeded || len(l.runs) != 5 || len(l.pruned) != 2 {
		t.Fatalf("the story is not what it should be: %s, %v, %q", l.state.Message, l.runs, l.pruned)
	}
	return l
}

func TestAKillAtEveryWrite(t *testing.T) {
	want := unharmed(t)
	for _, before := range []bool{true, false} {
		for at := 1; at <= want.writes; at++ {
			t.Run(fmt.Sprintf("%d, before it %v", at, before), func(t *testing.T) {
				l := beginLife(t)
				l.killAt, l.killBefore = at, before
				l.live(t)
				l.check(t, want)
			})
		}
	}
}

func TestAnOutcomeThatIsLost(t *testing.T) {
	want := unharmed(t)
	for at := 1; at <= want.steps; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			l := beginLife(t)
			l.loseAt = at
			l.live(t)
			l.check(t, want)
		})
	}
}

func TestManyKills(t *testing.T) {
	want := unharmed(t)
	rapid.Check(t, func(t *rapid.T) {
		l := beginLife(t)
		for range 50 {
			l.killAt, l.loseAt = -1, -1
			switch rapid.SampledFrom([]string{"", "before", "after", "lost"}).Draw(t, "kill") {
			case "before":
				l.killAt, l.killBefore = l.writes+rapid.IntRange(1, 3).Draw(t, "at"), true
			case "after":
				l.killAt, l.killBefore = l.writes+rapid.IntRange(1, 3).Draw(t, "at"), false
			case "lost":
				l.loseAt = l.steps + 1
			}
			l.step(t)
			if l.state.Phase.Done() {
				l.check(t, want)
				return
			}
			if rapid.Bool().Draw(t, "work") {
				l.work(t)
			}
		}
		l.killAt, l.loseAt = -1, -1
		l.live(t)
		l.check(t, want)
	})
}

// TestTheMemoryMayLag holds that a hook whose kind the memory does not know yet
// is neither run twice nor taken for missing.
func TestTheMemoryMayLag(t *testing.T) {
	s := tell(object("Job", "h", hook("PreSync")))
	jobs := schema.GroupKind{Group: "batch", Kind: "Job"}
	s.Blind(jobs, true)
	s.on(t)
	s.expectPhase(t, syncline.OperationRunning, "not seen yet")
	s.on(t)
	s.expectWrites(t, "run batch/Job/shop/h")
	s.Blind(jobs, false)
	s.healthy(t, ref("Job", "h"))
	s.on(t)
	s.expectPhase(t, syncline.OperationSucceeded, "")
}

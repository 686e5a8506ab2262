// Package apply performs a plan, one step at a turn: the phases, the waves and
// hooks, the prunes. It decides from what is written down and what is live what
// comes next, writes it through one gate, and never waits; what has to happen
// first is in its outcome. It does not begin or retry operations.
package apply

import (
	"context"
	"slices"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// Memory is what is known of the live objects, of what was just written too.
type Memory interface {
	Get(ref syncline.Ref) (syncline.Live, bool)
}

// Reader reads live objects, past what is remembered.
type Reader interface {
	// Read returns the live object as it is now, or a NotFound error.
	Read(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error)
}

// Trial asks the API server what it would make of a write, and writes nothing.
type Trial interface {
	// DryRun returns what applying the object would make of the live one.
	DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error)
	// Rehearse returns nil when a creation of the object would be accepted, were
	// the live one gone.
	Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error
}

// Input is what a step is made from.
type Input struct {
	App     syncline.App
	Plan    syncline.Plan
	Grant   syncline.Grant
	Refused map[syncline.Ref]error
	// State is the operation as it was written down.
	State  syncline.OperationState
	Memory Memory
	Reader Reader
	// Trial is asked in a dry run, and before something is deleted.
	Trial Trial
	// Writer is for the gate alone: a step does not keep it.
	Writer Writer
	Now    time.Time
	// Overtaken says that something newer is to be delivered: what waits to be pruned
	// until other Apps are compared is left to the operation that delivers it.
	Overtaken bool
	// Impatient makes failures that may pass final: they have been tried often
	// enough.
	Impatient bool
}

// Outcome is what a step came to.
type Outcome struct {
	State syncline.OperationState
	// Waiting lists what has to happen before the next step.
	Waiting []syncline.Blocker
	// Requeue asks for another step as soon as the state is written down.
	Requeue bool
}

// Step does everything of the operation that can be done now. An error means
// that the step could not be finished and that nothing is wrong with the
// operation, such as a Conflict with what was planned; the outcome tells how far
// it came all the same.
func Step(ctx context.Context, in Input) (Outcome, error) {
	s := newStep(in)
	err := s.run(ctx)
	if err != nil {
		s.State.Message = "will be tried again: " + err.Error()
	}
	return Outcome{State: s.State, Waiting: s.waiting, Requeue: s.requeue}, err
}

// step is one turn of an operation.
type step struct {
	Input
	gate  gate
	tasks []syncline.Change
	// taskAt and resultAt say where tasks and results are, needed where the first
	// task of an object is.
	taskAt, resultAt map[place]int
	needed           map[syncline.Ref]int
	// kept are the results that were written down before this turn.
	kept    map[place]syncline.ObjectResult
	waiting []syncline.Blocker
	// requeue ends the step: nothing more may happen before the state is kept.
	requeue bool
}

// place tells the results of an operation apart.
type place struct {
	ref   syncline.Ref
	phase syncline.Phase
}

func newStep(in Input) *step {
	gate := gate{writer: in.Writer, grant: in.Grant, refused: in.Refused}
	in.Writer = nil
	s := &step{
		Input: in, gate: gate,
		taskAt: map[place]int{}, needed: map[syncline.Ref]int{},
		resultAt: map[place]int{}, kept: map[place]syncline.ObjectResult{},
	}
	s.State.Results = nil
	for _, r := range in.State.Results {
		s.kept[place{r.Ref, r.Phase}] = r
		s.add(r)
	}
	s.tasks = slices.DeleteFunc(in.Plan.Of(in.State.Operation).Changes, s.isLeftOut)
	for i, c := range s.tasks {
		s.taskAt[place{c.Ref, c.Phase}] = i
		if _, known := s.needed[c.Ref]; !known {
			s.needed[c.Ref] = i
		}
	}
	return s
}

// isLeftOut reports whether a change is as if it were not there: with
// ApplyOutOfSyncOnly what is as declared is not part of the operation.
func (s *step) isLeftOut(c syncline.Change) bool {
	_, recorded := s.result(c)
	return c.Action == syncline.Keep && !recorded && c.Options.Has("ApplyOutOfSyncOnly=true")
}

// add appends a result.
func (s *step) add(r syncline.ObjectResult) {
	s.resultAt[place{r.Ref, r.Phase}] = len(s.State.Results)
	s.State.Results = append(s.State.Results, r)
}

// result returns what was written down about a change so far.
func (s *step) result(c syncline.Change) (syncline.ObjectResult, bool) {
	i, recorded := s.resultAt[place{c.Ref, c.Phase}]
	if !recorded {
		return syncline.ObjectResult{}, false
	}
	return s.State.Results[i], true
}

// task returns the task that a result is of; none when its object is gone.
func (s *step) task(r syncline.ObjectResult) (syncline.Change, bool) {
	i, known := s.taskAt[place{r.Ref, r.Phase}]
	if !known {
		return syncline.Change{}, false
	}
	return s.tasks[i], true
}

// run advances group by group until something has to be waited for.
func (s *step) run(ctx context.Context) error {
	switch {
	case s.State.Operation.DryRun:
		return s.dryRun(ctx)
	case s.State.Phase == syncline.OperationTerminating:
		return s.terminate(ctx)
	}
	for {
		if err := s.observe(ctx); err != nil {
			return err
		}
		if err := s.unholdTerminating(ctx); err != nil {
			return err
		}
		next := s.decide()
		if next.finish != "" {
			return s.finish(ctx, next)
		}
		if len(s.waiting) > 0 {
			s.State.Message = describeWaiting(next.why, s.waiting)
			return nil
		}
		advanced, err := s.perform(ctx, next.group)
		if err != nil || s.requeue || !advanced {
			return err
		}
	}
}

package apply

import (
	"context"
	"fmt"

	"github.com/syncline-io/syncline"
)

// observe brings the results up to date with what is live: hooks and resources
// that got healthy or failed, prunes that are through. A hook that a killed
// process had created is found by its stamp.
func (s *step) observe(ctx context.Context) error {
	for _, c := range s.tasks {
		if _, recorded := s.result(c); c.Role == syncline.RoleHook && !recorded && s.ours(c) {
			s.record(c, syncline.ResultSynced, syncline.OperationRunning, describe(c.Ref)+" created")
		}
	}
	multiStep := s.multiStep()
	for i := range s.State.Results {
		r := &s.State.Results[i]
		if r.State != syncline.OperationRunning {
			continue
		}
		live, exists := s.Memory.Get(r.Ref)
		switch {
		case r.Code == syncline.ResultPruned:
			if !exists {
				r.State = syncline.OperationSucceeded
			}
		case !exists:
			if err := s.lookFor(ctx, r); err != nil {
				return err
			}
		case r.HookType != "":
			s.observeHook(r, live)
		default:
			observeResource(r, live, multiStep)
		}
	}
	return nil
}

// lookFor ends the wait for an object that is not there any more. One that is
// live may not be seen yet: its kind is as new as it is.
func (s *step) lookFor(ctx context.Context, r *syncline.ObjectResult) error {
	_, err := s.Reader.Read(ctx, r.Ref, r.Version)
	switch syncline.KindOf(err) {
	case "":
		return nil
	case syncline.NotFound:
		r.State = syncline.OperationError
		r.Message = describe(r.Ref) + " is missing, it might have been deleted"
		return nil
	}
	return fmt.Errorf("%s: look whether it is still there: %w", r.Ref, err)
}

// ours reports whether the live object is the run of the hook that this
// operation wants.
func (s *step) ours(hook syncline.Change) bool {
	live, exists := s.Memory.Get(hook.Ref)
	return exists && isRunOf(hook, live)
}

// isRunOf reports whether the live object is the run that the hook's Change asks for.
func isRunOf(hook syncline.Change, live syncline.Live) bool {
	stamp := hook.Desired.Annotation(syncline.AnnotationOperation)
	return stamp != "" && live.Marks[syncline.AnnotationOperation] == stamp
}

func (s *step) observeHook(r *syncline.ObjectResult, live syncline.Live) {
	if task, known := s.task(*r); known && !isRunOf(task, live) {
		r.State = syncline.OperationError
		r.Message = "the hook's object was replaced by another one"
		return
	}
	switch live.Health.Status {
	case syncline.Degraded, syncline.Unknown:
		r.State = syncline.OperationFailed
	case syncline.Healthy, syncline.NoHealth:
		r.State = syncline.OperationSucceeded
	default:
		if live.Terminating && !live.Unjudged {
			r.State, r.Message = syncline.OperationFailed, "the hook's object was deleted before the hook was done"
			return
		}
	}
	if live.Health.Message != "" {
		r.Message = live.Health.Message
	}
}

// observeResource ends the wait for a resource. Where nothing comes after it, a
// degraded one does not fail the operation.
func observeResource(r *syncline.ObjectResult, live syncline.Live, multiStep bool) {
	switch {
	case live.Health.Status == syncline.Healthy || live.Health.Status == syncline.NoHealth:
		r.State = syncline.OperationSucceeded
	case live.Health.Status == syncline.Degraded && multiStep:
		r.State = syncline.OperationFailed
		r.Message = live.Health.Message
	}
}

// multiStep reports whether the operation has more than one phase or wave with
// something to do or to keep.
func (s *step) multiStep() bool {
	var first *syncline.Change
	for i := range s.tasks {
		c := &s.tasks[i]
		if c.Action == syncline.Retain || c.Action == syncline.Prune && !s.State.Operation.Prune {
			continue
		}
		if first == nil {
			first = c
		}
		if c.Phase != first.Phase || c.Wave != first.Wave {
			return true
		}
	}
	return false
}

package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
)

// clearHooks makes room for the hooks that are about to run. The objects of
// earlier runs that have their names are deleted where the policy
// BeforeHookCreation says so, and applied over otherwise; those that are being
// deleted, whoever does it, are waited for.
func (s *step) clearHooks(ctx context.Context, group []syncline.Change) error {
	for _, c := range group {
		live, exists := s.Memory.Get(c.Ref)
		if c.Role != syncline.RoleHook || !exists || s.ours(c) || s.objection(c) != nil {
			continue
		}
		if run, ok := s.runOf(live); ok && !s.outcomeKept(run) { // its run in an earlier phase
			s.requeue = true
			return nil
		}
		if err := s.clearHook(ctx, c, live); err != nil || s.requeue {
			return err
		}
	}
	return nil
}

// clearHook deletes the object of an earlier run, or leaves it to be applied over.
// What was made since the plan is neither: another plan decides about it.
func (s *step) clearHook(ctx context.Context, c syncline.Change, live syncline.Live) error {
	before := slices.Contains(c.HookPolicies, syncline.BeforeHookCreation)
	switch {
	case before || live.Terminating:
	case live.UID == c.UID:
		return nil
	default:
		return syncline.About(c.Ref, syncline.Errorf(syncline.Conflict, "another object has its name by now"))
	}
	gone, err := s.removeHook(ctx, c, live)
	switch {
	case err != nil:
		return err
	case !gone:
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: "the object of an earlier run is being deleted"})
	case !before:
		s.requeue = true // it was to be applied over: another plan makes it anew
	}
	return nil
}

// wasHook reports whether a live object may be deleted to run a hook of its
// name: it is a hook's, or it is the App's.
func (s *step) wasHook(live syncline.Live) bool {
	return live.Owner == s.App.Instance || s.App.Dialect.Conventions.Read(live.Marks).Hook != nil
}

// runOf returns the hook of this operation that the live object is the run of.
func (s *step) runOf(live syncline.Live) (syncline.Change, bool) {
	for _, c := range s.Plan.Changes {
		if c.Role == syncline.RoleHook && c.Ref == live.Ref && isRunOf(c, live) {
			return c, true
		}
	}
	return syncline.Change{}, false
}

// removeHook deletes the object of a hook's run, and releases it. It reports
// whether the object is gone already.
func (s *step) removeHook(ctx context.Context, c syncline.Change, live syncline.Live) (gone bool, err error) {
	finalizers := live.Finalizers
	if !live.Terminating {
		rest, err := s.gate.write(ctx, c, syncline.Write{
			Action: syncline.Prune, Ref: c.Ref, Version: c.Version, UID: live.UID, Steering: live.Steering(), Options: c.Options,
		})
		if err != nil {
			return false, fmt.Errorf("delete the object of hook %s: %w", c.Ref, err)
		}
		if rest.IsZero() {
			return true, nil
		}
		finalizers = rest.Reveal().GetFinalizers()
	}
	if !slices.Contains(finalizers, syncline.FinalizerHook) {
		return false, nil
	}
	return s.unhold(ctx, c, live)
}

// unhold removes the finalizer that keeps a hook's object, if it has it. It
// reports whether the object is gone.
func (s *step) unhold(ctx context.Context, c syncline.Change, live syncline.Live) (gone bool, err error) {
	rest, err := s.gate.write(ctx, c, syncline.Write{
		Action: syncline.Unhold, Ref: c.Ref, Version: c.Version, UID: live.UID,
	})
	if err != nil {
		return false, fmt.Errorf("release the object of hook %s: %w", c.Ref, err)
	}
	return rest.IsZero(), nil
}

// UnholdTerminating lets go the objects of hooks that somebody else deletes and that no
// operation needs any more. It is for an App of which no operation goes on; a
// Step does the same.
func UnholdTerminating(ctx context.Context, in Input) error {
	return newStep(in).unholdTerminating(ctx)
}

// unholdTerminating lets go the objects of hooks that are being deleted. Not those whose
// outcome was not written down in an earlier turn: were the process killed in
// between, an object that is gone and has no result would be run again.
func (s *step) unholdTerminating(ctx context.Context) error {
	var failed error
	for _, c := range s.Plan.Changes {
		live, exists := s.Memory.Get(c.Ref)
		held := exists && live.Terminating && slices.Contains(live.Finalizers, syncline.FinalizerHook)
		if c.Role != syncline.RoleHook || !held || s.Refused[c.Ref] != nil {
			continue
		}
		if run, ok := s.runOf(live); ok && !s.outcomeKept(run) {
			continue
		}
		_, err := s.unhold(ctx, c, live)
		failed = errors.Join(failed, err)
	}
	return failed
}

// outcomeKept reports whether the outcome of a hook was written down before
// this turn.
func (s *step) outcomeKept(c syncline.Change) bool {
	return s.kept[place{c.Ref, c.Phase}].State.Done()
}

// finish ends the operation once every hook's outcome is kept, after deleting
// the hooks whose policy says so and releasing the others.
func (s *step) finish(ctx context.Context, end decision) error {
	for _, c := range s.tasks {
		r, ran := s.result(c)
		if c.Role != syncline.RoleHook || !ran || r.Code != syncline.ResultSynced {
			continue
		}
		if !s.outcomeKept(c) {
			s.requeue = true
			s.State.Message = "the outcome of hooks is written down"
			return nil
		}
		if err := s.leave(ctx, c, deletes(c.HookPolicies, r.State)); err != nil {
			return err
		}
	}
	s.State.Phase, s.State.Message, s.State.FinishedAt = end.finish, end.message, s.Now
	return nil
}

// leave deletes the object of a hook's run, or lets others delete it.
func (s *step) leave(ctx context.Context, c syncline.Change, remove bool) (err error) {
	live, exists := s.Memory.Get(c.Ref)
	switch {
	case !exists || !isRunOf(c, live):
	case remove:
		_, err = s.removeHook(ctx, c, live)
	default:
		_, err = s.unhold(ctx, c, live)
	}
	return err
}

func deletes(policies []syncline.HookPolicy, outcome syncline.OperationPhase) bool {
	if outcome == syncline.OperationSucceeded {
		return slices.Contains(policies, syncline.HookSucceeded)
	}
	return slices.Contains(policies, syncline.HookFailed)
}

// terminate ends the operation at once, and with it the hooks that still run. An
// object that no policy lets delete stays all the same.
func (s *step) terminate(ctx context.Context) error {
	if err := s.observe(ctx); err != nil {
		return err
	}
	for i := range s.State.Results {
		r := &s.State.Results[i]
		if r.HookType == "" {
			continue
		}
		running := !r.State.Done()
		if task, known := s.task(*r); known {
			if err := s.leave(ctx, task, running && len(task.HookPolicies) > 0); err != nil {
				return err
			}
		}
		if running {
			r.State, r.Message = syncline.OperationFailed, "Terminated"
		}
	}
	s.State.Phase, s.State.Message, s.State.FinishedAt = syncline.OperationFailed, "Operation terminated", s.Now
	return nil
}

package apply

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline"
)

// dryRun writes down what each task would do. The plan has asked the API server
// about what is live; what would be created is rehearsed here.
func (s *step) dryRun(ctx context.Context) error {
	refusals, err := s.rehearse(ctx)
	if err != nil {
		return err
	}
	for i, c := range s.tasks {
		if s.settle(c) {
			continue
		}
		if refusals[i] != nil {
			s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(refusals[i]))
			continue
		}
		code := syncline.ResultSynced
		if c.Action == syncline.Prune {
			code = syncline.ResultPruned
		}
		message := fmt.Sprintf("%s (dry run): %s", c.Action, c.Why)
		if need, lacking := s.lacks(c); lacking && creates(c) {
			message += fmt.Sprintf("; the API server was not asked, because it needs %s", need)
		}
		s.record(c, code, syncline.OperationSucceeded, message)
	}
	s.State.Phase, s.State.Message = syncline.OperationSucceeded, "successfully synced (dry run)"
	if reasons := s.failures(); reasons != "" {
		s.State.Phase, s.State.Message = syncline.OperationFailed, "one or more objects failed to apply (dry run): "+reasons
	}
	s.State.FinishedAt = s.Now
	return nil
}

// creates reports whether a change makes an object, or may make one, which the plan
// asked nobody about.
func creates(c syncline.Change) bool { return c.Action == syncline.Create || c.Action == syncline.Run }

// lacks returns what a change needs that is not there, or not as it is declared, and
// that the API server would miss.
func (s *step) lacks(c syncline.Change) (need syncline.Ref, lacking bool) {
	for _, need := range c.Needs {
		_, exists := s.Memory.Get(need)
		if !exists || c.Unserved != nil && need.Kind == "CustomResourceDefinition" {
			return need, true
		}
	}
	return syncline.Ref{}, false
}

// rehearse asks the API server about the tasks that are still to create. It returns why it
// refuses them, or nil, one by one; the error is one that may pass.
func (s *step) rehearse(ctx context.Context) ([]error, error) {
	refusals := make([]error, len(s.tasks))
	guards := s.cures().guards
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, c := range s.tasks {
		_, lacking := s.lacks(c)
		if _, done := s.result(c); done || lacking || !creates(c) || c.Err != nil || s.Refused[c.Ref] != nil {
			continue
		}
		group.Go(func() error {
			refusals[i] = s.rehearseOne(ctx, c)
			if kind := syncline.KindOf(refusals[i]); guards && syncline.WebhookDown(refusals[i]) {
				return nil // that is what goes, or is mended
			} else if !s.Impatient && (kind == syncline.Transient || kind == syncline.Conflict) {
				return syncline.About(c.Ref, refusals[i])
			}
			return nil
		})
	}
	return refusals, group.Wait()
}

// rehearseOne asks in the way in which the change would be made: a hook whose
// earlier object is deleted first is created, anything else applied.
func (s *step) rehearseOne(ctx context.Context, c syncline.Change) error {
	if c.Action == syncline.Run && c.UID == "" {
		return s.Trial.Rehearse(ctx, c.Desired, c.Desired, c.Options)
	}
	_, err := s.Trial.DryRun(ctx, c.Desired, c.Options)
	return err
}

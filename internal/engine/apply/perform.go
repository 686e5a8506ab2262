package apply

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// parallel is how many objects of one kind are written at once.
const parallel = 16

// perform writes one group: first what has to go, then kind after kind what has
// to be. It reports whether anything was done and nothing has to be waited for.
func (s *step) perform(ctx context.Context, group []syncline.Change) (advanced bool, err error) {
	before := len(s.State.Results)
	if s.awaitsConfirmation(group) {
		return false, nil
	}
	if refused, err := s.rehearseHooks(ctx, group); err != nil || refused {
		return refused, err
	}
	if err := s.clearHooks(ctx, group); err != nil || s.requeue {
		return false, err
	}
	if len(s.waiting) > 0 {
		s.State.Message = describeWaiting("waiting for deletion of the previous hook", s.waiting)
		return false, nil
	}
	if refused, err := s.rehearseFirst(ctx, group); err != nil || refused {
		return refused, err
	}
	if err := s.performBatches(ctx, group); err != nil {
		return false, err
	}
	if len(s.waiting) > 0 {
		s.State.Message = describeWaiting("waiting for", s.waiting)
	}
	return len(s.State.Results) > before && len(s.waiting) == 0, nil
}

func (s *step) performBatches(ctx context.Context, group []syncline.Change) error {
	all := batches(group)
	for i, batch := range all {
		if removesApps(batch) && (s.failures() != "" || len(s.waiting) > 0) {
			break // who may take over what they have is not there yet
		}
		if err := s.performBatch(ctx, batch); err != nil {
			return err
		}
		if changesGuard(batch[0]) && i < len(all)-1 {
			s.requeue = len(s.waiting) == 0 // what it refused is planned anew
			break
		}
	}
	return nil
}

// awaitsConfirmation reports whether a group prunes while prunes of the operation
// wait for a person's confirmation. Nothing of it is written then, as in Argo CD,
// and no other prune either: the person looks at all of them.
func (s *step) awaitsConfirmation(group []syncline.Change) bool {
	prunes := func(c syncline.Change) bool { return c.Action == syncline.Prune && c.Role == syncline.RoleResource }
	if !s.State.Operation.Prune || !slices.ContainsFunc(group, prunes) {
		return false
	}
	var first *syncline.Change
	for i, c := range s.tasks {
		if !prunes(c) || c.Undecided || syncline.KindOf(c.Err) != syncline.Waiting {
			continue
		}
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: c.Err.Error()})
		if first == nil {
			first = &s.tasks[i]
		}
	}
	if first == nil {
		return false
	}
	more := ""
	if n := len(s.waiting) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more resources", n)
	}
	version := schema.GroupVersion{Group: first.Ref.Group, Version: first.Version}
	s.State.Message = fmt.Sprintf("Waiting for pruning confirmation of %s/%s/%s%s: %v", version, first.Ref.Kind, first.Ref.Name, more, first.Err)
	return true
}

// batches splits a group where the kind changes, prunes first, and before all what
// guards others and goes or changes: it may refuse what comes next. Applications are
// deleted last, because one that comes may declare the objects of one that goes, and
// after them what Applications need.
func batches(group []syncline.Change) [][]syncline.Change {
	var guards, prunes, apps, serving []syncline.Change
	var kinds [][]syncline.Change
	for _, c := range group {
		last := len(kinds) - 1
		switch prune := c.Action == syncline.Prune; {
		case prune && c.IsApp:
			apps = append(apps, c)
		case prune && c.ServesApps:
			serving = append(serving, c)
		case changesGuard(c):
			guards = append(guards, c)
		case prune || c.Action == syncline.Retain:
			prunes = append(prunes, c)
		case last >= 0 && kinds[last][0].Ref.GroupKind() == c.Ref.GroupKind():
			kinds[last] = append(kinds[last], c)
		default:
			kinds = append(kinds, []syncline.Change{c})
		}
	}
	all := append([][]syncline.Change{guards, prunes}, kinds...)
	return slices.DeleteFunc(append(all, apps, serving), func(batch []syncline.Change) bool { return len(batch) == 0 })
}

// changesGuard reports whether a change deletes or changes what decides about other
// objects, so that those may be accepted which were refused.
func changesGuard(c syncline.Change) bool {
	switch c.Action {
	case syncline.Create, syncline.Keep, syncline.Retain:
		return false
	}
	return c.Ref.Guards() && c.Role == syncline.RoleResource
}

func removesApps(batch []syncline.Change) bool {
	return batch[0].Action == syncline.Prune && (batch[0].IsApp || batch[0].ServesApps)
}

// performBatch writes objects that do not depend on each other.
func (s *step) performBatch(ctx context.Context, batch []syncline.Change) error {
	var due []syncline.Change
	for _, c := range batch {
		if s.settle(c) {
			continue
		}
		if blocker, blocked := s.blocked(c); blocked {
			s.waiting = append(s.waiting, blocker)
			continue
		}
		due = append(due, c)
	}
	errs := s.writeAll(ctx, due)
	var failed []error
	for i, c := range due {
		if err := s.note(c, errs[i]); err != nil {
			failed = append(failed, err)
		}
	}
	return together(failed)
}

// maxTold is how many of the objects that failed alike are told one by one.
const maxTold = 3

// together makes one error of those of several objects, of the kind of the
// first, on one line.
func together(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	var rest []string
	for _, err := range errs[1:min(len(errs), maxTold)] {
		rest = append(rest, err.Error())
	}
	if more := len(errs) - maxTold; more > 0 {
		rest = append(rest, fmt.Sprintf("and %d more objects", more))
	}
	return fmt.Errorf("%w; %s", errs[0], strings.Join(rest, "; "))
}

// writeAll writes the changes at once, and returns an error or nil for each.
func (s *step) writeAll(ctx context.Context, due []syncline.Change) []error {
	errs := make([]error, len(due))
	panics := make(chan string, len(due))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, c := range due {
		group.Go(func() error {
			defer func() {
				if cause := recover(); cause != nil { // it would end the process
					panics <- fmt.Sprintf("%v\n%s", cause, debug.Stack())
				}
			}()
			errs[i] = s.write(ctx, c)
			return nil
		})
	}
	_ = group.Wait() // what failed is in errs, one for each object
	if len(panics) > 0 {
		panic(<-panics)
	}
	return errs
}

// write performs a change. A live object that could not be compared, because its
// version was not served, is planned again first.
func (s *step) write(ctx context.Context, c syncline.Change) error {
	if c.Unserved != nil && c.Action == syncline.Update {
		return c.Unserved
	}
	_, err := s.gate.write(ctx, c, s.writeOf(c))
	return err
}

// settle handles a change that needs no write or can never be made, and reports
// whether it did.
func (s *step) settle(c syncline.Change) bool {
	if err := s.objection(c); err != nil {
		s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(err))
		return true
	}
	switch {
	case c.Action == syncline.Keep:
		s.record(c, syncline.ResultSynced, syncline.OperationRunning, describe(c.Ref)+syncline.MessageUnchanged)
	case c.Leaving && s.State.Operation.Prune:
		s.record(c, syncline.ResultPruned, syncline.OperationRunning, describe(c.Ref)+" is being deleted")
	case c.Action == syncline.Retain:
		s.record(c, syncline.ResultPruneSkipped, syncline.OperationSucceeded, syncline.MessageKept+": "+c.Why)
	case c.Undecided && s.Overtaken:
		s.record(c, syncline.ResultPruneSkipped, syncline.OperationSucceeded, "left to the sync of what is newer: "+c.Err.Error())
	case c.Action == syncline.Prune && !s.State.Operation.Prune:
		s.record(c, syncline.ResultPruneSkipped, syncline.OperationSucceeded, "ignored (requires pruning)")
	default:
		return false
	}
	return true
}

// blocked says what has to happen before the change can be made.
func (s *step) blocked(c syncline.Change) (syncline.Blocker, bool) {
	if syncline.KindOf(c.Err) == syncline.Waiting {
		return syncline.Blocker{Ref: c.Ref, Why: c.Err.Error()}, true
	}
	if len(c.After) > 0 && c.Action == syncline.Prune {
		return neededBy(c), true
	}
	for _, need := range c.Needs {
		live, exists := s.Memory.Get(need)
		switch {
		case !exists:
			return syncline.Blocker{Ref: need, Why: fmt.Sprintf("%s needs it and it is not there yet", c.Ref)}, true
		case live.Terminating:
			return syncline.Blocker{Ref: need, Why: fmt.Sprintf("%s needs it and it is being deleted", c.Ref)}, true
		case need.Kind == "CustomResourceDefinition" && live.Health.Status != syncline.Healthy:
			return syncline.Blocker{Ref: need, Why: fmt.Sprintf("%s needs it to be established", c.Ref)}, true
		}
	}
	return syncline.Blocker{}, false
}

// neededBy is the blocker of a deletion that comes after what needs the object.
func neededBy(c syncline.Change) syncline.Blocker {
	why := "it is deleted when it is no longer needed by " + c.After[0].String()
	if more := len(c.After) - 1; more > 0 {
		why += fmt.Sprintf(" and %d more", more)
	}
	return syncline.Blocker{Ref: c.Ref, Why: why}
}

func (s *step) writeOf(c syncline.Change) syncline.Write {
	return syncline.Write{
		Action: c.Action, Object: c.Desired, Merged: c.Merged, Ref: c.Ref, Version: c.Version,
		UID: c.UID, Steering: c.Steering, Migrate: c.Migrate, Adopt: c.Adopt, Options: c.Options,
	}
}

// note writes down what became of one write. It returns the errors that end the
// step without being the fault of the operation: the object or the cluster is
// not as planned, or not as it is about to be.
func (s *step) note(c syncline.Change, err error) error {
	kind := syncline.KindOf(err)
	if c.Role == syncline.RoleHook && c.UID != "" && kind == syncline.Invalid {
		err = syncline.WithHint(err, "let the object of the last run be deleted first, with "+s.App.Dialect.Words.HookDelete)
	}
	switch {
	case err == nil:
		s.noteWritten(c)
	case kind == syncline.Waiting:
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: err.Error()})
	case s.Impatient:
		s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(err))
	case kind == syncline.Conflict || kind == syncline.Transient:
		return syncline.About(c.Ref, err)
	case s.lags(c, kind):
		return syncline.Errorf(syncline.Transient, "%w", syncline.About(c.Ref, err))
	default:
		s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(err))
	}
	return nil
}

// lags reports whether an answer may be that of an API server which takes notice a
// moment later of what was written: what is needed is not served yet, or what was
// deleted or changed still denies.
func (s *step) lags(c syncline.Change, answer syncline.Kind) bool {
	return answer == syncline.NotFound && len(c.Needs) > 0 || answer == syncline.Denied && s.changedGuards()
}

func (s *step) noteWritten(c syncline.Change) {
	verb := map[syncline.Action]string{
		syncline.Create: "created", syncline.Run: "created", syncline.Update: "configured",
		syncline.Replace: "replaced", syncline.Recreate: "recreated", syncline.Prune: "pruned",
	}[c.Action]
	if c.Action == syncline.Run && c.UID != "" {
		verb = "configured"
	}
	code := syncline.ResultSynced
	if c.Action == syncline.Prune {
		code = syncline.ResultPruned
	}
	s.record(c, code, syncline.OperationRunning, describe(c.Ref)+" "+verb)
}

// record writes down the first result of a change.
func (s *step) record(c syncline.Change, code syncline.ResultCode, state syncline.OperationPhase, message string) {
	result := syncline.ObjectResult{
		Ref: c.Ref, Version: c.Version, Phase: c.Phase, Code: code, State: state, Message: message,
	}
	if c.Role == syncline.RoleHook {
		result.HookType = c.Phase
	}
	if live, ok := s.Memory.Get(c.Ref); ok {
		result.Images = live.Images
	}
	s.add(result)
}

// describe names an object as kubectl does, as in "deployment.apps/web".
func describe(ref syncline.Ref) string {
	kind := strings.ToLower(ref.Kind)
	if ref.Group != "" {
		kind += "." + ref.Group
	}
	return kind + "/" + ref.Name
}

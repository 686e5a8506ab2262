package apply

import (
	"errors"
	"fmt"
	"strings"

	"github.com/syncline-io/syncline"
)

// decision is what comes next: a group to perform, something to wait for, or
// the end.
type decision struct {
	group   []syncline.Change
	why     string
	finish  syncline.OperationPhase
	message string
}

// decide chooses the next part of the operation from the results so far, as
// Argo CD does: hooks run to their end; after a failure only SyncFail hooks run;
// where more than one step follows, each has to be healthy before the next. A
// step that a failure cut short is finished first.
func (s *step) decide() decision {
	s.waiting = nil
	if invalid := s.invalid(); invalid != "" {
		return decision{finish: syncline.OperationFailed, message: "one or more synchronization tasks are not valid: " + invalid}
	}
	failures := s.failures()
	group := s.pending(failures != "")
	switch {
	case s.waitFor(group, isHook):
		return decision{why: "waiting for completion of hook"}
	case group == nil:
		return s.ending(failures)
	case failures != "":
		return decision{group: group}
	case s.waitFor(group, isPruned):
		return decision{why: "waiting for deletion of"}
	case s.waitFor(group, isResource):
		return decision{why: "waiting for healthy state of"}
	}
	return decision{group: group}
}

// ending ends an operation that has nothing left to do.
func (s *step) ending(failures string) decision {
	switch {
	case failures != "":
		return decision{finish: s.failure(),
			message: "one or more synchronization tasks completed unsuccessfully, reason: " + failures}
	case len(s.tasks) == 0 && s.State.Operation.Partial():
		return decision{finish: syncline.OperationSucceeded,
			message: "successfully synced (no more tasks); none of the selected resources is part of the application"}
	case len(s.tasks) == 0:
		return decision{finish: syncline.OperationSucceeded, message: "successfully synced (no more tasks)"}
	}
	return decision{finish: syncline.OperationSucceeded, message: "successfully synced (all tasks run)"}
}

// failure is how an operation ends in which something failed: in an error, after which
// it is begun again, where that was only what could not be compared.
func (s *step) failure() syncline.OperationPhase {
	for _, r := range s.State.Results {
		task, _ := s.task(r)
		if r.Code == syncline.ResultFailed && task.Unknown {
			continue
		}
		if r.Code == syncline.ResultFailed || r.State == syncline.OperationFailed || r.State == syncline.OperationError {
			return syncline.OperationFailed
		}
	}
	return syncline.OperationError
}

// invalid lists what makes the operation impossible before anything is written:
// kinds that are not known, objects that the project or the API server refuses. What
// cannot be compared at the moment holds up nothing else. It is "" once something was
// done.
func (s *step) invalid() string {
	if len(s.State.Results) > 0 {
		return ""
	}
	var reasons []string
	for _, c := range s.tasks {
		if err := s.objection(c); err != nil && !c.Unknown {
			s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(err))
			reasons = append(reasons, syncline.About(c.Ref, err).Error())
		}
	}
	return listed(reasons)
}

// objection says why a change can never be made in this operation, or nil.
func (s *step) objection(c syncline.Change) error {
	live, exists := s.Memory.Get(c.Ref)
	switch refused := s.Refused[c.Ref]; {
	case refused != nil && s.State.Operation.Writes(c):
		return refused
	case c.Err != nil && syncline.KindOf(c.Err) != syncline.Waiting:
		return c.Err
	case c.Role == syncline.RoleHook && exists && !s.wasHook(live):
		return syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "hook %s cannot run: there is an object of that name that is no hook and not of this application", c.Ref),
			"rename the hook, or delete the object")
	}
	return s.unmetNeed(c)
}

// unmetNeed says why what the change needs will not be there, or nil: it is not
// part of the operation, or has failed.
func (s *step) unmetNeed(c syncline.Change) error {
	for _, need := range c.Needs {
		live, exists := s.Memory.Get(need)
		index, asked := s.needed[need]
		switch {
		case exists && live.Health.Status == syncline.Degraded && need.Kind == "CustomResourceDefinition":
			return syncline.Errorf(syncline.Invalid, "it needs %s, which is Degraded: %s", need, live.Health.Message)
		case exists:
		case !asked:
			return syncline.Errorf(syncline.Invalid, "it needs %s, which is not in the cluster and not part of this operation", need)
		case s.hasFailed(s.tasks[index]):
			return syncline.Errorf(syncline.Invalid, "it needs %s, which could not be created", need)
		}
	}
	return nil
}

func (s *step) hasFailed(c syncline.Change) bool {
	r, recorded := s.result(c)
	return recorded && r.Code == syncline.ResultFailed
}

// pending returns the tasks of the first phase and wave that has some to do:
// of the SyncFail hooks, or of everything else. It is nil when all is done.
func (s *step) pending(syncFail bool) []syncline.Change {
	var group []syncline.Change
	for _, c := range s.tasks {
		if (c.Phase == syncline.SyncFail) != syncFail {
			continue
		}
		if _, done := s.result(c); done {
			continue
		}
		if group != nil && (c.Phase != group[0].Phase || c.Wave != group[0].Wave) {
			break
		}
		group = append(group, c)
	}
	return group
}

// failures joins why the operation has failed, and is "" while it has not.
func (s *step) failures() string {
	var reasons []string
	for _, r := range s.State.Results {
		if r.Phase == syncline.SyncFail {
			continue
		}
		if r.Code == syncline.ResultFailed || r.State == syncline.OperationFailed || r.State == syncline.OperationError {
			reasons = append(reasons, syncline.About(r.Ref, errors.New(r.Message)).Error())
		}
	}
	return listed(reasons)
}

type filter func(syncline.ObjectResult) bool

func isHook(r syncline.ObjectResult) bool   { return r.HookType != "" }
func isPruned(r syncline.ObjectResult) bool { return r.Code == syncline.ResultPruned }
func isResource(r syncline.ObjectResult) bool {
	return r.HookType == "" && r.Code == syncline.ResultSynced
}

// waitFor makes a blocker of every result that passes the filter and is still
// running, but for those of the same step as the group.
func (s *step) waitFor(group []syncline.Change, concerns filter) bool {
	for _, r := range s.State.Results {
		if concerns(r) && r.State == syncline.OperationRunning && !s.within(r, group) {
			s.waiting = append(s.waiting, syncline.Blocker{Ref: r.Ref, Why: s.whyWaiting(r)})
		}
	}
	return len(s.waiting) > 0
}

// within reports whether a result is of the phase and wave of the group.
func (s *step) within(r syncline.ObjectResult, group []syncline.Change) bool {
	task, known := s.task(r)
	return known && group != nil && task.Phase == group[0].Phase && task.Wave == group[0].Wave
}

func (s *step) whyWaiting(r syncline.ObjectResult) string {
	live, exists := s.Memory.Get(r.Ref)
	switch {
	case !exists:
		return "it was written and is not seen yet"
	case live.Terminating && len(live.Finalizers) > 0:
		return fmt.Sprintf("it is being deleted and waits for the finalizers %q", live.Finalizers)
	case live.Terminating:
		return "it is being deleted"
	case live.Health.Message != "":
		return fmt.Sprintf("it is %s: %s", live.Health.Status, live.Health.Message)
	}
	return fmt.Sprintf("it is %s", live.Health.Status)
}

// describeWaiting says in one line what is waited for.
func describeWaiting(why string, waiting []syncline.Blocker) string {
	first := waiting[0]
	text := strings.TrimSpace(fmt.Sprintf("%s %s", why, first.Ref))
	if more := len(waiting) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more resources", more)
	}
	return fmt.Sprintf("%s (%s)", text, first.Why)
}

// maxReasons is how many reasons a message lists. Every object has its own in its
// result; a status in which all of them stand thrice could not be written.
const maxReasons = 10

// listed joins the first of the reasons, each once.
func listed(reasons []string) string {
	reasons = distinct(reasons)
	if more := len(reasons) - maxReasons; more > 0 {
		reasons = append(reasons[:maxReasons:maxReasons], fmt.Sprintf("and %d more objects", more))
	}
	return strings.Join(reasons, "; ")
}

func distinct(texts []string) []string {
	seen := map[string]bool{}
	var unique []string
	for _, text := range texts {
		if !seen[text] {
			unique = append(unique, text)
		}
		seen[text] = true
	}
	return unique
}

package apply

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/syncline-io/syncline"
)

// rehearseFirst asks, before a group deletes something, what the API server would
// make of all that the operation is still to create: what is renamed is not deleted
// when nothing may come in its place. It reports whether something is refused, which
// is written down. What the deletion itself may put right is left to the write.
func (s *step) rehearseFirst(ctx context.Context, group []syncline.Change) (refused bool, err error) {
	if !slices.ContainsFunc(group, s.deletes) {
		return false, nil
	}
	cures := s.cures()
	return s.refuses(ctx, "nothing was deleted; if that would help, delete it by hand or sync its deletion alone",
		func(c syncline.Change, refusal error) bool {
			kind := syncline.KindOf(refusal)
			return (kind == syncline.Invalid || kind == syncline.Denied) && !cures.may(c, refusal)
		})
}

// rehearseHooks asks the same before an operation begins with hooks: what they do, such
// as a migration, is not done for objects that no API server takes. A policy may come
// to accept what it denies, by what a hook does. Argo CD tries all objects first.
func (s *step) rehearseHooks(ctx context.Context, group []syncline.Change) (refused bool, err error) {
	hooks := slices.ContainsFunc(group, func(c syncline.Change) bool { return c.Role == syncline.RoleHook })
	if len(s.State.Results) > 0 || !hooks {
		return false, nil
	}
	return s.refuses(ctx, "nothing was done, and no hook was run", func(c syncline.Change, refusal error) bool {
		return c.Role != syncline.RoleHook && syncline.KindOf(refusal) == syncline.Invalid
	})
}

// refuses writes down, with a hint, what the API server refuses for good of all that is
// still to be created, and reports whether there is anything.
func (s *step) refuses(ctx context.Context, hint string, final func(syncline.Change, error) bool) (refused bool, err error) {
	refusals, err := s.rehearse(ctx)
	if err != nil {
		return false, err
	}
	for i, c := range s.tasks {
		if c.Phase == syncline.SyncFail || !final(c, refusals[i]) {
			continue
		}
		refused = true
		what := hint
		if known := syncline.HintOf(refusals[i]); known != "" {
			what = known + "; " + hint
		}
		s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(syncline.WithHint(refusals[i], what)))
	}
	return refused, nil
}

// deletes reports whether a change is a deletion that is to come.
func (s *step) deletes(c syncline.Change) bool {
	return c.Action == syncline.Prune && c.Role == syncline.RoleResource && s.State.Operation.Prune && !c.Leaving &&
		s.objection(c) == nil
}

// cures is what an operation does that may have accepted what is refused before.
type cures struct {
	// admission says that it changes who refuses, guards that it has yet to change or
	// delete a webhook or a policy.
	admission, guards bool
	// deleted are the names of what it deletes.
	deleted map[string]bool
}

func (s *step) cures() cures {
	found := cures{admission: s.changedGuards(), deleted: map[string]bool{}}
	for _, c := range s.tasks {
		if s.deletes(c) {
			found.deleted[c.Ref.Name] = true
		}
		if c.Action != syncline.Keep && c.Action != syncline.Retain && isAdmission(c.Ref) {
			found.admission = true
		}
		if _, done := s.result(c); !done && changesGuard(c) && (c.Action != syncline.Prune || s.deletes(c)) {
			found.guards = true
		}
	}
	return found
}

// changedGuards reports whether the operation has changed or deleted a webhook or a
// policy. The API server may refuse by it for a moment longer.
func (s *step) changedGuards() bool {
	return slices.ContainsFunc(s.State.Results, func(r syncline.ObjectResult) bool { return r.ChangedGuard() })
}

// may reports whether a change may be accepted later: the operation deletes what takes
// the room, or what the refusal names, or it changes who refuses.
func (c cures) may(refused syncline.Change, why error) bool {
	text := why.Error()
	for _, sign := range []string{"exceeded quota", "already allocated", "already in use"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return c.admission || slices.ContainsFunc(strings.FieldsFunc(text, isBetweenNames), func(word string) bool {
		name := strings.Trim(word, ".")
		return c.deleted[name] && name != refused.Ref.Name && name != refused.Ref.Namespace
	})
}

// isAdmission reports whether an object decides what the API server accepts.
func isAdmission(ref syncline.Ref) bool {
	return ref.Group == "admissionregistration.k8s.io" || ref.Group == "" && (ref.Kind == "ResourceQuota" || ref.Kind == "LimitRange")
}

func isBetweenNames(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '.'
}

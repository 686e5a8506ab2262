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
	refusals, err := s.rehearse(ctx)
	if err != nil {
		return false, err
	}
	for i, c := range s.tasks {
		kind := syncline.KindOf(refusals[i])
		final := kind == syncline.Invalid || kind == syncline.Denied
		if !final || c.Phase == syncline.SyncFail || s.mayCure(c, refusals[i]) {
			continue
		}
		refused = true
		s.record(c, syncline.ResultFailed, syncline.OperationFailed, syncline.Explain(syncline.WithHint(refusals[i],
			"nothing was deleted; if that would help, delete it by hand or sync its deletion alone")))
	}
	return refused, nil
}

// deletes reports whether a change is a deletion that is to come.
func (s *step) deletes(c syncline.Change) bool {
	return c.Action == syncline.Prune && c.Role == syncline.RoleResource && s.State.Operation.Prune && !c.Leaving &&
		s.objection(c) == nil
}

// mayCure reports whether a change may be accepted after what the operation does
// before it: it deletes what takes the room, or what the refusal names, or it changes
// who refuses.
func (s *step) mayCure(refused syncline.Change, why error) bool {
	text := why.Error()
	for _, sign := range []string{"exceeded quota", "already allocated", "already in use"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return slices.ContainsFunc(s.tasks, func(c syncline.Change) bool {
		own := c.Ref.Name == refused.Ref.Name || c.Ref.Name == refused.Ref.Namespace
		return c.Action != syncline.Keep && c.Action != syncline.Retain && isAdmission(c.Ref) || s.deletes(c) && !own && names(text, c.Ref.Name)
	})
}

// isAdmission reports whether an object decides what the API server accepts.
func isAdmission(ref syncline.Ref) bool {
	return ref.Group == "admissionregistration.k8s.io" || ref.Group == "" && (ref.Kind == "ResourceQuota" || ref.Kind == "LimitRange")
}

// names reports whether a name stands in a text as a word of its own.
func names(text, name string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-.", r)
	})
	return slices.ContainsFunc(words, func(word string) bool { return strings.Trim(word, ".") == name })
}

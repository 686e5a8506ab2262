package apply

import (
	"context"

	"github.com/syncline-io/syncline"
)

// Delete deletes the first wave of a teardown that has objects left. It returns
// what is still there; nothing means that all is gone. An object that the
// project does not let the App touch is left alone, as in Argo CD.
func Delete(ctx context.Context, in Input) ([]syncline.Blocker, error) {
	s := newStep(in)
	var failed []error
	wave := 0
	for _, c := range in.Plan.Changes {
		if in.Refused[c.Ref] != nil {
			continue
		}
		if len(s.waiting) > 0 && c.Wave != wave {
			break
		}
		wave = c.Wave
		if err := s.deleteOne(ctx, c); err != nil {
			failed = append(failed, err)
		}
	}
	return s.waiting, together(failed)
}

// deleteOne deletes one object, and waits for it while it is still there.
func (s *step) deleteOne(ctx context.Context, c syncline.Change) error {
	live, exists := s.Memory.Get(c.Ref)
	gone, err := false, error(nil)
	switch {
	case exists && live.UID != c.UID:
		err = syncline.Errorf(syncline.Conflict, "another object has its name by now")
	case c.Err != nil && syncline.KindOf(c.Err) != syncline.Waiting:
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: syncline.Explain(c.Err)})
		return nil
	case len(c.After) > 0 && !live.Terminating:
		s.waiting = append(s.waiting, neededBy(c))
		return nil
	case c.Role == syncline.RoleHook && exists:
		gone, err = s.removeHook(ctx, c, live)
	case live.Terminating:
	default:
		var rest syncline.Object
		rest, err = s.gate.write(ctx, c, s.writeOf(c))
		gone = rest.IsZero()
	}
	if err != nil {
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: err.Error()})
		return syncline.About(c.Ref, err)
	}
	if !gone {
		s.waiting = append(s.waiting, syncline.Blocker{Ref: c.Ref, Why: s.whyWaiting(syncline.ObjectResult{Ref: c.Ref})})
	}
	return nil
}

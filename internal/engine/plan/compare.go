package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/plan/compare"
)

// compare decides, for every resource and namespace of the plan, what has to
// happen to it. Only objects that are live, and not seen to be as desired, cost
// requests. What was found out is kept even when something else could not be.
func (b *build) compare(ctx context.Context) error {
	var open []compare.Inquiry
	for i := range b.changes {
		c := &b.changes[i]
		if c.Role == syncline.RoleHook || c.Refused || c.Err != nil && c.Unserved == nil {
			continue
		}
		live, exists := b.Memory.Get(c.Ref)
		live = live.To(c.Desired.Manager())
		if c.Err != nil {
			notCompared(c, live, exists)
			c.Unknown = c.Unknown || exists
			continue
		}
		if settled := b.compareKnown(c, live, exists); settled {
			continue
		}
		open = append(open, compare.Inquiry{Change: c, Live: live})
	}
	lasting, err := b.comparer.Ask(ctx, open, b.before)
	maps.Copy(b.after, lasting)
	for _, in := range open {
		if in.Answer.Known {
			b.decide(in.Change, in.Answer)
		}
	}
	return err
}

// compareKnown settles what needs no request: an object that is missing, that
// is going away, or whose owned fields are the desired ones.
func (b *build) compareKnown(c *syncline.Change, live syncline.Live, exists bool) bool {
	if !exists {
		if c.Why == "" && !c.Unknown {
			c.Why = "it is not in the cluster"
		}
		c.Why = cmp.Or(c.Why, "whether it is in the cluster is not known: the API of its kind does not answer")
		return true
	}
	c.UID, c.Migrate = live.UID, live.Migrate
	if live.Terminating {
		c.Why = "the live object is being deleted; it is created again when it is gone"
		c.Err = syncline.Errorf(syncline.Waiting, "%s is being deleted%s", c.Ref, heldBy(live))
		return true
	}
	b.noteShared(c, live)
	if c.SharedWith != "" && c.Options.Has("FailOnSharedResource=true") {
		c.Action, c.Why = syncline.Update, "it is part of application "+c.SharedWith
		c.Err = syncline.Errorf(syncline.Denied, "%s is part of application %s, and FailOnSharedResource=true", c.Ref, c.SharedWith)
		return true
	}
	if live.Applied == c.Desired.Digest() && !live.Migrate {
		c.Action, c.Why = syncline.Keep, ""
		return true
	}
	if c.Unserved == nil {
		return false
	}
	notCompared(c, live, exists)
	return true
}

// notCompared plans for a live object in a version that is not served: that it is to
// be written is known, and no more.
func notCompared(c *syncline.Change, live syncline.Live, exists bool) {
	if !exists {
		return
	}
	c.Action, c.UID, c.Migrate = syncline.Update, live.UID, live.Migrate
	c.Why = fmt.Sprintf("it is declared in version %s, which is not served yet: it is compared when it is", c.Version)
}

// heldBy says which finalizers an object waits for.
func heldBy(live syncline.Live) string {
	if len(live.Finalizers) == 0 {
		return ""
	}
	return fmt.Sprintf(" and waits for the finalizers %q", live.Finalizers)
}

// noteShared warns of an object that is tracked by another App.
func (b *build) noteShared(c *syncline.Change, live syncline.Live) {
	owner := live.Owner
	if owner == "" || owner == b.App.Instance || c.Role != syncline.RoleResource || b.leftBy(owner, c.Ref) {
		return
	}
	c.SharedWith = owner
	b.warn(syncline.SharedResourceWarning,
		fmt.Sprintf("%s/%s is part of applications %s and %s", c.Ref.Kind, c.Ref.Name, b.App.Instance, owner))
}

// leftBy reports whether another App leaves an object to this one.
func (b *build) leftBy(instance string, ref syncline.Ref) bool {
	neighbours := b.neighbours()
	return neighbours != nil && neighbours.Left(instance, ref)
}

// decide turns what was found into the action.
func (b *build) decide(c *syncline.Change, found compare.Answer) {
	c.Fields, c.Adopt = found.Fields, found.Adopt
	if !found.Kept.IsZero() {
		c.Desired = found.Kept
	}
	switch {
	case found.Err != nil:
		b.decideRefused(c, found)
	case len(found.Fields) == 0:
		c.Action, c.Why = syncline.Keep, ""
	case found.Adopt:
		c.Action, c.Why = syncline.Update, describeFields(found.Fields)+"; what is declared is taken over"
	case c.Options.Has("Replace=true"):
		c.Action, c.Why = syncline.Replace, describeFields(found.Fields)
	case !found.Merged.IsZero():
		c.Action, c.Why, c.Merged = syncline.Update, describeFields(found.Fields)+"; it is merged, because an apply is refused", found.Merged
	default:
		c.Action, c.Why = syncline.Update, describeFields(found.Fields)
	}
}

// decideRefused plans for an object that the API server would not update: with
// force it is recreated, if a new one would be accepted; with Replace=true it is
// replaced; else it stays as it is.
func (b *build) decideRefused(c *syncline.Change, found compare.Answer) {
	c.Why = "it cannot be updated: " + found.Err.Error()
	force := c.Options.Has("Force=true") || b.Operation != nil && b.Operation.Operation.Force
	switch {
	case force && found.Beyond == nil:
		c.Action = syncline.Recreate
	case c.Options.Has("Replace=true") && found.Instead == nil:
		c.Action = syncline.Replace
	default:
		c.Fields = nil
		b.guarded[c.Ref] = syncline.KindOf(found.Err) == syncline.Denied || syncline.WebhookDown(found.Err)
		c.Action, c.Err, c.Why = syncline.Update, withRemedy(c.Ref, found, force), "it differs, and cannot be updated"
	}
}

// withRemedy adds what a person can do about an object that cannot be updated: of
// the options those which were found to help.
func withRemedy(ref syncline.Ref, found compare.Answer, force bool) error {
	switch {
	case found.Beyond == nil && found.Instead == nil:
		return syncline.WithHint(found.Err, "undo the change, or have the object replaced with the sync option Replace=true, without what others set in it, or deleted and created anew with Force=true: either would be accepted")
	case found.Instead == nil:
		return syncline.WithHint(found.Err, "undo the change, or have the object replaced with the sync option Replace=true, without what others set in it: that would be accepted")
	case found.Beyond == nil:
		return syncline.WithHint(found.Err, "undo the change, or have the object deleted and created anew with the sync option Force=true: a new one would be accepted")
	case force && syncline.KindOf(found.Err) == syncline.Invalid && compare.Recreatable(ref):
		return syncline.WithHint(found.Err, "correct the manifest: the object is left as it is, because a new one would be refused too")
	case force && syncline.KindOf(found.Err) == syncline.Invalid:
		return syncline.WithHint(found.Err, "undo the change: Force=true does not delete what holds data or other objects; delete it by hand if that is meant")
	}
	return found.Err
}

func describeFields(fields []syncline.Field) string {
	if len(fields) == 1 {
		return fields[0].Path + " differs"
	}
	return fmt.Sprintf("%s and %d more differ", fields[0].Path, len(fields)-1)
}

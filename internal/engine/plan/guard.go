package plan

import (
	"fmt"
	"slices"

	"github.com/syncline-io/syncline"
)

// Guard says when a plan prunes so much at once that a person has to look.
type Guard struct {
	// Share is the part of an App's objects, 0 to 1, and Number the count of them,
	// that may be pruned in one operation. Both have to be exceeded. The defaults,
	// for the zero value, are one half and 10.
	Share  float64
	Number int
	// Every holds back whatever is pruned; Share and Number do not count then.
	Every bool
}

// Check returns a Stalled error when the plan may not be performed without an
// approval of what it prunes.
func (g Guard) Check(p syncline.Plan, approved syncline.Digest) error {
	pruned, live := count(p.Changes)
	digest := p.PruneDigest()
	if !g.exceeded(pruned, live) || approved == digest {
		return nil
	}
	return syncline.WithHint(
		syncline.Errorf(syncline.Stalled, "the plan prunes %d of the %d live objects at once and waits for an approval of %s", pruned, live, digest),
		fmt.Sprintf("look at it with `syncline app diff %[1]s`, then approve it with `syncline app sync %[1]s --approve-prune`, or with the annotation %[2]s",
			p.App.Name, digest.Approval()))
}

// exceeded reports whether it is too much to prune so many of so many objects.
func (g Guard) exceeded(pruned, live int) bool {
	if g == (Guard{}) {
		g = Guard{Share: 0.5, Number: 10}
	}
	few := pruned <= g.Number || float64(pruned) <= g.Share*float64(live)
	return pruned > 0 && (!few || g.Every)
}

// count returns how many live objects of the App are pruned, and how many there are:
// those that it declares, and those that are pruned. What stays though it is not
// declared, for whatever reason, is neither: there may be any number of such objects,
// made by anybody, and they would make what is pruned look little.
func count(changes []syncline.Change) (pruned, live int) {
	for _, c := range changes {
		if c.Role != syncline.RoleResource || c.UID == "" || c.Action == syncline.Retain {
			continue
		}
		live++
		if c.Action == syncline.Prune {
			pruned++
		}
	}
	return pruned, live
}

// records reports whether the App's status says that it had the object. It is
// written by the App's own turns, and by whoever may write the App; who makes it say
// too much has more prunes wait, and who makes it say too little has more objects
// stay.
func (b *build) records(ref syncline.Ref) bool {
	if b.recorded == nil {
		b.recorded = recordsOf(b.App.Past, b.Operation)
	}
	return b.App.Past.Unlisted || b.recorded[ref]
}

func recordsOf(past syncline.Past, going *syncline.OperationState) map[syncline.Ref]bool {
	recorded := map[syncline.Ref]bool{}
	for _, o := range past.Objects {
		if !o.Claimed {
			recorded[o.Ref] = true
		}
	}
	for _, state := range []*syncline.OperationState{past.Operation, going} {
		if state == nil {
			continue
		}
		for _, r := range state.Results {
			if r.Code == syncline.ResultSynced {
				recorded[r.Ref] = true
			}
		}
	}
	return recorded
}

// doubt leaves objects alone that are pruned and that no status records, where a
// person would have to approve it: who may write objects in a namespace could make
// such objects, and nothing would be delivered before somebody has looked at them.
// They stay until they are named, or approved with all that is pruned.
func (b *build) doubt() {
	digest, tooMany := syncline.Plan{Changes: b.changes}.PruneDigest(), b.Guard.exceeded(count(b.changes))
	if b.approves(digest) {
		return
	}
	for i := range b.changes {
		c := &b.changes[i]
		if c.Action != syncline.Prune || !c.Unrecorded || !tooMany && !c.Options.Has("Prune=confirm") {
			continue
		}
		c.Action, c.Extraneous, c.Claimed, c.Err, c.Undecided = syncline.Retain, true, true, nil, false
		c.Why = fmt.Sprintf("%s; a sync with prune that names it deletes it, or one with the annotation %s on the application", syncline.ClaimText, digest.Approval())
	}
}

// approves reports whether a person approved what is pruned, or the operation is of
// that approval and has pruned some of it.
func (b *build) approves(digest syncline.Digest) bool {
	approved := b.App.ApprovedPrune
	return digest == approved || approved != "" && b.Operation != nil && hasPruned(b.Operation)
}

// hasPruned reports whether an operation has pruned something.
func hasPruned(state *syncline.OperationState) bool {
	return slices.ContainsFunc(state.Results, func(r syncline.ObjectResult) bool { return r.Code == syncline.ResultPruned })
}

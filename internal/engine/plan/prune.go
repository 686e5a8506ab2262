package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// addExtraneous plans for the live objects that are the App's and that it does
// not declare any more.
func (b *build) addExtraneous(context.Context) error {
	declared := b.declarations()
	owned, err := b.Memory.Owned(b.App.Instance)
	b.unknown = err
	for _, live := range owned {
		switch {
		case declared.has(live) || live.Controlled:
		case b.read(live.Marks).Hook == nil:
			b.changes = append(b.changes, b.extraneous(live))
		case heldAsHook(live) && live.Made:
			b.changes = append(b.changes, leftHook(live))
		}
	}
	b.addNamed(declared)
	b.askNeighbours()
	b.doubt()
	b.keepInUse()
	b.keepServing()
	b.confirmPrunes()
	return nil
}

// addNamed shows what the App's status lists, only weaker marks say to be the App's, and it
// does not declare any more: it may be what the tool that delivered it before tracked so.
func (b *build) addNamed(declared declarations) {
	shown := map[syncline.Ref]bool{}
	for _, past := range b.App.Past.Objects {
		live, exists := b.Memory.Get(past.Ref)
		if !exists || shown[live.Ref] || b.read(live.Marks).Hook != nil || live.Owner != "" || live.Controlled || live.Terminating || declared.has(live) ||
			b.App.Dialect.Ownership.Named(live.Marks) != b.App.Instance {
			continue
		}
		shown[live.Ref] = true
		b.changes = append(b.changes, syncline.Change{
			Ref: live.Ref, Version: live.Version, Role: syncline.RoleResource, Phase: syncline.Sync, UID: live.UID,
			Action: syncline.Retain, Extraneous: true, Claimed: true,
			Why: syncline.ClaimText + "; it is no longer in the source, and only a person can tell whether it is to be deleted",
		})
	}
}

// askNeighbours leaves what other Apps declare to them, keeps what they have
// objects in, and lets the rest wait until that is known.
func (b *build) askNeighbours() {
	for i := range b.changes {
		c := &b.changes[i]
		if c.Action != syncline.Prune || c.Role == syncline.RoleHook {
			continue
		}
		neighbours := b.neighbours()
		if neighbours == nil {
			return
		}
		c.Err = neighbours.Undecided(c.Ref)
		if who := neighbours.Declares(c.Ref); who != "" {
			c.Action, c.Extraneous, c.Why = syncline.Retain, true, "it is no longer in the source, and declared by "+who+": left to it"
		} else if who := insideOf(neighbours, c.Ref); who != "" {
			c.Action, c.Why = syncline.Retain, "it is no longer in the source, and kept because "+who+" has objects that would go with it"
			b.warn(syncline.SharedResourceWarning, fmt.Sprintf("%s is not pruned: %s has objects that would go with it", c.Ref, who))
		}
		if c.Action == syncline.Retain {
			c.Err = nil
		}
		c.Undecided = c.Err != nil
	}
}

// neighbours returns the other Apps, or nil.
func (b *build) neighbours() Neighbours {
	if b.Neighbours == nil {
		return nil
	}
	return b.Neighbours()
}

// insideOf says who else has something in an object that contains others.
func insideOf(neighbours Neighbours, ref syncline.Ref) string {
	if ref.Contains() == (syncline.Container{}) {
		return ""
	}
	return neighbours.Inside(ref)
}

// declarations tell which live objects the App declares, also where the plan has
// no change of them: as a hook without a phase, under another group of the same
// kind, or of a kind that is not known just now, whose scope is a guess.
type declarations struct {
	refs map[syncline.Ref]bool
	uids map[types.UID]bool
	// unsure are objects without their namespace.
	unsure map[syncline.Ref]bool
}

func (b *build) declarations() declarations {
	d := declarations{refs: b.declared, uids: map[types.UID]bool{}, unsure: map[syncline.Ref]bool{}}
	for _, c := range b.changes {
		d.refs[c.Ref] = true
		if c.UID != "" {
			d.uids[c.UID] = true
		}
		if c.Err != nil {
			d.unsure[withoutNamespace(c.Ref)] = true
		}
	}
	return d
}

func (d declarations) has(live syncline.Live) bool {
	return d.refs[live.Ref] || d.uids[live.UID] || d.unsure[withoutNamespace(live.Ref)]
}

func withoutNamespace(ref syncline.Ref) syncline.Ref {
	ref.Namespace = ""
	return ref
}

// keepInUse holds back the prune of a namespace in which the App has objects that
// stay, and of a definition of kinds of which it declares objects: they would go
// with it.
func (b *build) keepInUse() {
	used := map[string]bool{}
	for _, c := range b.changes {
		if c.Action != syncline.Prune && !c.Leaving && (!c.Claimed || c.Unrecorded) {
			used[c.Ref.Namespace], used["."+c.Ref.Group] = true, true
		}
	}
	for i := range b.changes {
		c := &b.changes[i]
		_, group, _ := strings.Cut(c.Ref.Name, ".")
		inUse := c.Ref.Kind == "Namespace" && used[c.Ref.Name] ||
			c.Ref.Kind == "CustomResourceDefinition" && used["."+group]
		if c.Action == syncline.Prune && inUse {
			c.Action, c.Why = syncline.Retain, "it is no longer in the source, and kept while the application has objects that would go with it"
		}
	}
}

// extraneous decides what happens to one object that left the source.
func (b *build) extraneous(live syncline.Live) syncline.Change {
	asks := b.read(live.Marks)
	c := syncline.Change{
		Ref: live.Ref, Version: live.Version, Role: syncline.RoleResource, Action: syncline.Prune,
		Phase: syncline.Sync, UID: live.UID, Steering: live.Steering(), Why: "it is no longer in the source",
		Wave: asks.Wave, Options: b.options(asks.Options), Extraneous: asks.IgnoreExtraneous,
		IsApp: b.Dialects.IsApp(live.Ref.GroupKind()), ServesApps: b.Dialects.ServesApps(live.Ref.GroupKind()),
	}
	if !live.Made && !b.asksFor(live.Ref) {
		c.Action, c.Extraneous, c.Claimed = syncline.Retain, true, true
		c.Why = syncline.ClaimText + "; a sync with prune that names it deletes it"
		return c
	}
	c.Unrecorded = !b.records(live.Ref) && !b.asksFor(live.Ref)
	if c.Unrecorded && b.App.Dialect.Inventory {
		c.Action, c.Extraneous, c.Claimed = syncline.Retain, true, true
		c.Why = "it bears the marks of the application, which does not list it"
		return c
	}
	if reason := b.keeps(c, asks); reason != "" {
		c.Action, c.Why = syncline.Retain, reason
	}
	if c.Unrecorded && keepsItself(c, asks) != "" {
		c.Claimed, c.Extraneous = true, true
		c.Why = syncline.ClaimText + "; " + c.Why
	}
	if b.isDestination(live.Ref) {
		c.Action, c.Extraneous, c.Why = syncline.Retain, true, "it is no longer in the source, and kept as the managed namespace of the destination"
	}
	if live.Terminating {
		c.Action, c.Extraneous, c.Leaving, c.Claimed = syncline.Retain, true, true, false
		c.Why = "it is no longer in the source, and is being deleted" + heldBy(live)
	}
	return c
}

// asksFor reports whether a person asked by name for the prune of an object.
func (b *build) asksFor(ref syncline.Ref) bool {
	if b.Operation == nil {
		return false
	}
	op := b.Operation.Operation
	return op.Prune && !op.By.Automated &&
		slices.ContainsFunc(op.Selection, func(s syncline.Selector) bool { return s.Matches(ref) })
}

// isDestination reports whether an object is the namespace that the App wants to
// have without declaring it: by CreateNamespace=true or by managedNamespaceMetadata.
func (b *build) isDestination(ref syncline.Ref) bool {
	managed := b.App.Policy.NamespaceLabels != nil || b.App.Policy.NamespaceAnnotations != nil
	return ref == (syncline.Ref{Kind: "Namespace", Name: b.App.Destination.Namespace}) &&
		(managed || b.options(nil).Has("CreateNamespace=true"))
}

// keepsItself says by what an object that left the source asks not to be pruned, or "".
func keepsItself(c syncline.Change, asks syncline.Directive) string {
	switch {
	case c.Options.Has("Prune=false"):
		return "it is no longer in the source, and kept by Prune=false"
	case asks.Keep != "":
		return "it is no longer in the source, and kept by " + asks.Keep
	}
	return ""
}

// keeps says why an object that left the source is not pruned, or "".
func (b *build) keeps(c syncline.Change, asks syncline.Directive) string {
	switch reason := keepsItself(c, asks); {
	case reason != "":
		return reason
	case syncline.KindOf(b.unknown) == syncline.Waiting:
		return "it is no longer in the source; nothing is pruned yet: " + b.unknown.Error()
	case len(b.unplaced) > 0:
		return "nothing is pruned while it is not known in which namespace all objects belong"
	}
	return ""
}

// confirmPrunes lets what asks for a confirmation by Prune=confirm wait for it.
func (b *build) confirmPrunes() {
	prunes := syncline.Plan{Changes: b.changes}
	if b.Operation != nil { // what it does not cover is not approved with it
		prunes = prunes.Of(b.Operation.Operation)
	}
	digest := prunes.PruneDigest()
	if b.confirmed(digest) {
		return
	}
	for i := range b.changes {
		if c := &b.changes[i]; c.Action == syncline.Prune && c.Options.Has("Prune=confirm") && !c.Undecided {
			c.Err = Disregarded(b.App, syncline.Errorf(syncline.Waiting, "Prune=confirm waits for an approval: by `syncline app confirm-deletion %s`, by the annotation %s on the application, or by %s",
				b.App.ID.Name, digest.Approval(), b.App.Dialect.Words.Approval))
		}
	}
}

// Disregarded adds to an error that waits for an approval why what looks like one on
// the App is none.
func Disregarded(app syncline.App, err error) error {
	if err == nil || app.Disregarded == "" {
		return err
	}
	return syncline.WithHint(syncline.Errorf(syncline.KindOf(err), "%w; %s", err, app.Disregarded), syncline.HintOf(err))
}

// confirmed reports whether a person approved exactly what would be pruned, or, as
// in Argo CD, approved deletions since the operation began. An operation that went
// on pruning after an approval has less left than that named.
func (b *build) confirmed(digest syncline.Digest) bool {
	approved := b.App.ApprovedPrune
	switch {
	case approved == digest:
		return true
	case b.Operation == nil:
		return false
	case !b.App.ApprovedAt.Before(b.Operation.StartedAt.Truncate(time.Second)):
		return true
	}
	return approved != "" && hasPruned(b.Operation)
}

// heldAsHook reports whether somebody deletes the object and it waits only for
// us to have seen the end of the hook that it was.
func heldAsHook(live syncline.Live) bool {
	return live.Terminating && slices.Contains(live.Finalizers, syncline.FinalizerHook)
}

// leftHook is the Change of a hook's object that left the source and is being
// deleted: it may go.
func leftHook(live syncline.Live) syncline.Change {
	return syncline.Change{
		Ref: live.Ref, Version: live.Version, Role: syncline.RoleHook, Action: syncline.Prune,
		Phase: syncline.Sync, UID: live.UID, Steering: live.Steering(), Why: "the hook left the source and its object is being deleted",
	}
}

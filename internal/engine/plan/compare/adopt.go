package compare

import (
	"context"

	"github.com/syncline-io/syncline"
)

// isUnowned reports whether declared fields of a live object are not ours as they
// should be, as after a restore from a backup or when its managedFields were lost. It
// has to be applied then even if it is as declared: what leaves the source later
// would neither be removed nor pruned. Whose an ignored field is does not matter.
func (r *Comparer) isUnowned(ctx context.Context, in Inquiry, current, applied syncline.Object, ignoring rules) (bool, error) {
	c, content := in.Change, current.Reveal().Object
	wanted, version := appliedEntry(applied.Reveal().Object, c.Desired.Manager())
	own, _ := appliedEntry(content, c.Desired.Manager())
	if !covers(own, wanted) && isAnybodys(content, wanted, version, ManagersOf(content)) {
		counting, err := ignoring.strip(ctx, current.Reveal().Object)
		if err != nil || isAnybodys(counting, wanted, version, ManagersOf(content)) {
			return err == nil, err
		}
	}
	switch {
	case c.Role == syncline.RoleNamespace:
		return !HasApplied(content, c.Desired.Manager()), nil
	case r.App.Dialect.Ownership.Owner(c.Ref, c.Desired) != "":
		return !in.Live.Made && r.App.Dialect.Ownership.Owner(c.Ref, current) == r.App.Instance, nil
	}
	return appliedBy(content, r.App.Dialect.TakesOver) == nil, nil
}

// isAnybodys reports whether nobody owns some of the wanted fields that are live in
// the content of an object. What somebody else took over is theirs, and what is not
// there was removed. Fields in another version are not compared.
func isAnybodys(content, wanted map[string]any, version any, managers []map[string]any) bool {
	var owned map[string]any
	for _, entry := range managers {
		if entry["apiVersion"] != version && entry["subresource"] == nil {
			return false
		}
		of, _ := entry["fieldsV1"].(map[string]any)
		owned = together(owned, of)
	}
	return holdsValue(exclusivePart(content, wanted, owned))
}

// adopting adds to what was found of an object that its declared fields become ours.
// Where nothing else counts it is written for that, with what is ignored as it is
// live. A replacement does not make them ours: it comes first.
func (r *Comparer) adopting(ctx context.Context, in Inquiry, current, applied syncline.Object, found Answer) (Answer, error) {
	ignoring := r.Ignored.rulesFor(in.Change.Ref).trusting(current)
	differs := len(found.Fields) > 0
	if differs && in.Change.Options.Has("Replace=true") {
		return found, nil
	}
	unowned, err := r.isUnowned(ctx, in, current, applied, ignoring)
	if err != nil || !unowned {
		return found, err
	}
	if found.Adopt = true; differs {
		return found, nil
	}
	if len(ignoring.those) > 0 {
		return r.adoptingKept(ctx, in, current, found)
	}
	found.Fields, err = r.adoptedFields(ctx, in, current, applied)
	return found, err
}

// adoptingKept is adopting for an object of which something is ignored.
func (r *Comparer) adoptingKept(ctx context.Context, in Inquiry, current syncline.Object, found Answer) (Answer, error) {
	c := *in.Change
	desired, err := r.keeping(ctx, c, current, filling{present: true})
	if err != nil {
		return found, err
	}
	c.Desired, in.Change = desired, &c
	found.Kept, found.at = desired, versionOf(current)
	applied, err := r.Cluster.DryRun(ctx, desired, c.Options)
	if isRefusal(err) {
		found.Err, found.Beyond, found.Instead = err, err, err
		err = nil
	}
	if err != nil || found.Err != nil {
		return found, err
	}
	found.Fields, err = r.adoptedFields(ctx, in, current, applied)
	return found, err
}

// adoptedFields lists what would be written for the sake of an adoption.
func (r *Comparer) adoptedFields(ctx context.Context, in Inquiry, current, applied syncline.Object) ([]syncline.Field, error) {
	after, err := r.takenOver(ctx, in, current, applied)
	if err != nil {
		return nil, err
	}
	fields, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, rules{}, in.Change.Desired.Sensitive())
	return append(fields, syncline.Field{Path: "metadata.managedFields", Desired: in.Change.Desired.Manager()}), err
}

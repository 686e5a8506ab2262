package plan

import (
	"context"
	"slices"

	"github.com/syncline-io/syncline"
)

// isUnowned reports whether declared fields of a live object are not ours as they
// should be, as after a restore from a backup or when its managedFields were lost. It
// has to be applied then even if it is as declared: what leaves the source later
// would neither be removed nor pruned. Whose an ignored field is does not matter.
func (b *build) isUnowned(ctx context.Context, in inquiry, current, applied syncline.Object, rules ignoreRules) (bool, error) {
	c, content := in.change, current.Reveal().Object
	wanted, version := appliedEntry(applied.Reveal().Object, c.Desired.Manager())
	own, _ := appliedEntry(content, c.Desired.Manager())
	if !covers(own, wanted) && isAnybodys(content, wanted, version, managersOf(content)) {
		counting, err := rules.strip(ctx, current.Reveal().Object)
		if err != nil || isAnybodys(counting, wanted, version, managersOf(content)) {
			return err == nil, err
		}
	}
	switch {
	case c.Role == syncline.RoleNamespace:
		return !hasApplied(content, c.Desired.Manager()), nil
	case b.App.Dialect.Ownership.Owner(c.Ref, c.Desired) != "":
		return !in.live.Made && b.App.Dialect.Ownership.Owner(c.Ref, current) == b.App.Instance, nil
	}
	return appliedBy(content, b.App.Dialect.TakesOver) == nil, nil
}

// hasApplied reports whether a manager owns fields of a live object.
func hasApplied(live map[string]any, manager string) bool {
	return appliedBy(live, func(of string) bool { return of == manager }) != nil
}

// appliedEntry returns what a manager applied of an object, in which version.
func appliedEntry(content map[string]any, manager string) (fields map[string]any, version any) {
	for _, entry := range managersOf(content) {
		if entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"] == nil {
			fields, _ = entry["fieldsV1"].(map[string]any)
			return fields, entry["apiVersion"]
		}
	}
	return nil, nil
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

// covers reports whether fields name all that others name.
func covers(fields, others map[string]any) bool {
	for name, below := range others {
		own, named := fields[name].(map[string]any)
		theirs, _ := below.(map[string]any)
		if name != "." && (!named || !covers(own, theirs)) {
			return false
		}
	}
	return true
}

// holdsValue reports whether there is anything in a value but empty maps and lists.
func holdsValue(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range v {
			if holdsValue(below) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(v, holdsValue)
	}
	return value != nil
}

// adopting adds to what was found of an object that its declared fields become ours.
// Where nothing else counts it is written for that, with what is ignored as it is
// live. A replacement does not make them ours: it comes first.
func (b *build) adopting(ctx context.Context, in inquiry, current, applied syncline.Object, found answer) (answer, error) {
	rules := b.rulesFor(in.change.Ref).trusting(current)
	differs := len(found.fields) > 0
	if differs && in.change.Options.Has("Replace=true") {
		return found, nil
	}
	unowned, err := b.isUnowned(ctx, in, current, applied, rules)
	if err != nil || !unowned {
		return found, err
	}
	if found.adopt = true; differs {
		return found, nil
	}
	if len(rules.rules) > 0 {
		return b.adoptingKept(ctx, in, current, found)
	}
	found.fields, err = b.adoptedFields(ctx, in, current, applied)
	return found, err
}

// adoptingKept is adopting for an object of which something is ignored.
func (b *build) adoptingKept(ctx context.Context, in inquiry, current syncline.Object, found answer) (answer, error) {
	c := *in.change
	desired, err := b.keeping(ctx, c, current, filling{present: true})
	if err != nil {
		return found, err
	}
	c.Desired, in.change = desired, &c
	found.kept, found.at = desired, versionOf(current)
	applied, err := b.Cluster.DryRun(ctx, desired, c.Options)
	if isRefusal(err) {
		found.err, found.beyond, found.instead = err, err, err
		err = nil
	}
	if err != nil || found.err != nil {
		return found, err
	}
	found.fields, err = b.adoptedFields(ctx, in, current, applied)
	return found, err
}

// adoptedFields lists what would be written for the sake of an adoption.
func (b *build) adoptedFields(ctx context.Context, in inquiry, current, applied syncline.Object) ([]syncline.Field, error) {
	after, err := b.takenOver(ctx, in, current, applied)
	if err != nil {
		return nil, err
	}
	fields, err := differences(ctx, current.Reveal().Object, after.Reveal().Object, ignoreRules{}, in.change.Desired.Sensitive())
	return append(fields, syncline.Field{Path: "metadata.managedFields", Desired: in.change.Desired.Manager()}), err
}

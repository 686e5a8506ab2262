package plan

import (
	"context"
	"maps"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/syncline-io/syncline"
)

// kept is what an object asks for that keeps what is live and not its own to say:
// ignored fields, and what others want of a namespace.
type kept struct {
	question question
	desired  syncline.Object
	// disputes says what is left to others.
	disputes []string
	// nothing says that nothing is left to ask for, and that nothing has to go.
	nothing bool
}

// keeper finds out what a change keeps.
type keeper func(context.Context, syncline.Change) (kept, error)

// respect lets the objects with RespectIgnoreDifferences ask for what is live in
// the fields that the App ignores, and for what is declared where nothing is live.
// Leaving these fields out would not do: an apply removes what our manager owns
// and does not ask for any more. What is wanted of a namespace gives way likewise. The
// live object is read once for each of its states that matters.
func (b *build) respect(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(dryRuns)
	found := make([]kept, len(b.changes))
	for i := range b.changes {
		c := &b.changes[i]
		live, exists := b.Memory.Get(c.Ref)
		keep := b.keeperOf(*c, live)
		if c.Refused || !exists || live.Terminating || keep == nil {
			continue
		}
		asked, err := b.questionOf(*c, live)
		if err != nil {
			return err
		}
		if known, ok := b.respected[c.Ref]; ok && known.question == asked {
			found[i] = known
			continue
		}
		group.Go(func() (err error) {
			found[i], err = keep(ctx, *c)
			found[i].question = asked
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	b.keepAll(found)
	return nil
}

// keepAll lets the changes ask for what was found, and remembers it.
func (b *build) keepAll(found []kept) {
	b.respected = map[syncline.Ref]kept{}
	var changes []syncline.Change
	for i, k := range found {
		c := b.changes[i]
		if !k.desired.IsZero() {
			c.Desired, b.respected[c.Ref] = k.desired, k
		}
		for _, dispute := range k.disputes {
			b.warn(syncline.SharedResourceWarning, dispute)
		}
		if !k.nothing {
			changes = append(changes, c)
		}
	}
	b.changes = changes
}

// keeperOf returns what finds out what a change keeps, nil when it keeps nothing.
func (b *build) keeperOf(c syncline.Change, live syncline.Live) keeper {
	switch {
	case b.respects(c):
		return b.keepIgnored
	case c.Role == syncline.RoleNamespace && live.To(c.Desired.Manager()).Applied != c.Desired.Digest():
		return b.giveWay
	}
	return nil
}

// respects reports whether a change keeps fields that the App ignores.
func (b *build) respects(c syncline.Change) bool {
	return c.Role == syncline.RoleResource && c.Err == nil && c.Unserved == nil && c.Options.Has("RespectIgnoreDifferences=true") &&
		len(b.rulesFor(c.Ref).rules) > 0
}

// keepIgnored returns the desired object with the ignored fields as they are live.
func (b *build) keepIgnored(ctx context.Context, c syncline.Change) (kept, error) {
	current, err := b.Cluster.Read(ctx, c.Ref, c.Version)
	if err != nil {
		return kept{}, syncline.About(c.Ref, b.becauseGone(ctx, c, err))
	}
	desired, err := b.keeping(ctx, c, current, filling{})
	return kept{desired: desired}, err
}

// keeping returns the desired object with the ignored fields as they are in the live
// one.
func (b *build) keeping(ctx context.Context, c syncline.Change, current syncline.Object, f filling) (syncline.Object, error) {
	rules := b.rulesFor(c.Ref).trusting(current)
	declared, live := c.Desired.Reveal().Object, current.Reveal().Object
	own := appliedBy(live, b.App.Dialect.TakesOver)
	live = withoutServerFields(live)
	strippedDeclared, err := rules.strip(ctx, runtime.DeepCopyJSON(declared))
	if err != nil {
		return syncline.Object{}, syncline.About(c.Ref, err)
	}
	strippedLive, err := rules.strip(ctx, runtime.DeepCopyJSON(live))
	if err != nil {
		return syncline.Object{}, syncline.About(c.Ref, err)
	}
	f.whole = own == nil || c.Options.Has("Replace=true") || c.Options.Has("Force=true") ||
		b.Operation != nil && b.Operation.Operation.Force
	content := f.mapOf(sides{declared, strippedDeclared, live, strippedLive, own})
	return b.identified(content, c.Desired)
}

// identified makes an object of content, with the identity and the tracking of
// the declared one, which no rule takes away.
func (b *build) identified(content map[string]any, declared syncline.Object) (syncline.Object, error) {
	asked := declared.Reveal().Object
	content["apiVersion"], content["kind"] = asked["apiVersion"], asked["kind"]
	metadata, _ := content["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		content["metadata"] = metadata
	}
	before, _ := asked["metadata"].(map[string]any)
	for _, field := range []string{"name", "namespace"} {
		delete(metadata, field)
		if value, ok := before[field]; ok {
			metadata[field] = value
		}
	}
	object, err := syncline.NewObject(content, declared.Origin())
	if err == nil && b.App.Dialect.Ownership.Owner(declared.Ref(), declared) != "" {
		object = b.App.Dialect.Ownership.Stamp(object, b.App)
	}
	return object.WithManager(declared.Manager()), err
}

// appliedBy returns the fields of a live object that such managers own, as managedFields
// hold them, or nil. Those of a subresource do not count.
func appliedBy(live map[string]any, counts func(manager string) bool) map[string]any {
	var all map[string]any
	for _, entry := range managersOf(live) {
		manager, _ := entry["manager"].(string)
		fields, _ := entry["fieldsV1"].(map[string]any)
		if fields != nil && entry["subresource"] == nil && counts(manager) {
			all = together(all, fields)
		}
	}
	return all
}

// together returns the fields of both. What either has as a whole it is.
func together(a, b map[string]any) map[string]any {
	if a == nil {
		return b
	}
	all := make(map[string]any, len(a)+len(b))
	maps.Copy(all, a)
	for name, below := range b {
		x, _ := all[name].(map[string]any)
		y, _ := below.(map[string]any)
		if all[name] = y; len(x) > 0 {
			all[name] = together(x, y)
		}
	}
	return all
}

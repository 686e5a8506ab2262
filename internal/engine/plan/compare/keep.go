package compare

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/syncline-io/syncline"
)

// Respects reports whether a change keeps fields that the App ignores.
func (r *Comparer) Respects(c syncline.Change) bool {
	return c.Role == syncline.RoleResource && c.Err == nil && c.Unserved == nil && c.Options.Has("RespectIgnoreDifferences=true") &&
		len(r.Ignored.rulesFor(c.Ref).those) > 0
}

// Keep returns the desired object with the ignored fields as they are live.
func (r *Comparer) Keep(ctx context.Context, c syncline.Change) (syncline.Object, error) {
	current, err := r.Read(ctx, c)
	if err != nil {
		return syncline.Object{}, err
	}
	return r.keeping(ctx, c, current, filling{})
}

// keeping returns the desired object with the ignored fields as they are in the live
// one.
func (r *Comparer) keeping(ctx context.Context, c syncline.Change, current syncline.Object, f filling) (syncline.Object, error) {
	ignoring := r.Ignored.rulesFor(c.Ref).trusting(current)
	declared, live := c.Desired.Reveal().Object, current.Reveal().Object
	own := appliedBy(live, r.App.Dialect.TakesOver)
	live = withoutServerFields(live)
	strippedDeclared, err := ignoring.strip(ctx, runtime.DeepCopyJSON(declared))
	if err != nil {
		return syncline.Object{}, syncline.About(c.Ref, err)
	}
	strippedLive, err := ignoring.strip(ctx, runtime.DeepCopyJSON(live))
	if err != nil {
		return syncline.Object{}, syncline.About(c.Ref, err)
	}
	f.whole = own == nil || c.Options.Has("Replace=true") || c.Options.Has("Force=true") || r.Force
	content := f.mapOf(sides{declared, strippedDeclared, live, strippedLive, own})
	return r.identified(content, c.Desired)
}

// identified makes an object of content, with the identity and the tracking of
// the declared one, which no rule takes away.
func (r *Comparer) identified(content map[string]any, declared syncline.Object) (syncline.Object, error) {
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
	if err == nil && r.App.Dialect.Ownership.Owner(declared.Ref(), declared) != "" {
		object = r.App.Dialect.Ownership.Stamp(object, r.App)
	}
	return object.WithManager(declared.Manager()), err
}

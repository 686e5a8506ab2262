package compare

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"

	"github.com/syncline-io/syncline"
)

// lastApplied is where kubectl's client-side apply keeps what it applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// takenOver returns what an apply makes of an object when the ownership of client-side
// apply moves to us first: what a dry-run says, without what is abandoned then, but
// for what the API server puts back, such as defaults. Where it refuses that, it
// will refuse the apply too.
func (r *Comparer) takenOver(ctx context.Context, in Inquiry, current, applied syncline.Object) (syncline.Object, error) {
	if !in.Live.Migrate {
		return applied, nil
	}
	content := applied.Reveal().Object
	left := withoutAbandoned(content, current, in.Change.Desired, r.App.Dialect)
	if reflect.DeepEqual(left, content) {
		return applied, nil
	}
	metadata, _ := left["metadata"].(map[string]any)
	for _, list := range []string{"finalizers", "ownerReferences"} { // which a replacement keeps unless it says that there are none
		if _, exists := current.Field("metadata", list); exists && metadata[list] == nil {
			metadata[list] = []any{}
		}
	}
	rest, err := syncline.NewObject(left, applied.Origin())
	if err != nil {
		return applied, err
	}
	after, err := r.Cluster.DryRunReplace(ctx, rest, current, in.Change.Options)
	if isRefusal(err) {
		return rest, nil
	}
	return after, err
}

// withoutAbandoned returns what an apply makes of an object, without what goes with
// it when the ownership of client-side apply has moved to us: the fields of the
// live object that nobody else owns and that are not desired.
func withoutAbandoned(after map[string]any, live, desired syncline.Object, dialect *syncline.Dialect) map[string]any {
	applied, fields := clientSidePart(live, dialect)
	if applied == nil {
		return after
	}
	return abandoning{applied, desired.Reveal().Object, fields}.ofMap(after)
}

// clientSidePart returns the part of a live object that client-side apply owns and
// no manager but us, nil when that is nothing, and its fields. Ours was once under
// our own name: what we create or replace is too. Who creates an object owns the
// defaults in it: where it is written down what was applied, and nobody wrote
// without, they are left out.
func clientSidePart(live syncline.Object, dialect *syncline.Dialect) (part, fields map[string]any) {
	content := live.Reveal().Object
	var others map[string]any
	all := true
	for _, entry := range ManagersOf(content) {
		manager, _ := entry["manager"].(string)
		owned, _ := entry["fieldsV1"].(map[string]any)
		switch {
		case entry["subresource"] != nil:
		case dialect.TakesOver(manager) && entry["operation"] == "Update":
			fields = together(fields, owned)
			all = all && !slices.Contains(dialect.Former, manager)
		case manager != dialect.Manager:
			others = together(others, owned)
		}
	}
	if fields == nil {
		return nil, nil
	}
	written := map[string]any{}
	if all && json.Unmarshal([]byte(live.Annotation(lastApplied)), &written) == nil {
		content = written
	}
	part, _ = exclusivePart(content, fields, others).(map[string]any)
	return withoutServerFields(part), fields
}

// abandoning is what was applied of a value, what is desired of it, and the fields
// of it that client-side apply owns.
type abandoning struct {
	applied, desired any
	fields           map[string]any
}

// of returns what remains of a value, nil when nothing does.
func (a abandoning) of(value any) any {
	if a.applied == nil || isWhole(a.fields) && a.desired != nil {
		return value
	}
	rest, size := value, 0
	switch v := value.(type) {
	case map[string]any:
		if !isWhole(a.fields) {
			part := a.ofMap(v)
			rest, size = part, len(part)
		}
	case []any:
		if !isWhole(a.fields) {
			part := a.ofList(v)
			rest, size = part, len(part)
		}
	}
	if size == 0 && a.desired == nil {
		return nil
	}
	return rest
}

func (a abandoning) ofMap(content map[string]any) map[string]any {
	applied, _ := a.applied.(map[string]any)
	desired, _ := a.desired.(map[string]any)
	rest := make(map[string]any, len(content))
	for key, value := range content {
		below, _ := a.fields["f:"+key].(map[string]any)
		if left := (abandoning{applied[key], desired[key], below}).of(value); left != nil {
			rest[key] = left
		}
	}
	return rest
}

// ofList tells items apart by what the fields say identifies them. One goes as a
// whole.
func (a abandoning) ofList(list []any) []any {
	applied, _ := a.applied.([]any)
	desired, _ := a.desired.([]any)
	identify := identityOf(applied, list, a.fields)
	if identify == nil {
		return list
	}
	find := func(among []any, identity string) any {
		for _, item := range among {
			if identify(item) == identity {
				return item
			}
		}
		return nil
	}
	rest := []any{}
	for i, item := range list {
		below, _ := fieldsOfItem(item, i, a.fields)
		one := abandoning{find(applied, identify(item)), find(desired, identify(item)), below}
		switch left := one.of(item); {
		case one.applied == nil:
			rest = append(rest, item)
		case one.desired != nil && left != nil:
			rest = append(rest, left)
		}
	}
	return rest
}

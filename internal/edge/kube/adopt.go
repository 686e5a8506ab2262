package kube

import (
	"context"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/managed"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
	"github.com/syncline-io/syncline/internal/edge/kube/merge"
)

// adopt makes the fields that an object declares those of its field manager, as the
// API server says in a dry-run which these are, and no longer those of who held them
// for it. What is not declared stays with whom it is. The apply that follows changes
// the values. It is tried as often as others change the object meanwhile.
func (c *Client) adopt(ctx context.Context, w syncline.Write) error {
	return contended(func() error { return c.adoptOnce(ctx, w) })
}

func (c *Client) adoptOnce(ctx context.Context, w syncline.Write) error {
	const doing = "adoption"
	live, objects, err := c.planned(ctx, w, doing)
	if err != nil {
		return err
	}
	after, err := c.apply(ctx, w.Object, applying{options: w.Options, uid: w.UID, dryRun: true})
	if err != nil {
		return err
	}
	now := live.Reveal()
	owners := managed.Entries(now)
	forgotten := len(owners) == 0
	if forgotten && !w.Merged.IsZero() {
		owners = othersOf(w.Merged.Reveal(), c.takenOver(w.Object.Manager()))
	}
	entries, differ := adopted(owners, managed.Entries(after.Reveal()), w.Object.Manager(), c.yields)
	if !differ && !forgotten {
		return nil
	}
	patch, err := managersPatch(now, entries)
	if err != nil {
		return failure.Of(w.Ref, doing, syncline.Errorf(syncline.Invalid, "%w", err))
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	_, err = objects.Patch(ctx, w.Ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: w.Object.Manager()})
	return failure.Of(w.Ref, doing, err)
}

// managersPatch returns the JSON patch that changes whose the fields of an object
// are. Like that of csaupgrade, it is a Conflict when the object changed meanwhile.
func managersPatch(live *unstructured.Unstructured, entries []any) ([]byte, error) {
	return json.Marshal([]map[string]any{
		{"op": "add", "path": "/metadata/managedFields", "value": entries},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
}

// adopted returns the managedFields that an object gets: those that it has now, with
// what its manager would own after an apply, as told by the entries after that, and
// whether that differs.
func adopted(
	now, after []map[string]any, manager string, yields func(entry map[string]any, manager string) bool,
) (entries []any, differ bool) {
	ours := entryOf(after, manager)
	fields, _ := ours["fieldsV1"].(map[string]any)
	for _, entry := range now {
		if yields(entry, manager) && entry["apiVersion"] == ours["apiVersion"] {
			held, _ := entry["fieldsV1"].(map[string]any)
			left := merge.Without(held, fields)
			differ = true
			if len(left) == 0 {
				continue
			}
			entry["fieldsV1"] = left
		}
		entries = append(entries, entry)
	}
	if ours != nil && (len(now) == 0 || differ && entryOf(now, manager) == nil) {
		// Of an object without entries, an apply would give all that is there to nobody.
		entries, differ = append(entries, ours), true
	}
	return entries, differ
}

// othersOf returns the managedFields of an object but those that are ours, and those
// in another version, in which the API server could not tell whose the fields are.
func othersOf(live *unstructured.Unstructured, ours sets.Set[string]) []map[string]any {
	return slices.DeleteFunc(managed.Entries(live), func(entry map[string]any) bool {
		manager, _ := entry["manager"].(string)
		return ours.Has(manager) || entry["apiVersion"] != live.GetAPIVersion()
	})
}

// yields reports whether who wrote an entry holds fields for a manager that adopts
// them. Who wrote the mark that says whose an object is put back or copied what was
// ours. What Apps want of a namespace was once applied under the manager of their
// dialect, where the namespace is nobody's manifest.
func (c *Client) yields(entry map[string]any, manager string) bool {
	for _, dialect := range c.dialects {
		if dialect.Manager == manager {
			return entry["manager"] != manager && entry["subresource"] == nil && owns(entry, dialect.Ownership.Proof())
		}
	}
	return slices.ContainsFunc(c.dialects, func(dialect *syncline.Dialect) bool {
		return isApply(entry, dialect.Manager) && !owns(entry, dialect.Ownership.Proof())
	})
}

func owns(entry map[string]any, path []string) bool {
	fields, _ := entry["fieldsV1"].(map[string]any)
	return managed.Has(fields, path)
}

// isApply reports whether an entry is of what a manager applied.
func isApply(entry map[string]any, manager string) bool {
	return entry["manager"] == manager && entry["operation"] == string(metav1.ManagedFieldsOperationApply) && entry["subresource"] == nil
}

// entryOf returns what a manager applied, nil when it applied nothing.
func entryOf(entries []map[string]any, manager string) map[string]any {
	for _, entry := range entries {
		if isApply(entry, manager) {
			return entry
		}
	}
	return nil
}

package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"k8s.io/client-go/util/retry"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/managed"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
	"github.com/syncline-io/syncline/internal/edge/kube/merge"
)

// merges is how often a merge is tried, each time without what the API server
// refused in the one before.
const merges = 4

// contended does again what others got in the way of, who change the object at the
// same moment: a controller does so several times in a row when one was made. It
// waits 10 ms first, then longer each time, 1.6 s in all.
func contended(do func() error) error {
	patience := retry.DefaultBackoff
	patience.Steps++
	return retry.OnError(patience, func(err error) bool { return syncline.KindOf(err) == syncline.Conflict }, do)
}

// Merge returns the three-way merge of an object with the live one, which is in
// the state that it is meant for, and what the API server would make of it. It is
// for what an apply refuses and client-side apply does not: an apply can neither
// remove a default beside which the desired field may not stand, nor rename what
// somebody renumbered, nor hold a name twice. Nothing is written. An Invalid error
// says that the merge would be refused too.
func (c *Client) Merge(
	ctx context.Context, object, live syncline.Object, options option.List,
) (merged, after syncline.Object, err error) {
	m := merge.New(object.Reveal(), live.Reveal(), c.takenOver(object.Manager()))
	for range merges {
		if merged, err = syncline.NewObject(m.Content(), object.Origin()); err != nil {
			return syncline.Object{}, syncline.Object{}, failure.Of(object.Ref(), "merge", err)
		}
		after, err = c.put(ctx, putting{merged.Reveal(), object.Manager(), options, true})
		if err == nil {
			return merged, after, nil
		}
		if !m.Yield(failure.Causes(err)) {
			break
		}
	}
	return syncline.Object{}, syncline.Object{}, failure.Of(object.Ref(), "dry-run merge", err)
}

// merge puts the merged object in place of the live one, and applies the desired
// one over it, which changes no more than who owns the fields. Where an item is
// declared repeatedly it cannot be applied, and stays as it was put. Once it is put,
// the end of ctx does not stop it.
//
// Where others applied in a version that the object does not fit, the API server
// forgets who owns its fields when it is put. It is said again then.
func (c *Client) merge(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	put, err := c.put(ctx, putting{w.Merged.Reveal(), w.Object.Manager(), w.Options, false})
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, "merge", err)
	}
	ctx = context.WithoutCancel(ctx)
	if len(managed.Entries(put.Reveal())) == 0 {
		err = c.adopt(ctx, w)
	}
	if err == nil {
		_, err = c.apply(ctx, w.Object, applying{options: w.Options, uid: w.UID})
	}
	if err != nil && !failure.IsUnfit(err) {
		return syncline.Object{}, err
	}
	return c.claim(ctx, w)
}

// createRepeated creates an object that declares an item of a list repeatedly,
// which cannot be applied.
func (c *Client) createRepeated(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	made, err := c.run(ctx, w)
	if err != nil {
		return syncline.Object{}, err
	}
	w.UID = made.Reveal().GetUID()
	return c.claim(ctx, w)
}

// claim makes those fields ours, as if they had been applied, that were put or
// applied client-side and that are declared.
func (c *Client) claim(ctx context.Context, w syncline.Write) (after syncline.Object, err error) {
	err = contended(func() error {
		after, err = c.claimOnce(ctx, w)
		return err
	})
	return after, err
}

func (c *Client) claimOnce(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	const doing = "claim of its fields"
	live, objects, err := c.planned(ctx, w, doing)
	if err != nil {
		return syncline.Object{}, err
	}
	now, claimed := live.Reveal(), c.takenOver(w.Object.Manager())
	narrow(now, w.Object.Reveal().Object, claimed)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(now, claimed, w.Object.Manager())
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, doing, syncline.Errorf(syncline.Invalid, "%w", err))
	}
	if patch == nil {
		return live, nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	after, err := objects.Patch(ctx, w.Ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: w.Object.Manager()})
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, doing, err)
	}
	return taken(after)
}

// narrow leaves the managers whose fields are claimed with those that are declared.
func narrow(live *unstructured.Unstructured, desired map[string]any, claimed sets.Set[string]) {
	entries, _, _ := unstructured.NestedFieldNoCopy(live.Object, "metadata", "managedFields")
	list, _ := entries.([]any)
	for _, item := range list {
		entry, _ := item.(map[string]any)
		manager, _ := entry["manager"].(string)
		owned, ok := entry["fieldsV1"].(map[string]any)
		if ok && entry["subresource"] == nil && entry["operation"] == string(metav1.ManagedFieldsOperationUpdate) && claimed.Has(manager) {
			entry["fieldsV1"] = merge.Declared(owned, desired)
		}
	}
}

// putting says how an object is put in place of the live one.
type putting struct {
	content *unstructured.Unstructured
	manager string
	options option.List
	dryRun  bool
}

// put puts an object in place of the live one, which has to be in the state that
// the object names. The error is that of the client.
func (c *Client) put(ctx context.Context, p putting) (syncline.Object, error) {
	content := p.content
	ref := syncline.Ref{
		Group: content.GroupVersionKind().Group, Kind: content.GetKind(), Namespace: content.GetNamespace(), Name: content.GetName(),
	}
	objects, err := c.objects(ctx, ref, content.GroupVersionKind().Version)
	if err != nil {
		return syncline.Object{}, err
	}
	update := metav1.UpdateOptions{FieldManager: p.manager, FieldValidation: validation(p.options)}
	if p.dryRun {
		update.DryRun = []string{metav1.DryRunAll}
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	after, err := objects.Update(ctx, content, update)
	if err != nil {
		return syncline.Object{}, err
	}
	return taken(after)
}

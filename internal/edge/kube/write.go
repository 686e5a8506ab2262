package kube

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// Write performs one write. It returns the object as it is afterwards, or a
// zero Object when it is gone. Every write but Create and Run names the UID
// that was planned, and is a Conflict error when another object has the name.
//
// Create applies as Update does, instead of failing when there is an object:
// when the answer to a creation was lost, the repeated one has to succeed, and
// only an apply makes our manager own the fields. What somebody else created
// meanwhile is taken over, as an Update would have done.
//
// Nothing is waited for. A Create or Recreate that meets an object which is
// being deleted returns a Waiting error; the event of its end is when to try
// again. A Prune returns the object while its finalizers hold it.
func (c *Client) Write(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	if w.UID == "" && w.Action != syncline.Create && w.Action != syncline.Run {
		return syncline.Object{}, syncline.Errorf(syncline.Internal, "%s %s: no UID was planned", w.Action, w.Ref)
	}
	switch w.Action {
	case syncline.Create:
		return c.create(ctx, w)
	case syncline.Update:
		return c.update(ctx, w)
	case syncline.Replace:
		return c.replace(ctx, w)
	case syncline.Recreate:
		return c.recreate(ctx, w)
	case syncline.Run:
		return c.run(ctx, w)
	case syncline.Prune:
		return c.remove(ctx, w)
	case syncline.Unhold:
		return c.unhold(ctx, w)
	default:
		return syncline.Object{}, syncline.Errorf(syncline.Internal, "%s %s: this action writes nothing", w.Action, w.Ref)
	}
}

func (c *Client) create(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	live, err := c.apply(ctx, w.Object, applying{options: w.Options})
	if failure.IsRepeated(err) {
		return c.createRepeated(ctx, w)
	}
	if err == nil && live.Reveal().GetDeletionTimestamp() != nil {
		return live, stillThere(live)
	}
	return live, err
}

func (c *Client) update(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	if !w.Merged.IsZero() {
		return c.merge(ctx, w)
	}
	if w.Migrate {
		if err := c.migrate(ctx, w); err != nil {
			return syncline.Object{}, err
		}
	}
	if w.Adopt {
		if err := c.adopt(ctx, w); err != nil {
			return syncline.Object{}, err
		}
	}
	return c.apply(ctx, w.Object, applying{options: w.Options, uid: w.UID})
}

// run creates a hook's object, and never changes one that is there, but for that
// of an earlier run which was planned to be applied over.
func (c *Client) run(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	if w.UID != "" {
		return c.update(ctx, w)
	}
	objects, err := c.objects(ctx, w.Object.Ref(), w.Object.GroupVersionKind().Version)
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, "create", err)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	live, err := objects.Create(ctx, w.Object.Reveal(), metav1.CreateOptions{
		FieldManager: w.Object.Manager(), FieldValidation: validation(w.Options),
	})
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, "create", err)
	}
	return taken(live)
}

// replace puts the object in place of the planned one. The finalizers and
// owners that others gave the live object stay: without them it would lose the
// protection that it has.
func (c *Client) replace(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	live, _, err := c.planned(ctx, w, "replace")
	if err != nil {
		return syncline.Object{}, err
	}
	after, err := c.put(ctx, putting{replacing(w.Object, live), w.Object.Manager(), w.Options, false})
	return after, failure.Of(w.Ref, "replace", err)
}

// DryRunReplace returns what Replace would make of the live object, without
// writing.
func (c *Client) DryRunReplace(ctx context.Context, object, live syncline.Object, options option.List) (syncline.Object, error) {
	after, err := c.put(ctx, putting{replacing(object, live), object.Manager(), options, true})
	return after, failure.Of(object.Ref(), "dry-run replace", err)
}

// replacing returns what to put in place of the live object.
func replacing(object, live syncline.Object) *unstructured.Unstructured {
	content, now := object.Reveal(), live.Reveal()
	content.SetUID(now.GetUID())
	content.SetResourceVersion(now.GetResourceVersion())
	if content.GetFinalizers() == nil {
		content.SetFinalizers(now.GetFinalizers())
	}
	if content.GetOwnerReferences() == nil {
		content.SetOwnerReferences(now.GetOwnerReferences())
	}
	return content
}

// stillThere says that an object has to go before a new one can be made.
func stillThere(live syncline.Object) error {
	held := ""
	if finalizers := live.Reveal().GetFinalizers(); len(finalizers) > 0 {
		held = " and waits for the finalizers " + strings.Join(finalizers, ", ")
	}
	return syncline.Errorf(syncline.Waiting, "%s is being deleted%s; it is created again when it is gone", live.Ref(), held)
}

// mostChanges is how often an object may change between being read and deleted. One
// that changes all the time is left to the next turn.
const mostChanges = 5

// remove deletes the planned object, as it is read now and if it is whose it was
// when that was planned. It asks once: an object that is being deleted already is
// returned as it is.
func (c *Client) remove(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	for tries := 1; ; tries++ {
		found, objects, err := c.planned(ctx, w, "delete")
		switch {
		case syncline.KindOf(err) == syncline.NotFound && failure.IsGone(err):
			return syncline.Object{}, nil
		case err != nil || found.Reveal().GetDeletionTimestamp() != nil:
			return found, err
		}
		if now := live.SteeringOf(found.Reveal(), c.dialects); now != w.Steering {
			return syncline.Object{}, failure.Of(w.Ref, "delete", syncline.Errorf(syncline.Conflict,
				"what its annotations say of whose it is and of what may be done with it changed since the plan was made"))
		}
		left, err := c.delete(ctx, w, found.Reveal().GetResourceVersion(), objects, propagation(w.Options))
		if syncline.KindOf(err) != syncline.Conflict || tries == mostChanges {
			return left, err
		}
	}
}

// delete asks for the deletion of the planned object, and returns what is left. One
// that has another version than the given one is a Conflict error; "" is any.
func (c *Client) delete(
	ctx context.Context, w syncline.Write, version string, objects dynamic.ResourceInterface, propagation metav1.DeletionPropagation,
) (syncline.Object, error) {
	bounded, cancel := c.bounded(ctx)
	defer cancel()
	expected := metav1.Preconditions{UID: &w.UID}
	if version != "" {
		expected.ResourceVersion = &version
	}
	err := objects.Delete(bounded, w.Ref.Name, metav1.DeleteOptions{Preconditions: &expected, PropagationPolicy: &propagation})
	if err != nil && !failure.IsGone(err) {
		return syncline.Object{}, failure.Of(w.Ref, "delete", err)
	}
	return c.afterDeletion(ctx, w, objects)
}

// afterDeletion returns what is left of a deleted object. That another one has
// its name by now means that nothing is.
func (c *Client) afterDeletion(ctx context.Context, w syncline.Write, objects dynamic.ResourceInterface) (syncline.Object, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	left, err := objects.Get(ctx, w.Ref.Name, metav1.GetOptions{})
	switch {
	case err != nil && failure.IsGone(err):
		return syncline.Object{}, nil
	case err != nil:
		return syncline.Object{}, failure.Of(w.Ref, "read after deletion", err)
	case left.GetUID() != w.UID:
		return syncline.Object{}, nil
	}
	return taken(left)
}

// propagation is what becomes of the objects that a deleted one owns.
func propagation(options option.List) metav1.DeletionPropagation {
	switch options.Value("PrunePropagationPolicy") {
	case "background":
		return metav1.DeletePropagationBackground
	case "orphan":
		return metav1.DeletePropagationOrphan
	default:
		return metav1.DeletePropagationForeground
	}
}

// planned reads the live object, and is a Conflict error if it is not the one
// that was planned against.
func (c *Client) planned(ctx context.Context, w syncline.Write, doing string) (syncline.Object, dynamic.ResourceInterface, error) {
	objects, err := c.objects(ctx, w.Ref, w.Version)
	if err != nil {
		return syncline.Object{}, nil, failure.Of(w.Ref, doing, err)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	live, err := objects.Get(ctx, w.Ref.Name, metav1.GetOptions{})
	if err != nil {
		return syncline.Object{}, nil, failure.Of(w.Ref, doing, err)
	}
	if live.GetUID() != w.UID {
		return syncline.Object{}, nil, failure.Of(w.Ref, doing, syncline.Errorf(syncline.Conflict,
			"the object was created anew since the plan was made: its UID is %s, not %s", live.GetUID(), w.UID))
	}
	object, err := taken(live)
	return object, objects, err
}

// takenOver are the managers whose updates a Write with Migrate takes over for a manager;
// see [syncline.Dialect.TakesOver].
func (c *Client) takenOver(manager string) sets.Set[string] {
	all := sets.New(syncline.KubectlManager, manager)
	for _, dialect := range c.dialects {
		if dialect.Manager == manager {
			all.Insert(dialect.Former...)
		}
	}
	return all
}

// migrate gives the fields of client-side apply to our manager, so that the
// apply that follows removes those that are no longer desired. Like that, it
// fails when the object changed since it was read.
func (c *Client) migrate(ctx context.Context, w syncline.Write) error {
	live, objects, err := c.planned(ctx, w, "migration from client-side apply")
	if err != nil {
		return err
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live.Reveal(), c.takenOver(w.Object.Manager()), w.Object.Manager())
	if err != nil {
		return failure.Of(w.Ref, "migration from client-side apply", syncline.Errorf(syncline.Invalid, "%w", err))
	}
	if patch == nil {
		return nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	_, err = objects.Patch(ctx, w.Ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: w.Object.Manager()})
	return failure.Of(w.Ref, "migration from client-side apply", err)
}

// unhold removes the hook finalizer, if it is there. The patch fails as a
// Conflict when the finalizers or the object changed since they were read.
func (c *Client) unhold(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	live, objects, err := c.planned(ctx, w, "unhold")
	if err != nil {
		if failure.IsGone(err) {
			return syncline.Object{}, nil
		}
		return syncline.Object{}, err
	}
	now := live.Reveal()
	finalizers := slices.DeleteFunc(now.GetFinalizers(), func(f string) bool { return f == syncline.FinalizerHook })
	if len(finalizers) == len(now.GetFinalizers()) {
		return live, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": w.UID, "resourceVersion": now.GetResourceVersion(), "finalizers": finalizers,
	}})
	if err != nil {
		return syncline.Object{}, failure.Of(w.Ref, "unhold", err)
	}
	bounded, cancel := c.bounded(ctx)
	defer cancel()
	after, err := objects.Patch(bounded, w.Ref.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: syncline.FieldManager})
	switch {
	case err != nil && failure.IsGone(err):
		return syncline.Object{}, nil
	case err != nil:
		return syncline.Object{}, failure.Of(w.Ref, "unhold", err)
	}
	if after.GetDeletionTimestamp() != nil && len(after.GetFinalizers()) == 0 {
		return syncline.Object{}, nil
	}
	return taken(after)
}

package kube

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/managed"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
)

// Rehearse returns nil when the API server would create the object, were the
// live one of its name gone. It asks for the creation by a dry-run under the
// very name: an object is admitted, defaulted and validated before its name is
// looked up, so that "already exists" is the answer to one which has nothing
// else against it. What only an apply is refused for, such as a list with two items
// of one key, is found out by an apply under another name.
func (c *Client) Rehearse(ctx context.Context, object, live syncline.Object, options option.List) error {
	ref := object.Ref()
	objects, err := c.objects(ctx, ref, object.GroupVersionKind().Version)
	if err != nil {
		return failure.Of(ref, "rehearsal of its creation", err)
	}
	content := object.Reveal()
	withoutAllocated(content.Object, live.Reveal().Object)
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	_, err = objects.Create(ctx, content, metav1.CreateOptions{
		FieldManager: object.Manager(), FieldValidation: validation(options), DryRun: []string{metav1.DryRunAll},
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return failure.Of(ref, "rehearsal of its creation", err)
	}
	_, err = c.apply(ctx, object.WithName(ref.Name+"-rehearsal"), applying{options: options, dryRun: true})
	if kind, _ := failure.Classify(err); failure.IsAnswer(err) && !failure.IsUnfit(err) && kind != syncline.Transient {
		return nil // the other name is to blame
	}
	return err
}

// withoutAllocated removes from a Service the addresses and ports that the live
// one holds: they are free when that is gone, and taken until then.
func withoutAllocated(content, live map[string]any) {
	if content["kind"] != "Service" || content["apiVersion"] != "v1" {
		return
	}
	spec, _ := content["spec"].(map[string]any)
	held, _ := live["spec"].(map[string]any)
	for _, field := range []string{"clusterIP", "clusterIPs", "healthCheckNodePort"} {
		if reflect.DeepEqual(spec[field], held[field]) {
			delete(spec, field)
		}
	}
	taken := map[any]bool{}
	for _, port := range itemsOf(held["ports"]) {
		taken[port["nodePort"]] = true
	}
	for _, port := range itemsOf(spec["ports"]) {
		if taken[port["nodePort"]] {
			delete(port, "nodePort")
		}
	}
}

// itemsOf returns the maps in a list.
func itemsOf(value any) []map[string]any {
	list, _ := value.([]any)
	var items []map[string]any
	for _, item := range list {
		if content, ok := item.(map[string]any); ok {
			items = append(items, content)
		}
	}
	return items
}

// recreatable reports whether an object may be deleted to be created anew. Not
// one that takes others with it, nor one that holds data: neither comes back.
func recreatable(ref syncline.Ref) bool {
	switch ref.GroupKind().String() {
	case "Namespace", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition.apiextensions.k8s.io":
		return false
	}
	return true
}

// recreate deletes the planned object, when the creation of the desired one was
// rehearsed and nothing is against it, and creates that when the old one is
// gone. Should it be refused all the same, the old one is put back. From the
// deletion on, the end of ctx does not stop it. What the object owns is deleted
// in the background, so that there is no more than a moment in between.
func (c *Client) recreate(ctx context.Context, w syncline.Write) (syncline.Object, error) {
	if !recreatable(w.Ref) {
		return syncline.Object{}, syncline.Errorf(syncline.Denied, "%s is not recreated: what is in it would be deleted", w.Ref)
	}
	old, objects, err := c.planned(ctx, w, "recreation")
	switch {
	case syncline.KindOf(err) == syncline.NotFound && failure.IsGone(err):
		return c.create(ctx, w)
	case err != nil:
		return syncline.Object{}, err
	case old.Reveal().GetDeletionTimestamp() != nil:
		return old, stillThere(old)
	}
	if err := c.Rehearse(ctx, w.Object, old, w.Options); err != nil {
		return syncline.Object{}, err
	}
	ctx = context.WithoutCancel(ctx)
	left, err := c.delete(ctx, w, "", objects, metav1.DeletePropagationBackground)
	if err != nil {
		return syncline.Object{}, err
	}
	if !left.IsZero() {
		return left, stillThere(left)
	}
	created, err := c.create(ctx, w)
	switch syncline.KindOf(err) {
	case "", syncline.Waiting, syncline.Conflict:
		return created, err
	}
	return c.putBack(ctx, w, old, err)
}

// putBack creates the object that was deleted for another, which was refused.
func (c *Client) putBack(ctx context.Context, w syncline.Write, old syncline.Object, cause error) (syncline.Object, error) {
	objects, err := c.objects(ctx, w.Ref, old.GroupVersionKind().Version)
	if err != nil {
		return syncline.Object{}, lost(w.Ref, cause, err)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	back, err := objects.Create(ctx, asBefore(old), metav1.CreateOptions{FieldManager: restorer})
	switch {
	case apierrors.IsAlreadyExists(err): // it was created after all, or by somebody else
		return syncline.Object{}, cause
	case err != nil:
		return syncline.Object{}, lost(w.Ref, cause, failure.Of(w.Ref, "create", err))
	}
	back = c.giveBack(ctx, w.Ref, objects, back, managed.Entries(old.Reveal()))
	object, err := taken(back)
	if err != nil {
		return syncline.Object{}, lost(w.Ref, cause, err)
	}
	return object, &syncline.Error{
		Kind: syncline.KindOf(cause), Hint: syncline.HintOf(cause),
		Err: fmt.Errorf("%w; the old object was deleted for it and put back", cause),
	}
}

// restorer is under which a deleted object is put back: under the name of nobody whose
// fields are ever removed. Who creates an object owns all of it until the fields are
// given back; should that fail, the object is taken over as one from a backup.
const restorer = fieldmanager.Restore

// giveBack makes the fields of an object that was put back those of whose they were,
// as often as somebody changes it meanwhile, and returns the object as it is then.
func (c *Client) giveBack(
	ctx context.Context, ref syncline.Ref, objects dynamic.ResourceInterface, back *unstructured.Unstructured, owners []map[string]any,
) *unstructured.Unstructured {
	_ = contended(func() error {
		patch, err := managersPatch(back, restored(owners, managed.Entries(back)))
		if err != nil {
			return err
		}
		after, err := objects.Patch(ctx, back.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: restorer})
		if err == nil {
			back = after
			return nil
		}
		now, readErr := objects.Get(ctx, back.GetName(), metav1.GetOptions{})
		if readErr != nil || now.GetUID() != back.GetUID() {
			return readErr
		}
		back = now
		return failure.Of(ref, "return of its fields", err)
	}) // where it fails, the object is taken over as one from a backup
	return back
}

// restored returns the managedFields of an object that was put back: those that it
// had, but for its status, and what others wrote since.
func restored(before, now []map[string]any) []any {
	entries := []any{}
	known := map[[4]any]bool{}
	for _, entry := range before {
		if entry["subresource"] != "status" {
			entries = append(entries, entry)
			known[writerOf(entry)] = true
		}
	}
	for _, entry := range now {
		if entry["manager"] != restorer && !known[writerOf(entry)] {
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return []any{map[string]any{}} // which is how one says that there are none
	}
	return entries
}

// writerOf is what tells entries of managedFields apart.
func writerOf(entry map[string]any) [4]any {
	return [4]any{entry["manager"], entry["operation"], entry["apiVersion"], entry["subresource"]}
}

// lost says that an object was deleted for another, that this was refused, and
// that it could not be put back.
func lost(ref syncline.Ref, cause, err error) error {
	return &syncline.Error{
		Kind: syncline.KindOf(cause), Hint: "create " + ref.String() + " by a sync as soon as it is accepted",
		Err: fmt.Errorf("%w; the old object was deleted for it and could not be put back: %w", cause, err),
	}
}

// asBefore returns what to create so that a deleted object is there again,
// without what the API server sets.
func asBefore(old syncline.Object) *unstructured.Unstructured {
	content := old.Reveal()
	for _, field := range []string{
		"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid",
	} {
		unstructured.RemoveNestedField(content.Object, "metadata", field)
	}
	delete(content.Object, "status")
	if content.GroupVersionKind().GroupKind().String() == "Job.batch" {
		withoutGeneratedSelector(content.Object)
	}
	return content
}

// withoutGeneratedSelector removes the selector of a Job that the API server
// generated from the UID: it accepts none but its own.
func withoutGeneratedSelector(job map[string]any) {
	if manual, _, _ := unstructured.NestedBool(job, "spec", "manualSelector"); manual {
		return
	}
	unstructured.RemoveNestedField(job, "spec", "selector")
	for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid"} {
		unstructured.RemoveNestedField(job, "spec", "template", "metadata", "labels", label)
		unstructured.RemoveNestedField(job, "metadata", "labels", label)
	}
}

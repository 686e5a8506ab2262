package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
)

// Get returns the live object as it is now: the answer is not from a cache of
// the API server. With an empty version it is the preferred one of its kind.
// The error is NotFound when there is no such object or kind.
func (c *Client) Get(ctx context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	objects, err := c.objects(ctx, ref, version)
	if err != nil {
		return syncline.Object{}, failure.Of(ref, "read", err)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	live, err := objects.Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return syncline.Object{}, failure.Of(ref, "read", err)
	}
	return taken(live)
}

// DryRun returns what applying the object would make of the live one, without
// writing. The API server admits, defaults and validates as it would for real.
// Of the options, Validate=false counts, which an apply honours only as far as
// the API server does: a field that the kind does not have is always refused.
func (c *Client) DryRun(ctx context.Context, object syncline.Object, options option.List) (syncline.Object, error) {
	return c.apply(ctx, object, applying{options: options, dryRun: true})
}

// applying says how an object is applied.
type applying struct {
	options option.List
	dryRun  bool
	// uid, when set, refuses to apply to an object of another UID, or to none.
	uid types.UID
}

// apply applies an object server-side, as its field manager, taking over fields
// that others own.
func (c *Client) apply(ctx context.Context, object syncline.Object, how applying) (syncline.Object, error) {
	ref := object.Ref()
	doing := "apply"
	if how.dryRun {
		doing = "dry-run apply"
	}
	objects, err := c.objects(ctx, ref, object.GroupVersionKind().Version)
	if err != nil {
		return syncline.Object{}, failure.Of(ref, doing, err)
	}
	content := object.Reveal()
	if how.uid != "" {
		content.SetUID(how.uid)
	}
	text, err := content.MarshalJSON()
	if err != nil {
		return syncline.Object{}, failure.Of(ref, doing, syncline.Errorf(syncline.Invalid, "write as JSON: %w", err))
	}
	force := true
	patch := metav1.PatchOptions{FieldManager: object.Manager(), Force: &force, FieldValidation: validation(how.options)}
	if how.dryRun {
		patch.DryRun = []string{metav1.DryRunAll}
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	live, err := objects.Patch(ctx, ref.Name, types.ApplyPatchType, text, patch)
	if err != nil {
		return syncline.Object{}, failure.Of(ref, doing, err)
	}
	return taken(live)
}

// validation is how strictly the API server looks for unknown fields.
func validation(options option.List) string {
	if options.Has("Validate=false") {
		return metav1.FieldValidationIgnore
	}
	return metav1.FieldValidationStrict
}

// objects returns how to reach the objects of ref's kind, in ref's namespace
// where the kind has namespaces. Whether ref has a namespace is the scope that
// was permitted: an object that was judged within a namespace is not reached
// beyond it when its kind has become one of the whole cluster.
func (c *Client) objects(ctx context.Context, ref syncline.Ref, version string) (dynamic.ResourceInterface, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	r, err := c.kinds.Find(ctx, schema.GroupVersionKind{Group: ref.Group, Version: version, Kind: ref.Kind})
	if err != nil {
		return nil, err
	}
	all := c.dynamic.Resource(r.Path)
	switch {
	case r.Scope == syncline.ClusterScoped && ref.Namespace != "":
		return nil, syncline.Errorf(syncline.Conflict, "the kind has no namespaces any more: it was in namespace %s when this was decided", ref.Namespace)
	case r.Scope == syncline.ClusterScoped:
		return all, nil
	case ref.Namespace == "":
		return nil, syncline.Errorf(syncline.Invalid, "metadata.namespace is missing, and the kind has namespaces")
	}
	return all.Namespace(ref.Namespace), nil
}

// taken makes an Object of an answer.
func taken(live *unstructured.Unstructured) (syncline.Object, error) {
	return syncline.NewObject(live.Object, "the cluster")
}

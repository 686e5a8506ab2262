package enginetest

import (
	"context"
	"reflect"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Write performs one write, with the answers of internal/edge/kube.
func (c *Cluster) Write(_ context.Context, w syncline.Write) (syncline.Object, error) {
	request := Request{Verb: Verb(w.Action), Ref: w.Ref, Object: w.Object, Write: w}
	if err := c.note(request); err != nil {
		return syncline.Object{}, err
	}
	after, err := c.write(w)
	if c.After != nil {
		c.After(request)
	}
	return after, err
}

func (c *Cluster) write(w syncline.Write) (syncline.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.check(w); err != nil {
		return syncline.Object{}, err
	}
	switch w.Action {
	case syncline.Create, syncline.Update:
		return c.apply(w)
	case syncline.Replace:
		return c.replace(w)
	case syncline.Run:
		if w.UID != "" {
			return c.apply(w)
		}
		return c.put(runtime.DeepCopyJSON(w.Object.Reveal().Object), w.Object.Manager()).managed(), nil
	case syncline.Recreate:
		if left := c.remove(w.Ref); !left.IsZero() {
			return left, waiting(w.Ref)
		}
		w.UID = ""
		return c.apply(w)
	case syncline.Prune:
		return c.remove(w.Ref), nil
	case syncline.Unhold:
		return c.unhold(w.Ref), nil
	}
	return syncline.Object{}, syncline.Errorf(syncline.Internal, "%s is no write", w.Action)
}

// check refuses what the real writer refuses.
func (c *Cluster) check(w syncline.Write) error {
	makes := makes(w)
	if w.UID == "" && !makes {
		return syncline.Errorf(syncline.Internal, "%s %s: no UID was planned", w.Action, w.Ref)
	}
	if err := c.reach(w.Ref, w.Version); err != nil {
		return err
	}
	switch live, exists := c.objects[w.Ref]; {
	case makes && exists:
		return checkMade(w, live.meta().GetDeletionTimestamp() != nil)
	case makes:
		return c.checkNamespace(w.Ref)
	case w.Action == syncline.Recreate && w.Ref.Contains() != syncline.Container{}:
		return syncline.Errorf(syncline.Denied, "%s is not recreated: what is in it would be deleted", w.Ref)
	case !exists:
		return checkGone(w)
	default:
		return c.checkState(w, live)
	}
}

// makes reports whether a write is for an object that is not there.
func makes(w syncline.Write) bool {
	return w.Action == syncline.Create || w.Action == syncline.Run && w.UID == ""
}

// reach says why no object of that place can be asked for.
func (c *Cluster) reach(ref syncline.Ref, version string) error {
	if err := ref.Check(); err != nil {
		return err
	}
	scope, known := c.kinds[ref.GroupKind()]
	if versions := c.versions[ref.GroupKind()]; versions != nil && version != "" && !slices.Contains(versions, version) {
		return syncline.Errorf(syncline.NotFound, "the cluster has no kind %s in version %s", ref.GroupKind(), version)
	}
	switch {
	case !known:
		return syncline.Errorf(syncline.NotFound, "the cluster has no kind %s", ref.GroupKind())
	case scope == syncline.ClusterScoped && ref.Namespace != "":
		return syncline.Errorf(syncline.Conflict, "%s: the kind has no namespaces any more", ref)
	case scope == syncline.Namespaced && ref.Namespace == "":
		return syncline.Errorf(syncline.Invalid, "%s: metadata.namespace is missing, and the kind has namespaces", ref)
	}
	return nil
}

// checkGone says whether an object may be written that is not there any more.
func checkGone(w syncline.Write) error {
	looks := w.Migrate || w.Adopt || !w.Merged.IsZero()
	switch w.Action {
	case syncline.Replace:
		return syncline.Errorf(syncline.NotFound, "%s is gone", w.Ref)
	case syncline.Update, syncline.Run:
		if looks {
			return syncline.Errorf(syncline.NotFound, "%s is gone", w.Ref)
		}
		return syncline.Errorf(syncline.Conflict, "%s is gone", w.Ref)
	}
	return nil
}

// checkState says whether an object is still the one, and as it was, when the write
// was planned.
func (c *Cluster) checkState(w syncline.Write, live *object) error {
	state := live.live(c.dialects)
	merged, _ := w.Merged.Field("metadata", "resourceVersion")
	switch {
	case state.UID != w.UID:
		return syncline.Errorf(syncline.Conflict, "%s was created anew", w.Ref)
	case w.Action == syncline.Prune && !state.Terminating && state.Steering() != w.Steering:
		return syncline.Errorf(syncline.Conflict, "%s: its annotations changed since the plan was made", w.Ref)
	case w.Action == syncline.Update && !w.Merged.IsZero() && merged != state.ResourceVersion:
		return syncline.Errorf(syncline.Conflict, "%s changed since the plan was made", w.Ref)
	}
	return nil
}

// checkMade says whether an object may be made where there is one.
func checkMade(w syncline.Write, terminating bool) error {
	switch {
	case w.Action == syncline.Run:
		return syncline.Errorf(syncline.Conflict, "%s exists", w.Ref)
	case terminating:
		return waiting(w.Ref)
	}
	return nil
}

func (c *Cluster) checkNamespace(ref syncline.Ref) error {
	if ref.Namespace == "" {
		return nil
	}
	namespace, ok := c.objects[syncline.Ref{Kind: "Namespace", Name: ref.Namespace}]
	switch {
	case !ok:
		return syncline.Errorf(syncline.NotFound, "namespace %s does not exist", ref.Namespace)
	case namespace.meta().GetDeletionTimestamp() != nil:
		return syncline.Errorf(syncline.Transient, "namespace %s is being deleted", ref.Namespace)
	}
	return nil
}

func waiting(ref syncline.Ref) error {
	return syncline.Errorf(syncline.Waiting, "%s is being deleted", ref)
}

func (c *Cluster) apply(w syncline.Write) (syncline.Object, error) {
	desired := w.Object.Reveal().Object
	return c.alter(w.Ref, func(o *object) {
		o.followed = false
		switch {
		case !w.Merged.IsZero():
			o.update(w.Object.Manager(), inPlace(w.Merged.Reveal()))
		case w.Adopt:
			o.adopt(w.Object.Manager(), desired, c.dialects)
		}
		if w.Migrate || !w.Merged.IsZero() {
			o.migrate(w.Object.Manager(), c.dialects)
		}
		o.apply(w.Object.Manager(), desired)
	})
}

func (c *Cluster) replace(w syncline.Write) (syncline.Object, error) {
	return c.alter(w.Ref, func(o *object) {
		o.update(w.Object.Manager(), inPlace(replacing(w.Object.Reveal(), o.meta())))
	})
}

// alter changes an object, which is made when there is none, if the API server takes
// the change.
func (c *Cluster) alter(ref syncline.Ref, change func(*object)) (syncline.Object, error) {
	before, exists := c.objects[ref]
	after, err := c.altered(ref, change)
	switch {
	case err != nil:
		return syncline.Object{}, err
	case !exists:
		c.add(after)
	default:
		if !reflect.DeepEqual(before.content, after.content) {
			after.meta().SetResourceVersion(c.next())
		}
		c.objects[ref] = after
	}
	return after.managed(), nil
}

// altered returns what a change makes of an object, or of none. The error is Invalid
// when the API server does not take the change.
func (c *Cluster) altered(ref syncline.Ref, change func(*object)) (*object, error) {
	before, exists := c.objects[ref]
	after := &object{content: map[string]any{}, owners: owners{}}
	if exists {
		after = before.copy()
	}
	change(after)
	if c.Default != nil {
		c.Default(after.content)
	}
	if exists && isFrozen(before.content, after.content) {
		return nil, syncline.Errorf(syncline.Invalid, "%s: field is immutable when `immutable` is set", ref)
	}
	return after, nil
}

// isFrozen reports whether a change is one of what says that it cannot be changed.
func isFrozen(before, after map[string]any) bool {
	return before["immutable"] == true &&
		!reflect.DeepEqual([]any{before["data"], before["immutable"]}, []any{after["data"], after["immutable"]})
}

// inPlace is the change to a content, which keeps the identity.
func inPlace(content *unstructured.Unstructured) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		now := u.DeepCopy()
		u.Object = content.DeepCopy().Object
		u.SetUID(now.GetUID())
		u.SetResourceVersion(now.GetResourceVersion())
		u.SetCreationTimestamp(now.GetCreationTimestamp())
		u.SetDeletionTimestamp(now.GetDeletionTimestamp())
		u.SetManagedFields(nil)
	}
}

// replacing returns what to put in place of a live object, which keeps finalizers
// and owners that others gave it.
func replacing(desired, live *unstructured.Unstructured) *unstructured.Unstructured {
	if desired.GetFinalizers() == nil {
		desired.SetFinalizers(live.GetFinalizers())
	}
	if desired.GetOwnerReferences() == nil {
		desired.SetOwnerReferences(live.GetOwnerReferences())
	}
	return desired
}

// remove begins a deletion, and returns what is left.
func (c *Cluster) remove(ref syncline.Ref) syncline.Object {
	o, ok := c.objects[ref]
	if !ok {
		return syncline.Object{}
	}
	if o.meta().GetDeletionTimestamp() == nil {
		now := metav1.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		o.meta().SetDeletionTimestamp(&now)
		o.meta().SetResourceVersion(c.next())
	}
	c.collect(ref)
	if o, ok = c.objects[ref]; ok {
		return o.managed()
	}
	return syncline.Object{}
}

func (c *Cluster) unhold(ref syncline.Ref) syncline.Object {
	o, ok := c.objects[ref]
	if !ok {
		return syncline.Object{}
	}
	if slices.Contains(o.meta().GetFinalizers(), syncline.FinalizerHook) {
		o.meta().SetFinalizers(without(o.meta().GetFinalizers(), syncline.FinalizerHook))
		o.meta().SetResourceVersion(c.next())
	}
	c.collect(ref)
	if o, ok = c.objects[ref]; ok {
		return o.managed()
	}
	return syncline.Object{}
}

// collect ends a deletion that nothing holds any more.
func (c *Cluster) collect(ref syncline.Ref) {
	o := c.objects[ref]
	if o.meta().GetDeletionTimestamp() != nil && len(o.meta().GetFinalizers()) == 0 && !o.slow {
		delete(c.objects, ref)
	}
}

// AddAs makes an object under the name of a field manager.
func (c *Cluster) AddAs(manager string, content map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(content, manager)
}

// UID returns the UID of an object, "" when there is none.
func (c *Cluster) UID(ref syncline.Ref) types.UID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.objects[ref]; ok {
		return o.meta().GetUID()
	}
	return ""
}

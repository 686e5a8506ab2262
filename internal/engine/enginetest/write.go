package enginetest

import (
	"context"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
)

// Write performs one write, with the answers of internal/edge/kube.
func (c *Cluster) Write(_ context.Context, w syncline.Write) (syncline.Object, error) {
	request := Request{Verb: Verb(w.Action), Ref: w.Ref, Write: w}
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
	case syncline.Create, syncline.Update, syncline.Replace:
		return c.apply(w)
	case syncline.Run:
		if w.UID != "" {
			return c.apply(w)
		}
		o := c.put(runtime.DeepCopyJSON(w.Object.Reveal().Object))
		return o.reveal(), nil
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
	makes := w.Action == syncline.Create || w.Action == syncline.Run && w.UID == ""
	switch live, exists := c.objects[w.Ref]; {
	case c.kinds[w.Ref.GroupKind()] == "":
		return syncline.Errorf(syncline.NotFound, "the cluster has no kind %s", w.Ref.GroupKind())
	case makes && exists:
		return checkMade(w, live.live())
	case makes:
		return c.checkNamespace(w.Ref)
	case w.UID == "":
		return syncline.Errorf(syncline.Internal, "%s %s: no UID was planned", w.Action, w.Ref)
	case exists && live.meta().GetUID() != w.UID:
		return syncline.Errorf(syncline.Conflict, "%s was created anew", w.Ref)
	case !exists:
		return checkGone(w)
	}
	return nil
}

// checkGone says whether an object may be written that is not there any more.
func checkGone(w syncline.Write) error {
	switch w.Action {
	case syncline.Update, syncline.Replace, syncline.Run:
		return syncline.Errorf(syncline.Conflict, "%s is gone", w.Ref)
	}
	return nil
}

// checkMade says whether an object may be made where there is one.
func checkMade(w syncline.Write, live syncline.Live) error {
	switch {
	case w.Action == syncline.Run:
		return syncline.Errorf(syncline.Conflict, "%s exists", w.Ref)
	case live.Terminating:
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
	case namespace.live().Terminating:
		return syncline.Errorf(syncline.Transient, "namespace %s is being deleted", ref.Namespace)
	}
	return nil
}

func waiting(ref syncline.Ref) error {
	return syncline.Errorf(syncline.Waiting, "%s is being deleted", ref)
}

func (c *Cluster) apply(w syncline.Write) (syncline.Object, error) {
	desired := w.Object.Reveal().Object
	o, exists := c.objects[w.Ref]
	if !exists {
		o = c.put(runtime.DeepCopyJSON(desired))
	}
	before := o.reveal()
	manager := w.Object.Manager()
	old := o.appliedBy(manager)
	if w.Migrate {
		old, o.clientSide = o.lastApplied(), false
	}
	identity := map[string]any{}
	for _, field := range []string{"uid", "creationTimestamp"} {
		identity[field] = asMap(o.content["metadata"])[field]
	}
	o.content = runtime.DeepCopyJSON(asMap(merge(o.content, old, desired)))
	maps.Copy(asMap(o.content["metadata"]), identity)
	if manager == syncline.FieldManager {
		o.applied, o.forged = runtime.DeepCopyJSON(desired), false
	} else {
		if o.beside == nil {
			o.beside = map[string]map[string]any{}
		}
		o.beside[manager] = runtime.DeepCopyJSON(desired)
	}
	if c.Default != nil {
		c.Default(o.content)
	}
	o.meta().SetResourceVersion(asMap(before.Reveal().Object["metadata"])["resourceVersion"].(string))
	if !exists || !before.Equal(o.reveal()) {
		o.meta().SetResourceVersion(c.next())
	}
	return o.reveal(), nil
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
		return o.reveal()
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
		return o.reveal()
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

// UID returns the UID of an object, "" when there is none.
func (c *Cluster) UID(ref syncline.Ref) types.UID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.objects[ref]; ok {
		return o.meta().GetUID()
	}
	return ""
}

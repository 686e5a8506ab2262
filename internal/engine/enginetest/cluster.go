package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
)

// Verb is what a request asks for.
type Verb string

// The verbs that are not an Action.
const (
	DryRun        Verb = "dry-run"
	DryRunReplace Verb = "dry-run-replace"
	Merge         Verb = "merge"
	Rehearse      Verb = "rehearse"
	Read          Verb = "read"
)

// Request is one request that the cluster got. Write is zero for those
// that write nothing, and Object is what it is about, zero for a Read.
type Request struct {
	Verb   Verb
	Ref    syncline.Ref
	Object syncline.Object
	Write  syncline.Write
}

// String returns "verb Kind/namespace/name".
func (r Request) String() string { return string(r.Verb) + " " + r.Ref.String() }

// Cluster is a cluster in memory. Its fields are set before it is used. It is
// safe for concurrent use.
type Cluster struct {
	// Answer, when set, may refuse a request before it has an effect.
	Answer func(Request) error
	// Default, when set, changes every object that is written or dry-run, as
	// defaulting and admission do.
	Default func(content map[string]any)
	// Merges says that a merge is accepted where an apply is refused.
	Merges bool
	// After is told of every write that was done, before it is answered.
	After func(Request)
	// Undiscovered, when set, is the answer to whoever asks where a kind lives.
	Undiscovered error
	// Down are the kinds whose API does not answer. It is changed between turns only.
	Down map[schema.GroupKind]error
	// Unswept, when set, is why there may be objects of an App that are not known.
	Unswept error
	// Health is what new objects of a kind have; none when it is not named.
	Health map[string]syncline.Health

	dialects syncline.Dialects

	mu sync.Mutex
	// versions are those in which kinds are served; any where there are none.
	versions map[schema.GroupKind][]string
	kinds    map[schema.GroupKind]syncline.Scope
	unknown  map[schema.GroupKind]bool
	objects  map[syncline.Ref]*object
	requests []Request
	counter  int
}

// New returns a cluster that has the namespaces default and shop, and serves some
// kinds of Kubernetes in version v1. Its objects are owned as the dialects say.
func New(dialects ...*syncline.Dialect) *Cluster {
	c := &Cluster{
		dialects: dialects,
		kinds: map[schema.GroupKind]syncline.Scope{
			{Kind: "Namespace"}: syncline.ClusterScoped,
			{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:         syncline.ClusterScoped,
			{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: syncline.ClusterScoped,
			{Kind: "ConfigMap"}:                           syncline.Namespaced,
			{Kind: "Secret"}:                              syncline.Namespaced,
			{Kind: "Service"}:                             syncline.Namespaced,
			{Kind: "Pod"}:                                 syncline.Namespaced,
			{Kind: "ServiceAccount"}:                      syncline.Namespaced,
			{Group: "apps", Kind: "Deployment"}:           syncline.Namespaced,
			{Group: "batch", Kind: "Job"}:                 syncline.Namespaced,
			{Group: "networking.k8s.io", Kind: "Ingress"}: syncline.Namespaced,
			{Group: "argoproj.io", Kind: "Application"}:   syncline.Namespaced,
		},
		versions: map[schema.GroupKind][]string{}, unknown: map[schema.GroupKind]bool{},
		objects: map[syncline.Ref]*object{},
	}
	for kind := range c.kinds {
		c.versions[kind] = []string{"v1"}
	}
	c.versions[schema.GroupKind{Group: "argoproj.io", Kind: "Application"}] = []string{"v1alpha1"}
	for _, name := range []string{"default", "shop"} {
		c.put(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}, somebody)
	}
	return c
}

// Serve makes the cluster know a kind.
func (c *Cluster) Serve(kind schema.GroupKind, scope syncline.Scope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[kind] = scope
}

// ServeAs makes the cluster serve a kind in no other than these versions.
func (c *Cluster) ServeAs(kind schema.GroupKind, versions ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[kind] = versions
}

// Blind makes the memory forget a kind, as before its objects were listed, or
// know it again.
func (c *Cluster) Blind(kind schema.GroupKind, blind bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unknown[kind] = blind
}

// Requests returns those since the last call, but not what was asked of the memory.
func (c *Cluster) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests := c.requests
	c.requests = nil
	return requests
}

// Scope returns where objects of a kind live.
func (c *Cluster) Scope(_ context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	if c.Undiscovered != nil {
		return "", c.Undiscovered
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	scope, known := c.kinds[kind.GroupKind()]
	if versions := c.versions[kind.GroupKind()]; !known || versions != nil && kind.Version != "" && !slices.Contains(versions, kind.Version) {
		return "", syncline.Errorf(syncline.NotFound, "the cluster has no kind %s in version %s", kind.GroupKind(), kind.Version)
	}
	return scope, nil
}

// Watch remembers everything at once, but for blind kinds.
func (c *Cluster) Watch(kinds []schema.GroupVersionKind) ([]schema.GroupVersionKind, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var pending []schema.GroupVersionKind
	for _, kind := range kinds {
		if c.unknown[kind.GroupKind()] {
			pending = append(pending, kind)
		}
	}
	return pending, nil
}

// Unanswered returns what Down says of the kind.
func (c *Cluster) Unanswered(_ context.Context, kind schema.GroupVersionKind) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Down[kind.GroupKind()]
}

// Get returns what is remembered of an object.
func (c *Cluster) Get(ref syncline.Ref) (syncline.Live, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.objects[ref]
	if !ok || c.unknown[ref.GroupKind()] {
		return syncline.Live{}, false
	}
	return o.live(c.dialects), true
}

// Owned returns the objects whose marks name the instance, and
// Unswept.
func (c *Cluster) Owned(instance string) ([]syncline.Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var owned []syncline.Live
	for ref, o := range c.objects {
		live := o.live(c.dialects)
		if live.Owner == instance && !c.unknown[ref.GroupKind()] {
			owned = append(owned, live)
		}
	}
	slices.SortFunc(owned, func(a, b syncline.Live) int { return a.Ref.Compare(b.Ref) })
	return owned, c.Unswept
}

// Inside returns the instances that made objects in a container.
func (c *Cluster) Inside(container syncline.Ref) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	instances := map[string]struct{}{}
	for _, o := range c.objects {
		live := o.live(c.dialects)
		if live.Owner != "" && live.Made && !live.Controlled && !live.Terminating && slices.Contains(live.Ref.Containers(), container.Contains()) {
			instances[live.Owner] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(instances))
}

// DryRun returns what applying the object would make of the live one.
func (c *Cluster) DryRun(_ context.Context, desired syncline.Object, _ option.List) (syncline.Object, error) {
	if err := c.note(Request{Verb: DryRun, Ref: desired.Ref(), Object: desired}); err != nil {
		return syncline.Object{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(desired.Ref(), desired.GroupVersionKind().Version); err != nil {
		return syncline.Object{}, err
	}
	if _, exists := c.objects[desired.Ref()]; !exists {
		if err := c.checkNamespace(desired.Ref()); err != nil {
			return syncline.Object{}, err
		}
	}
	after, err := c.altered(desired.Ref(), func(o *object) { o.apply(desired.Manager(), desired.Reveal().Object) })
	if err != nil {
		return syncline.Object{}, err
	}
	return after.managed(), nil
}

// DryRunReplace returns what putting the object in place of the live one would
// make of it.
func (c *Cluster) DryRunReplace(_ context.Context, desired, live syncline.Object, _ option.List) (syncline.Object, error) {
	if err := c.note(Request{Verb: DryRunReplace, Ref: desired.Ref(), Object: desired}); err != nil {
		return syncline.Object{}, err
	}
	return c.putting(live, replacing(desired.Reveal(), live.Reveal()), desired.Manager())
}

// Merge returns the object with what others have in the live one.
func (c *Cluster) Merge(_ context.Context, desired, live syncline.Object, _ option.List) (merged, after syncline.Object, err error) {
	if err := c.note(Request{Verb: Merge, Ref: desired.Ref(), Object: desired}); err != nil {
		return syncline.Object{}, syncline.Object{}, err
	}
	if !c.Merges {
		return syncline.Object{}, syncline.Object{}, syncline.Errorf(syncline.Invalid, "%s cannot be merged", desired.Ref())
	}
	o := &object{content: live.Reveal().Object, owners: owners{}}
	c.mu.Lock()
	if now, exists := c.objects[desired.Ref()]; exists {
		o.owners = maps.Clone(now.owners)
	}
	c.mu.Unlock()
	o.apply(desired.Manager(), desired.Reveal().Object)
	o.meta().SetManagedFields(nil)
	after, err = c.putting(live, o.meta(), desired.Manager())
	return o.reveal(), after, err
}

// putting returns what a content would be in place of a live object, which has to
// be as it is now.
func (c *Cluster) putting(live syncline.Object, content *unstructured.Unstructured, manager string) (syncline.Object, error) {
	ref, seen := live.Ref(), live.Reveal()
	c.mu.Lock()
	defer c.mu.Unlock()
	now, exists := c.objects[ref]
	switch {
	case !exists:
		return syncline.Object{}, syncline.Errorf(syncline.NotFound, "%s does not exist", ref)
	case now.meta().GetUID() != seen.GetUID() || now.meta().GetResourceVersion() != seen.GetResourceVersion():
		return syncline.Object{}, syncline.Errorf(syncline.Conflict, "%s has changed", ref)
	}
	after, err := c.altered(ref, func(o *object) { o.update(manager, inPlace(content)) })
	if err != nil {
		return syncline.Object{}, err
	}
	return after.managed(), nil
}

// Rehearse returns nil when a creation of the object would be accepted.
func (c *Cluster) Rehearse(_ context.Context, desired, _ syncline.Object, _ option.List) error {
	if err := c.note(Request{Verb: Rehearse, Ref: desired.Ref(), Object: desired}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(desired.Ref(), desired.GroupVersionKind().Version); err != nil {
		return err
	}
	return c.checkNamespace(desired.Ref())
}

// Read returns the live object as it is now.
func (c *Cluster) Read(_ context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	if err := c.note(Request{Verb: Read, Ref: ref}); err != nil {
		return syncline.Object{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reach(ref, version); err != nil {
		return syncline.Object{}, err
	}
	o, ok := c.objects[ref]
	if !ok {
		return syncline.Object{}, syncline.Errorf(syncline.NotFound, "%s does not exist", ref)
	}
	return o.managed(), nil
}

// note counts a request and asks the test for its answer.
func (c *Cluster) note(r Request) error {
	c.mu.Lock()
	c.requests = append(c.requests, r)
	c.mu.Unlock()
	if c.Answer != nil {
		return c.Answer(r)
	}
	return nil
}

// Put makes an object as somebody else would, or, where it is tracked, as Argo CD
// did, and returns its ref.
func (c *Cluster) Put(t Tester, text string) syncline.Ref {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var ref syncline.Ref
	for _, o := range Objects(t, text) {
		ref = o.Ref()
		c.put(o.Reveal().Object, c.madeBy(o.Reveal()))
	}
	return ref
}

// Add makes an object as Put does.
func (c *Cluster) Add(content map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(content, c.madeBy(&unstructured.Unstructured{Object: content}))
}

// somebody is who else writes.
const somebody = "somebody"

// Change changes an object as somebody else would, if it is there.
func (c *Cluster) Change(ref syncline.Ref, change func(u *unstructured.Unstructured)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.objects[ref]; ok {
		o.update(somebody, change)
		o.meta().SetResourceVersion(c.next())
	}
}

// put makes an object that a manager creates.
func (c *Cluster) put(content map[string]any, manager string) *object {
	o := &object{content: map[string]any{}, owners: owners{}}
	o.update(manager, func(u *unstructured.Unstructured) { u.Object = content })
	return c.add(o)
}

// add makes an object that was not there.
func (c *Cluster) add(o *object) *object {
	o.health = c.Health[o.meta().GetKind()]
	o.meta().SetUID(types.UID("uid-" + c.next()))
	o.meta().SetResourceVersion(c.next())
	o.meta().SetCreationTimestamp(metav1.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	c.objects[o.reveal().Ref()] = o
	return o
}

func (c *Cluster) next() string {
	c.counter++
	return strconv.Itoa(c.counter)
}

// Edit changes an object as somebody else would.
func (c *Cluster) Edit(t Tester, ref syncline.Ref, change func(u *unstructured.Unstructured)) {
	t.Helper()
	c.change(t, ref, func(o *object) { o.update(somebody, change) })
}

// Mutate changes an object as admission changes what is written: whose the fields
// are stays as it is.
func (c *Cluster) Mutate(t Tester, ref syncline.Ref, change func(u *unstructured.Unstructured)) {
	t.Helper()
	c.change(t, ref, func(o *object) { change(o.meta()) })
}

// SetHealth sets an object's health.
func (c *Cluster) SetHealth(t Tester, ref syncline.Ref, status syncline.HealthStatus, message string) {
	t.Helper()
	c.change(t, ref, func(o *object) { o.health = syncline.Health{Status: status, Message: message} })
}

// ApplyClientSide makes the object look as if kubectl had applied it.
func (c *Cluster) ApplyClientSide(t Tester, ref syncline.Ref) {
	t.Helper()
	c.change(t, ref, func(o *object) {
		applied := o.lastApplied()
		o.take(applied)
		o.owners[writer{syncline.KubectlManager, updating}] = applied
	})
}

// Forge makes the object one that somebody else wrote, with its tracking annotation.
func (c *Cluster) Forge(t Tester, ref syncline.Ref) {
	t.Helper()
	c.change(t, ref, func(o *object) {
		o.owners = owners{{somebody, updating}: ownable(o.content)}
	})
}

// Hold keeps an object that is deleted, until Release.
func (c *Cluster) Hold(t Tester, ref syncline.Ref) {
	t.Helper()
	c.change(t, ref, func(o *object) { o.slow = true })
}

// Release lets a held object go.
func (c *Cluster) Release(t Tester, ref syncline.Ref) {
	t.Helper()
	c.change(t, ref, func(o *object) { o.slow = false })
}

func (c *Cluster) change(t Tester, ref syncline.Ref, change func(*object)) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.objects[ref]
	if !ok {
		t.Fatalf("%s is not in the cluster", ref)
	}
	change(o)
	o.meta().SetResourceVersion(c.next())
	c.collect(ref)
}

// Delete deletes an object as somebody else would.
func (c *Cluster) Delete(ref syncline.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.objects[ref]; ok {
		c.remove(ref)
	}
}

// Refs returns the refs of all objects but namespaces, sorted.
func (c *Cluster) Refs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refs []string
	for ref := range c.objects {
		if ref.Kind != "Namespace" {
			refs = append(refs, ref.String())
		}
	}
	slices.Sort(refs)
	return refs
}

// Live returns the content of an object, or fails the test.
func (c *Cluster) Live(t Tester, ref syncline.Ref) *unstructured.Unstructured {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.objects[ref]
	if !ok {
		t.Fatalf("%s is not in the cluster", ref)
	}
	return o.reveal().Reveal()
}

// Dump returns everything that a later turn could see, for comparing clusters.
func (c *Cluster) Dump() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for ref, o := range c.objects {
		live := o.live(c.dialects)
		lines = append(lines, fmt.Sprintf("%s %s %v %v", ref, live.Applied, live.Terminating, live.Finalizers))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

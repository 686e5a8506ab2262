package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
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
// that write nothing.
type Request struct {
	Verb  Verb
	Ref   syncline.Ref
	Write syncline.Write
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

	mu sync.Mutex
	// versions are those in which kinds are served; any where there are none.
	versions map[schema.GroupKind][]string
	kinds    map[schema.GroupKind]syncline.Scope
	unknown  map[schema.GroupKind]bool
	objects  map[syncline.Ref]*object
	requests []Request
	counter  int
}

// New returns a cluster that has the namespaces default and shop.
func New() *Cluster {
	c := &Cluster{
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
		unknown: map[schema.GroupKind]bool{},
		objects: map[syncline.Ref]*object{},
	}
	for _, name := range []string{"default", "shop"} {
		c.put(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
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
	if c.versions == nil {
		c.versions = map[schema.GroupKind][]string{}
	}
	c.versions[kind] = versions
}

// served refuses what is asked for in a version that is not served.
func (c *Cluster) served(kind schema.GroupKind, version string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if versions := c.versions[kind]; versions != nil && version != "" && !slices.Contains(versions, version) {
		return syncline.Errorf(syncline.NotFound, "the cluster has no kind %s in version %s", kind, version)
	}
	return nil
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
	if err := c.served(kind.GroupKind(), kind.Version); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	scope, ok := c.kinds[kind.GroupKind()]
	if !ok {
		return "", syncline.Errorf(syncline.NotFound, "the cluster has no kind %s", kind.GroupKind())
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
	return o.live(), true
}

// Owned returns the objects whose tracking annotation names the instance, and
// Unswept.
func (c *Cluster) Owned(instance string) ([]syncline.Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var owned []syncline.Live
	for ref, o := range c.objects {
		live := o.live()
		if len(live.Tracking) > len(instance) && live.Tracking[:len(instance)+1] == instance+":" && !c.unknown[ref.GroupKind()] {
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
		live := o.live()
		instance, _, tracked := strings.Cut(live.Tracking, ":")
		if tracked && live.Made && !live.Terminating && slices.Contains(live.Ref.Containers(), container.Contains()) {
			instances[instance] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(instances))
}

// DryRun returns what applying the object would make of the live one.
func (c *Cluster) DryRun(_ context.Context, desired syncline.Object, _ syncline.SyncOptions) (syncline.Object, error) {
	if err := c.note(Request{Verb: DryRun, Ref: desired.Ref()}); err != nil {
		return syncline.Object{}, err
	}
	if err := c.served(desired.Ref().GroupKind(), desired.GroupVersionKind().Version); err != nil {
		return syncline.Object{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	merged := &object{content: desired.Reveal().Object}
	if live, ok := c.objects[desired.Ref()]; ok {
		merged.content = asMap(merge(live.content, live.appliedBy(desired.Manager()), desired.Reveal().Object))
	}
	merged.content = runtime.DeepCopyJSON(merged.content)
	if c.Default != nil {
		c.Default(merged.content)
	}
	return merged.reveal(), nil
}

// DryRunReplace returns what putting the object in place of the live one would
// make of it.
func (c *Cluster) DryRunReplace(_ context.Context, desired, live syncline.Object, _ syncline.SyncOptions) (syncline.Object, error) {
	if err := c.note(Request{Verb: DryRunReplace, Ref: desired.Ref()}); err != nil {
		return syncline.Object{}, err
	}
	return c.inPlaceOf(live, desired.Reveal().Object), nil
}

// Merge returns the object with what others have in the live one.
func (c *Cluster) Merge(_ context.Context, desired, live syncline.Object, _ syncline.SyncOptions) (merged, after syncline.Object, err error) {
	if err := c.note(Request{Verb: Merge, Ref: desired.Ref()}); err != nil {
		return syncline.Object{}, syncline.Object{}, err
	}
	if !c.Merges {
		return syncline.Object{}, syncline.Object{}, syncline.Errorf(syncline.Invalid, "%s cannot be merged", desired.Ref())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	content := runtime.DeepCopyJSON(asMap(merge(live.Reveal().Object, c.objects[desired.Ref()].applied, desired.Reveal().Object)))
	merged = c.inPlaceOf(live, content)
	return merged, merged, nil
}

// inPlaceOf returns content with the identity of a live object.
func (c *Cluster) inPlaceOf(live syncline.Object, content map[string]any) syncline.Object {
	o, old := &object{content: content}, live.Reveal()
	o.meta().SetUID(old.GetUID())
	o.meta().SetResourceVersion(old.GetResourceVersion())
	if c.Default != nil {
		c.Default(content)
	}
	return o.reveal()
}

// Rehearse returns nil when a creation of the object would be accepted.
func (c *Cluster) Rehearse(_ context.Context, desired, _ syncline.Object, _ syncline.SyncOptions) error {
	return c.note(Request{Verb: Rehearse, Ref: desired.Ref()})
}

// Read returns the live object as it is now.
func (c *Cluster) Read(_ context.Context, ref syncline.Ref, version string) (syncline.Object, error) {
	if err := c.note(Request{Verb: Read, Ref: ref}); err != nil {
		return syncline.Object{}, err
	}
	if err := c.served(ref.GroupKind(), version); err != nil {
		return syncline.Object{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
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

// Put makes an object as somebody else would, and returns its ref.
func (c *Cluster) Put(t Tester, text string) syncline.Ref {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var ref syncline.Ref
	for _, o := range Objects(t, text) {
		ref = o.Ref()
		c.put(o.Reveal().Object)
	}
	return ref
}

// Add makes an object as somebody else would.
func (c *Cluster) Add(content map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(content)
}

// Change changes an object as somebody else would, if it is there.
func (c *Cluster) Change(ref syncline.Ref, change func(u *unstructured.Unstructured)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.objects[ref]; ok {
		change(o.meta())
		o.meta().SetResourceVersion(c.next())
	}
}

func (c *Cluster) put(content map[string]any) *object {
	o := &object{content: content}
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
	c.change(t, ref, func(o *object) { o.clientSide = true })
}

// Forge makes the object one that somebody else wrote, with its tracking annotation.
func (c *Cluster) Forge(t Tester, ref syncline.Ref) {
	t.Helper()
	c.change(t, ref, func(o *object) { o.forged, o.applied = true, nil })
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
		live := o.live()
		lines = append(lines, fmt.Sprintf("%s %s %v %v", ref, live.Applied, live.Terminating, live.Finalizers))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

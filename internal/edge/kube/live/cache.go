package live

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// API is what the cache needs of a cluster.
type API interface {
	// Resource returns how to reach the objects of a kind. With an empty version
	// it is the preferred one. The error is NotFound when there is no such kind.
	Resource(ctx context.Context, kind schema.GroupVersionKind) (Resource, error)
	// Kinds returns every kind that can be listed and watched, in all versions that
	// are served, the preferred one first. With an error there are others.
	Kinds(ctx context.Context) ([]schema.GroupVersionKind, error)
	// Served reports whether the cluster is known to serve a kind. It asks nothing.
	Served(kind schema.GroupKind) bool
	// Outdated says that kinds may have come, gone or changed.
	Outdated()
}

// Resource is how the objects of a kind are reached, in all namespaces that may be
// looked at.
type Resource struct {
	// Objects tells them whole, as *unstructured.Unstructured, and Metadata as
	// *metav1.PartialObjectMetadata.
	Objects, Metadata stream.Source
	// Classify gives an error of the two above its kind and says what it is about.
	// It leaves one that has a kind as it is.
	Classify func(error) error
}

// Options say what is remembered and who is told. The zero value works.
type Options struct {
	// Assess judges an object's health when it is seen. Default: NoHealth.
	Assess func(*unstructured.Unstructured) syncline.Health
	// Slow reports that judging an object takes long. Such an object is judged by
	// Judge instead, beside the watch, which never waits for that; the context ends
	// with the cache. Default: none takes long.
	Slow  func(*unstructured.Unstructured) bool
	Judge func(context.Context, *unstructured.Unstructured) syncline.Health
	// Dialects are those whose Apps may own objects: whose marks are read, and whose
	// managers' fields are digested. Default: none, and nothing is anybody's.
	Dialects syncline.Dialects
	// OnChange is told each change of what is remembered of an object of a known
	// kind. It is called from several goroutines and must not block. Default:
	// nobody is told.
	OnChange func(Change)
	// OnReady is told that what [Cache.Ready] or [Cache.Err] say of a kind changed, or
	// in which versions it is served. It is called like OnChange.
	OnReady func(schema.GroupKind)
	// OnSwept is told that what [Cache.Owned] says of objects that are not known
	// changed. It is called like OnChange.
	OnSwept func()
	// Patience is how many tries in a row may fail for a passing reason before the
	// objects of a known kind count as not known. Default 7, which is about 12 s
	// when the API server refuses connections: it may be restarted in that time
	// without every App being reported twice.
	Patience int
}

// Cache remembers what is live. It is safe for concurrent use.
type Cache struct {
	api     API
	options Options
	names   *names
	press   press
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.RWMutex
	kinds map[schema.GroupKind]*kind
	// owned holds the objects of each instance.
	owned map[string]map[*record]struct{}
	// inside counts the objects that each instance made in each container.
	inside map[syncline.Container]map[string]int
	sweep  sweep
	// definitions tells that kinds came, went or changed.
	definitions chan struct{}
	// absent are the kinds that are needed and not served, as far as is known; scout
	// tells that there are more, or that it is worth another look.
	absent map[*kind]struct{}
	scout  chan struct{}
}

// New returns a cache that watches nothing but the definitions of kinds. Close
// ends it.
func New(api API, options Options) *Cache {
	if options.OnChange == nil {
		options.OnChange = func(Change) {}
	}
	if options.OnReady == nil {
		options.OnReady = func(schema.GroupKind) {}
	}
	if options.OnSwept == nil {
		options.OnSwept = func() {}
	}
	if options.Patience == 0 {
		options.Patience = 7
	}
	c := &Cache{
		api: api, options: options, names: newNames(),
		kinds: map[schema.GroupKind]*kind{},
		owned: map[string]map[*record]struct{}{}, inside: map[syncline.Container]map[string]int{},
		sweep: sweep{
			pending: map[schema.GroupKind]struct{}{}, searched: map[schema.GroupKind]struct{}{},
			failed: map[schema.GroupKind]error{},
		},
		definitions: make(chan struct{}, 1),
		absent:      map[*kind]struct{}{}, scout: make(chan struct{}, 1),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.watchDefinitions()
	c.running.Go(c.scouts)
	c.sweep.unknown = c.unknown()
	return c
}

// Close ends all watches and waits for that. What is remembered stays readable.
func (c *Cache) Close() {
	c.mu.Lock()
	c.cancel() // so that nothing more is begun
	c.mu.Unlock()
	c.running.Wait()
}

// Need watches kinds from now on, those that are watched already included. A
// kind is watched in the first version that was needed, as long as the cluster
// serves it, else in the preferred one.
func (c *Cache) Need(kinds ...schema.GroupVersionKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, gvk := range kinds {
		c.watch(gvk, true)
	}
}

// watch begins to watch a kind, of which either everything is remembered or only
// what is tracked.
func (c *Cache) watch(gvk schema.GroupVersionKind, whole bool) {
	k := c.kinds[gvk.GroupKind()]
	switch {
	case c.ctx.Err() != nil:
	case k == nil && c.refuses(gvk.GroupKind()):
	case k == nil:
		k = newKind(c, gvk)
		k.partial, k.asked = !whole, time.Now()
		c.kinds[gvk.GroupKind()] = k
		c.absent[k] = struct{}{}
		ask(c.scout)
	default:
		k.asked = time.Now()
		if whole && k.partial {
			k.widen()
		}
	}
}

// Reread reads all objects of a kind again, if it is watched, so that they are
// judged again. What is known stays known meanwhile.
func (c *Cache) Reread(gk schema.GroupKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.kinds[gk]; k != nil {
		k.assessments.refill = false
		ask(k.anew)
	}
}

// Ready returns those of the kinds that have to be waited for: they are not
// known yet, and nothing is wrong with them. OnReady tells when that ends.
func (c *Cache) Ready(kinds ...schema.GroupKind) (missing []schema.GroupKind) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, gk := range kinds {
		k := c.kinds[gk]
		if k == nil && !c.refuses(gk) || k != nil && !k.known && k.err == nil {
			missing = append(missing, gk)
		}
	}
	return missing
}

// Err returns why the objects of a kind are not known, or nil when they are or
// will be. What Get and Owned do not return of such a kind is not missing: it
// is not known. A NotFound error says that the cluster has no such kind.
func (c *Cache) Err(gk schema.GroupKind) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch k := c.kinds[gk]; {
	case k == nil && c.refuses(gk):
		return syncline.Errorf(syncline.NotFound, "kind %s is not known to the cluster, as many that are declared", gk)
	case k != nil && !k.known:
		return k.err
	}
	return nil
}

// Get returns what is remembered of an object. It is false for an object that
// does not exist, and for every object of a kind that is not known; see Err.
// Callers do not change what is returned.
func (c *Cache) Get(ref syncline.Ref) (syncline.Live, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k := c.kinds[ref.GroupKind()]
	if k == nil || !k.known {
		return syncline.Live{}, false
	}
	r, ok := k.objects[keyOf(ref)]
	if !ok {
		return syncline.Live{}, false
	}
	return r.Live, true
}

// Owned returns the objects of known kinds that are tracked by an instance,
// sorted by ref. An object whose tracking annotation was copied from another
// one is tracked by nobody. Callers do not change what is returned. The error
// says why there may be others.
func (c *Cache) Owned(instance string) ([]syncline.Live, error) {
	c.mu.RLock()
	owned := make([]syncline.Live, 0, len(c.owned[instance]))
	unknown := c.sweep.unknown
	for r := range c.owned[instance] {
		if k := c.kinds[r.Ref.GroupKind()]; k.known {
			owned = append(owned, r.Live)
		} else if err := k.unknown(); err != nil {
			unknown = err
		}
	}
	c.mu.RUnlock()
	slices.SortFunc(owned, func(a, b syncline.Live) int { return a.Ref.Compare(b.Ref) })
	return owned, unknown
}

// Instances returns those that track objects of a kind. It looks at every object
// of the kind, and is for what happens rarely.
func (c *Cache) Instances(gk schema.GroupKind) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	instances := map[string]struct{}{}
	if k := c.kinds[gk]; k != nil && k.known {
		for _, r := range k.objects {
			if instance := r.Owner; instance != "" {
				instances[instance] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(instances))
}

// Inside returns the instances that made objects which go with a namespace or with
// a definition of kinds, sorted. What is being deleted already does not count.
func (c *Cache) Inside(container syncline.Ref) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.inside[container.Contains()]))
}

// Stats are counts of what is remembered.
type Stats struct {
	// Kinds are those that are watched, Unknown those of them that are not known.
	Kinds, Unknown int
	Objects        int
}

// Stats returns how much is remembered.
func (c *Cache) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	stats := Stats{Kinds: len(c.kinds)}
	for _, k := range c.kinds {
		stats.Objects += len(k.objects)
		if !k.known {
			stats.Unknown++
		}
	}
	return stats
}

// Observe tells the cache the outcome of our own write, so that it is known
// before the watch tells it. What is older than what the watch told is left out.
func (c *Cache) Observe(object syncline.Object) {
	written, slow := c.see(object.Reveal())
	c.mu.Lock()
	var change Change
	known := false
	if k := c.kinds[written.Ref.GroupKind()]; k != nil && k.inVersion(written.Version) {
		change, known = k.observe(written, slow), k.known
	}
	c.mu.Unlock()
	if known {
		c.tell(change)
	}
}

// ObserveGone tells the cache that our own write made the object of that UID go.
func (c *Cache) ObserveGone(ref syncline.Ref, uid types.UID) {
	c.mu.Lock()
	var change Change
	known := false
	if k := c.kinds[ref.GroupKind()]; k != nil {
		change, known = k.observeGone(ref, uid), k.known
	}
	c.mu.Unlock()
	if known {
		c.tell(change)
	}
}

func (c *Cache) tell(changes ...Change) {
	for _, change := range changes {
		if change.What != 0 {
			c.options.OnChange(change)
		}
	}
}

// index moves an object to the instance that tracks it now. Either may be nil.
func (c *Cache) index(before, after *record) {
	if before != nil {
		instance := before.Owner
		if delete(c.owned[instance], before); len(c.owned[instance]) == 0 {
			delete(c.owned, instance)
		}
		c.count(&before.Live, instance, -1)
	}
	if after == nil {
		return
	}
	if instance := after.Owner; instance != "" {
		if c.owned[instance] == nil {
			c.owned[instance] = map[*record]struct{}{}
		}
		c.owned[instance][after] = struct{}{}
		c.count(&after.Live, instance, 1)
	}
}

// count takes note of an object in its containers.
func (c *Cache) count(object *syncline.Live, instance string, n int) {
	if instance == "" || !object.Made || object.Controlled || object.Terminating {
		return
	}
	for _, container := range object.Ref.Containers() {
		if c.inside[container] == nil {
			c.inside[container] = map[string]int{}
		}
		if c.inside[container][instance] += n; c.inside[container][instance] == 0 {
			delete(c.inside[container], instance)
		}
		if len(c.inside[container]) == 0 {
			delete(c.inside, container)
		}
	}
}

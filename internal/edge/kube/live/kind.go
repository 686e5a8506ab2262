package live

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// kind is what is remembered of one kind. All but its goroutine's own is
// guarded by the cache's lock.
type kind struct {
	cache *Cache
	// gvk is the version in which the kind is needed.
	gvk   schema.GroupVersionKind
	retry chan struct{}
	// ctx ends with the cache or when the kind is let go.
	ctx    context.Context
	cancel context.CancelFunc
	// anew asks that all objects are read again.
	anew chan struct{}
	// misses counts the tries in a row that did not find the kind; the stream's
	// goroutine's own, as classify.
	misses int
	missed time.Time
	// classify gives errors of the stream their kind.
	classify func(error) error

	// partial says that only objects that are tracked are remembered. After it
	// ended a reading that began before does not count: stale.
	partial, stale bool
	// asked is when the kind was needed last; ended says that it was let go since.
	asked time.Time
	ended bool
	// known says that objects holds every object of the kind that is remembered.
	known bool
	// err is why the kind is not known; nil while it is being read.
	err     error
	objects map[key]*record
	// assessments judge those objects of it that take long.
	assessments assessments
	// deleted holds the UIDs whose end was observed before the watch told it.
	deleted map[types.UID]struct{}
	// served is the version in which the kind is watched; "" before the first object.
	served string
	// version is up to where the watch told everything.
	version string
	// round numbers the readings; reading says that one goes on.
	round   uint32
	reading bool
}

// state is what of a kind is told to whom waits for it.
type state struct {
	known bool
	fault syncline.Kind
}

func (k *kind) state() state { return state{k.known, syncline.KindOf(k.err)} }

// key names an object within its kind.
type key struct{ namespace, name string }

// record is what is remembered of one object, in one piece to be small.
type record struct {
	syncline.Live
	// round is the reading that told the object last.
	round uint32
	// ours says that it is the outcome of our write, and that the watch may still
	// tell older states.
	ours bool
}

func newKind(c *Cache, gvk schema.GroupVersionKind) *kind {
	ctx, cancel := context.WithCancel(c.ctx)
	return &kind{
		cache: c, gvk: gvk, ctx: ctx, cancel: cancel,
		retry:    make(chan struct{}, 1),
		anew:     make(chan struct{}, 1),
		classify: func(err error) error { return err },
		objects:  map[key]*record{},
		deleted:  map[types.UID]struct{}{},
	}
}

// unknown says why the objects of the kind are not known: it is Waiting while
// nothing is wrong, and nil when there are none, because there is no such kind.
func (k *kind) unknown() error {
	switch {
	case syncline.KindOf(k.err) == syncline.NotFound:
		return nil
	case k.err != nil:
		return k.err
	}
	return syncline.Errorf(syncline.Waiting, "the objects of kind %s are not known yet", k.gvk.GroupKind())
}

// ErrUnwatchable is the cause of the error of [API.Resource] for a kind whose objects
// cannot be listed and watched.
var ErrUnwatchable = errors.New("its objects cannot be listed and watched, so that they cannot be delivered")

// absent reports whether nobody can own objects of the kind: there is no such kind,
// or none whose objects can be delivered. Any other failure says nothing of them.
func (k *kind) absent() bool {
	return syncline.KindOf(k.err) == syncline.NotFound || errors.Is(k.err, ErrUnwatchable)
}

func (k *kind) run() {
	stream.Run(k.ctx, stream.Options{Open: k.open, Handle: k.handle, Retry: k.retry, Anew: k.anew})
}

// tryAgain ends the wait after a failure.
func (k *kind) tryAgain() { ask(k.retry) }

func ask(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default: // asked already
	}
}

// patientlyMissed is how many tries have to miss a version before another one
// is watched. Discovery tells the versions of a new kind one by one.
const patientlyMissed = 4

// betweenMisses is the least time between two that count: many kinds are looked
// for at once.
const betweenMisses = 100 * time.Millisecond

// open finds out how the kind is reached: in the version that is needed, or,
// when that is no longer served, in the preferred one.
func (k *kind) open(ctx context.Context) (stream.Source, error) {
	resource, err := k.cache.api.Resource(ctx, k.gvk)
	if syncline.KindOf(err) == syncline.NotFound {
		if now := time.Now(); now.Sub(k.missed) >= betweenMisses {
			k.misses, k.missed = k.misses+1, now
		}
		if k.misses < patientlyMissed {
			return stream.Source{}, err
		}
		preferred, errPreferred := k.cache.api.Resource(ctx, k.gvk.GroupKind().WithVersion(""))
		if errPreferred != nil {
			return stream.Source{}, err
		}
		resource, err = preferred, nil
	}
	if err != nil {
		return stream.Source{}, err
	}
	k.misses = 0
	k.classify = resource.Classify
	return resource.Objects, nil
}

// handle takes in one event of the kind's stream.
func (k *kind) handle(event stream.Event) {
	var told *record
	var slow *assessment
	if u, ok := event.Object.(*unstructured.Unstructured); ok {
		told, slow = k.cache.see(u) // outside of the lock: it takes the time
	}
	k.change(func() []Change { return k.take(event, told, slow) })
}

// change changes what is remembered, and tells whoever has to know.
func (k *kind) change(change func() []Change) {
	c := k.cache
	c.mu.Lock()
	if k.ended {
		c.mu.Unlock()
		return
	}
	before := k.state()
	changes := change()
	after := k.state()
	swept := func() {}
	if before != after {
		swept = c.judgeSweep()
	}
	c.mu.Unlock()
	swept()
	if before != after {
		c.options.OnReady(k.gvk.GroupKind())
	}
	if before.known && after.known {
		c.tell(changes...)
	}
}

// widen has everything remembered from now on.
func (k *kind) widen() {
	k.partial, k.stale, k.known = false, true, false
	ask(k.anew)
}

// settle takes note that everything was told.
func (k *kind) settle() {
	k.known, k.err = !k.stale && (k.known || !k.awaitsJudgement()), nil
	if k.known {
		k.assessments.until = time.Time{}
		k.cache.sweep.searched[k.gvk.GroupKind()] = struct{}{}
		delete(k.cache.sweep.failed, k.gvk.GroupKind())
	}
}

func (k *kind) take(event stream.Event, told *record, slow *assessment) []Change {
	switch event.Type {
	case stream.Begin:
		k.begin()
	case stream.Set:
		return []Change{k.set(told, slow)}
	case stream.Gone:
		return []Change{k.gone(told)}
	case stream.Complete:
		return k.complete(event.Version)
	case stream.Progress:
		k.version = event.Version
		k.settle()
	case stream.Failed:
		k.fail(event)
	}
	return nil
}

// begin starts a reading. It tells states at least as new as every write that
// ended before it, so none of these has to be protected from it.
func (k *kind) begin() {
	k.round++
	k.reading, k.stale = true, false
	clear(k.deleted)
	k.assessAnew()
	for _, r := range k.objects {
		r.ours = false
	}
}

// set takes in what the watch tells of an object. The watch tells states in
// their order, so its word counts, but for the older states of what we wrote.
func (k *kind) set(told *record, slow *assessment) Change {
	k.served = told.Version
	k.reached(told.ResourceVersion)
	if _, gone := k.deleted[told.UID]; gone {
		return Change{}
	}
	if r := k.objects[keyOf(told.Ref)]; r != nil && r.ours && newer(r.ResourceVersion, told.ResourceVersion) {
		r.round = k.round
		return Change{}
	}
	if r := k.objects[keyOf(told.Ref)]; r != nil && r.State != "" && told.State == "" {
		told.State = unsure // it began to be followed meanwhile
	}
	told.round = k.round
	if k.partial && told.Owner == "" {
		return k.put(told.Ref, nil, nil)
	}
	return k.put(told.Ref, told, slow)
}

func (k *kind) gone(told *record) Change {
	k.reached(told.ResourceVersion)
	delete(k.deleted, told.UID)
	r := k.objects[keyOf(told.Ref)]
	if r == nil || r.UID != told.UID {
		return Change{}
	}
	return k.put(told.Ref, nil, nil)
}

// reached notes that everything up to a version was told. A reading tells
// objects in any order, and reaches its version when it is complete.
func (k *kind) reached(version string) {
	if !k.reading {
		k.version = version
	}
}

// complete ends a reading: what it did not tell does not exist, unless we wrote
// it since.
func (k *kind) complete(version string) []Change {
	k.version, k.reading = version, false
	var changes []Change
	for _, r := range k.objects {
		if r.round != k.round && !(r.ours && newer(r.ResourceVersion, version)) {
			changes = append(changes, k.put(r.Ref, nil, nil))
		}
	}
	k.awaitJudgement()
	k.settle()
	return changes
}

// fail takes in a failure. One that is expected to pass leaves what is known
// for a while: it was true when the connection was lost, and what is written
// meanwhile fails by itself.
func (k *kind) fail(event stream.Event) {
	err := k.classify(event.Err)
	passing := syncline.KindOf(err) == syncline.Transient
	if passing && k.known && event.Attempts < k.cache.options.Patience {
		return
	}
	k.known, k.err, k.assessments.until = false, err, time.Time{}
}

// observe takes in the outcome of our own write, unless the watch was there
// already: then what it told counts, also that the object is gone.
func (k *kind) observe(written *record, slow *assessment) Change {
	r := k.objects[keyOf(written.Ref)]
	_, gone := k.deleted[written.UID]
	switch {
	case gone:
		return Change{}
	case r == nil && (k.version == "" || !newer(written.ResourceVersion, k.version)):
		return Change{}
	case r != nil && !newer(written.ResourceVersion, r.ResourceVersion):
		return Change{}
	}
	written.ours, written.State = true, ""
	if r != nil {
		written.round = r.round // this reading did not tell it
	}
	change := k.put(written.Ref, written, slow)
	change.Ours = true
	return change
}

// inVersion reports whether the kind is watched in a version, so that what is
// digested of an object in it is comparable.
func (k *kind) inVersion(version string) bool {
	if k.served == "" {
		return version == k.gvk.Version
	}
	return version == k.served
}

func (k *kind) observeGone(ref syncline.Ref, uid types.UID) Change {
	r := k.objects[keyOf(ref)]
	if r == nil || r.UID != uid {
		return Change{}
	}
	k.deleted[uid] = struct{}{}
	change := k.put(ref, nil, nil)
	change.Ours = true
	return change
}

// put remembers a record, or forgets the object when it is nil. Slow judges it
// beside the watch, if it is not judged yet. That its health is not known for a
// while is told nobody: that it is, will be.
func (k *kind) put(ref syncline.Ref, after *record, slow *assessment) Change {
	before := k.objects[keyOf(ref)]
	k.assess(keyOf(ref), before, after, slow)
	if after == nil {
		delete(k.objects, keyOf(ref))
	} else {
		k.objects[keyOf(ref)] = after
	}
	k.cache.index(before, after)
	change := changeOf(before, after)
	if after != nil && after.Unjudged {
		change.What &^= Health
	}
	return change
}

func keyOf(ref syncline.Ref) key { return key{ref.Namespace, ref.Name} }

// newer reports whether resource version a is certainly newer than b. Versions
// that are not numbers, as some aggregated APIs have them, cannot be compared.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// Package served knows which kinds a Kubernetes API server serves, and how they are
// reached.
package served

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/failure"
)

// lookAgain is how old an answer of discovery may be when a kind is missing in
// it, or when it is known to be outdated.
const lookAgain = time.Second

// Kinds knows the kinds of a cluster. It asks for all of them at once, again
// when a kind is missing or after something said that they changed. A group
// that does not answer keeps what was known of it.
type Kinds struct {
	client *discovery.DiscoveryClient
	now    func() time.Time
	// asking holds a token while a request is under way.
	asking chan struct{}

	mu       sync.Mutex
	known    *answer
	askedAt  time.Time
	outdated bool

	// version is that of the API server, as it was at versionAt.
	version   string
	versionAt time.Time
}

// New returns the kinds that a client is told of. It asks nothing yet.
func New(client *discovery.DiscoveryClient) *Kinds {
	return &Kinds{client: client, now: time.Now, asking: make(chan struct{}, 1)}
}

// answer is all that discovery told at one moment. It does not change.
type answer struct {
	byKind map[schema.GroupVersionKind]Resource
	// versions are those in which a kind is served, preferred ones first.
	versions map[schema.GroupKind][]string
	// failed are the group versions that did not answer.
	failed map[schema.GroupVersion]error
	// since is when the answers that failed began to.
	since map[schema.GroupVersion]time.Time
	// names are what Helm calls API versions: "apps/v1" and "apps/v1/Deployment".
	names []string
}

// Resource is how a kind is reached.
type Resource struct {
	Kind  schema.GroupVersionKind
	Path  schema.GroupVersionResource
	Scope syncline.Scope
	verbs []string
}

// Watchable reports whether what is live of the kind can be known.
func (r Resource) Watchable() bool {
	return slices.Contains(r.verbs, "list") && slices.Contains(r.verbs, "watch")
}

// Invalidate says that kinds may have changed.
func (k *Kinds) Invalidate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outdated = true
}

// Find returns how a kind is reached. With an empty version it is the preferred
// one. The error is NotFound when the cluster certainly has no such kind, and
// Transient when that cannot be known.
func (k *Kinds) Find(ctx context.Context, kind schema.GroupVersionKind) (Resource, error) {
	known, current := k.look()
	found, ok := known.find(kind)
	if ok && current {
		return found, nil
	}
	again, err := k.ask(ctx, known, !ok)
	if err != nil {
		if ok {
			return found, nil
		}
		return Resource{}, err
	}
	if found, ok = again.find(kind); ok {
		return found, nil
	}
	return Resource{}, again.explain(kind)
}

// all returns every kind that was told, asking when nothing was yet.
func (k *Kinds) all(ctx context.Context) (*answer, error) {
	known, current := k.look()
	if current {
		return known, nil
	}
	return k.ask(ctx, known, false)
}

// look returns what is known, which may be nil, and whether it counts.
func (k *Kinds) look() (known *answer, current bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known, k.known != nil && !k.outdated
}

// ask asks for all kinds, unless another caller did so meanwhile, or the last
// answer is too young to ask again. Missing says that a kind is not in known.
func (k *Kinds) ask(ctx context.Context, known *answer, missing bool) (*answer, error) {
	select {
	case k.asking <- struct{}{}:
		defer func() { <-k.asking }()
	case <-ctx.Done():
		return nil, syncline.Errorf(syncline.Transient, "find out the kinds of the cluster: %w", context.Cause(ctx))
	}
	k.mu.Lock()
	latest := k.known
	young := k.now().Sub(k.askedAt) < lookAgain
	enough := latest != nil && (latest != known || young && !(missing && k.outdated))
	if !enough {
		k.outdated = false // what changes from here on is not in the answer
	}
	k.mu.Unlock()
	if enough {
		return latest, nil
	}
	return k.request(ctx, latest)
}

func (k *Kinds) request(ctx context.Context, before *answer) (*answer, error) {
	_, lists, err := discovery.ServerGroupsAndResourcesWithContext(ctx, k.client)
	failedGroups, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && !partial {
		k.outdated = true
		kind, hint := failure.Classify(err)
		return nil, &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("find out the kinds of the cluster: %w", err)}
	}
	k.known, k.askedAt = newAnswer(lists, failedGroups, before), k.now()
	k.known.date(before, k.askedAt)
	return k.known, nil
}

// newAnswer sorts what discovery told. Of a group version that failed, what was
// known before is kept.
func newAnswer(lists []*metav1.APIResourceList, failed map[schema.GroupVersion]error, before *answer) *answer {
	a := &answer{
		byKind:   map[schema.GroupVersionKind]Resource{},
		versions: map[schema.GroupKind][]string{},
		failed:   failed,
	}
	for _, list := range lists {
		groupVersion, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, told := range list.APIResources {
			if !strings.Contains(told.Name, "/") { // not a subresource
				a.add(resourceOf(groupVersion, told))
			}
		}
	}
	for groupVersion := range failed {
		a.keep(groupVersion, before)
	}
	a.sort()
	return a
}

// date takes note of since when what failed does.
func (a *answer) date(before *answer, now time.Time) {
	a.since = map[schema.GroupVersion]time.Time{}
	for groupVersion := range a.failed {
		a.since[groupVersion] = now
		if before == nil {
			continue
		}
		if since, failed := before.since[groupVersion]; failed {
			a.since[groupVersion] = since
		}
	}
}

func resourceOf(groupVersion schema.GroupVersion, told metav1.APIResource) Resource {
	scope := syncline.ClusterScoped
	if told.Namespaced {
		scope = syncline.Namespaced
	}
	return Resource{
		Kind:  groupVersion.WithKind(told.Kind),
		Path:  groupVersion.WithResource(told.Name),
		Scope: scope,
		verbs: told.Verbs,
	}
}

// add adds a resource. Of two with one kind the first by name counts.
func (a *answer) add(r Resource) {
	if old, ok := a.byKind[r.Kind]; ok {
		if r.Path.Resource < old.Path.Resource {
			a.byKind[r.Kind] = r
		}
		return
	}
	a.byKind[r.Kind] = r
	group := r.Kind.GroupKind()
	a.versions[group] = append(a.versions[group], r.Kind.Version)
}

func (a *answer) keep(groupVersion schema.GroupVersion, before *answer) {
	if before == nil {
		return
	}
	for kind, r := range before.byKind {
		if kind.GroupVersion() == groupVersion {
			a.add(r)
		}
	}
}

func (a *answer) find(kind schema.GroupVersionKind) (Resource, bool) {
	if a == nil {
		return Resource{}, false
	}
	if kind.Version == "" {
		versions := a.versions[kind.GroupKind()]
		if len(versions) == 0 {
			return Resource{}, false
		}
		kind.Version = versions[0]
	}
	r, ok := a.byKind[kind]
	return r, ok
}

// explain returns the error about a kind that was not told.
func (a *answer) explain(kind schema.GroupVersionKind) error {
	if _, err := a.failure(kind); err != nil {
		return err
	}
	groupVersion := kind.GroupVersion().String()
	err := syncline.Errorf(syncline.NotFound, "kind %q of %s is not known to the cluster", kind.Kind, groupVersion)
	if versions := a.versions[kind.GroupKind()]; len(versions) > 0 {
		return syncline.WithHint(err, fmt.Sprintf("the cluster serves it as %s: change apiVersion",
			schema.GroupVersion{Group: kind.Group, Version: versions[0]}))
	}
	return syncline.WithHint(err, "install its CustomResourceDefinition, or put that into the same app")
}

// failure returns which group version that a kind may be of does not answer, and the
// error that says so; nil when all of them do.
func (a *answer) failure(kind schema.GroupVersionKind) (schema.GroupVersion, error) {
	for groupVersion, err := range a.failed {
		if groupVersion.Group == kind.Group && (kind.Version == "" || kind.Version == groupVersion.Version) {
			return groupVersion, syncline.WithHint(
				syncline.Errorf(syncline.Transient, "kind %q of %s cannot be known: the API does not answer: %w", kind.Kind, groupVersion, err),
				"see which APIService is not available")
		}
	}
	return schema.GroupVersion{}, nil
}

// unanswered returns an error that names the groups of which nothing is known,
// or nil. Those that only measure hold nothing that anybody could own.
func (a *answer) unanswered() error {
	var failed []string
	for groupVersion := range a.failed {
		told := slices.ContainsFunc(slices.Collect(maps.Keys(a.versions)), func(gk schema.GroupKind) bool { return gk.Group == groupVersion.Group })
		if !told && groupVersion.Group != "metrics.k8s.io" && !strings.HasSuffix(groupVersion.Group, ".metrics.k8s.io") {
			failed = append(failed, groupVersion.String())
		}
	}
	if failed == nil {
		return nil
	}
	slices.Sort(failed)
	return syncline.WithHint(
		syncline.Errorf(syncline.Transient, "the kinds of %s are not known: what serves them does not answer", strings.Join(failed, ", ")),
		"see which APIService is not available")
}

// sort puts what was told into its order.
func (a *answer) sort() {
	for _, versions := range a.versions {
		sort.SliceStable(versions, func(i, j int) bool { return version.CompareKubeAwareVersionStrings(versions[i], versions[j]) > 0 })
	}
	for kind := range a.byKind {
		groupVersion := kind.GroupVersion().String()
		a.names = append(a.names, groupVersion, groupVersion+"/"+kind.Kind)
	}
	slices.Sort(a.names)
	a.names = slices.Compact(a.names)
}

// versionAge is how long the version of the API server is believed. It changes
// when the cluster is upgraded, and charts hardly depend on it.
const versionAge = time.Minute

// Version returns the version of the API server, such as "v1.36.3", as it was at most
// a minute ago.
func (k *Kinds) Version(ctx context.Context) (string, error) {
	k.mu.Lock()
	known, age := k.version, k.now().Sub(k.versionAt)
	k.mu.Unlock()
	if known != "" && age < versionAge {
		return known, nil
	}
	info, err := k.client.ServerVersionWithContext(ctx)
	if err != nil {
		kind, hint := failure.Classify(err)
		return "", &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("ask the cluster for its version: %w", err)}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.version, k.versionAt = info.GitVersion, k.now()
	return k.version, nil
}

// Names returns the group versions and kinds that are served, sorted, as Helm names
// them: "apps/v1" and "apps/v1/Deployment". Callers do not change them.
func (k *Kinds) Names(ctx context.Context) ([]string, error) {
	known, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	return known.names, nil
}

// All returns how every kind is reached, in all versions that are served, sorted, of
// each kind the preferred version first. The error is Transient when there are groups of
// which nothing is known, because what serves them does not answer; the kinds of the
// others are returned all the same.
func (k *Kinds) All(ctx context.Context) ([]Resource, error) {
	known, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	groups := slices.SortedFunc(maps.Keys(known.versions), func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
	var all []Resource
	for _, gk := range groups {
		for _, version := range known.versions[gk] {
			r, _ := known.find(gk.WithVersion(version))
			all = append(all, r)
		}
	}
	return all, known.unanswered()
}

// Has reports whether a kind is known to be served. It asks nothing.
func (k *Kinds) Has(kind schema.GroupKind) bool {
	known, _ := k.look()
	return known != nil && len(known.versions[kind]) > 0
}

// outage is how long an API has to be silent before it counts as down, and not as one
// that is being restarted.
const outage = 10 * time.Second

// Unanswered says why nothing can be known of the objects of a kind, though the API
// server answers: what serves the kind's API is down, and not only for a moment. It is
// nil otherwise, and when the API server does not answer.
func (k *Kinds) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	known, err := k.all(ctx)
	if err != nil {
		return nil //nolint:nilerr // whoever asks for a kind learns that
	}
	groupVersion, err := known.failure(kind)
	if err == nil || k.now().Sub(known.since[groupVersion]) < outage {
		return nil
	}
	return err
}

// Answers asks the API server for its version, whoever is asked may know: nil says that
// it answers.
func (k *Kinds) Answers(ctx context.Context) error {
	_, err := k.client.ServerVersionWithContext(ctx)
	var silent *syncline.Error
	if err == nil || errors.As(err, &silent) {
		return err
	}
	kind, hint := failure.Classify(err)
	if kind == syncline.Denied {
		return nil // it answers
	}
	return &syncline.Error{Kind: kind, Hint: hint, Err: err}
}

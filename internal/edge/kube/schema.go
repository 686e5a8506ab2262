package kube

import (
	"context"
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
)

// lookAgain is how old an answer of discovery may be when a kind is missing in
// it, or when it is known to be outdated.
const lookAgain = time.Second

// schemas knows the kinds of a cluster. It asks for all of them at once, again
// when a kind is missing or after something said that they changed. A group
// that does not answer keeps what was known of it.
type schemas struct {
	client *discovery.DiscoveryClient
	now    func() time.Time
	// asking holds a token while a request is under way.
	asking chan struct{}

	mu       sync.Mutex
	known    *kinds
	askedAt  time.Time
	outdated bool

	// version is that of the API server, as it was at versionAt.
	version   string
	versionAt time.Time
}

func newSchemas(client *discovery.DiscoveryClient) *schemas {
	return &schemas{client: client, now: time.Now, asking: make(chan struct{}, 1)}
}

// kinds is all that discovery told at one moment. It does not change.
type kinds struct {
	byKind map[schema.GroupVersionKind]resource
	// versions are those in which a kind is served, preferred ones first.
	versions map[schema.GroupKind][]string
	// failed are the group versions that did not answer.
	failed map[schema.GroupVersion]error
	// since is when the answers that failed began to.
	since map[schema.GroupVersion]time.Time
	// names are what Helm calls API versions: "apps/v1" and "apps/v1/Deployment".
	names []string
}

// resource is how a kind is reached.
type resource struct {
	kind  schema.GroupVersionKind
	path  schema.GroupVersionResource
	scope syncline.Scope
	verbs []string
}

// watchable reports whether what is live of the kind can be known.
func (r resource) watchable() bool {
	return slices.Contains(r.verbs, "list") && slices.Contains(r.verbs, "watch")
}

// invalidate says that kinds may have changed.
func (s *schemas) invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outdated = true
}

// find returns how a kind is reached. With an empty version it is the preferred
// one. The error is NotFound when the cluster certainly has no such kind, and
// Transient when that cannot be known.
func (s *schemas) find(ctx context.Context, kind schema.GroupVersionKind) (resource, error) {
	known, current := s.look()
	found, ok := known.find(kind)
	if ok && current {
		return found, nil
	}
	again, err := s.ask(ctx, known, !ok)
	if err != nil {
		if ok {
			return found, nil
		}
		return resource{}, err
	}
	if found, ok = again.find(kind); ok {
		return found, nil
	}
	return resource{}, again.explain(kind)
}

// all returns every kind that was told, asking when nothing was yet.
func (s *schemas) all(ctx context.Context) (*kinds, error) {
	known, current := s.look()
	if current {
		return known, nil
	}
	return s.ask(ctx, known, false)
}

// look returns what is known, which may be nil, and whether it counts.
func (s *schemas) look() (known *kinds, current bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known, s.known != nil && !s.outdated
}

// ask asks for all kinds, unless another caller did so meanwhile, or the last
// answer is too young to ask again. Missing says that a kind is not in known.
func (s *schemas) ask(ctx context.Context, known *kinds, missing bool) (*kinds, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, syncline.Errorf(syncline.Transient, "find out the kinds of the cluster: %w", context.Cause(ctx))
	}
	s.mu.Lock()
	latest := s.known
	young := s.now().Sub(s.askedAt) < lookAgain
	enough := latest != nil && (latest != known || young && !(missing && s.outdated))
	if !enough {
		s.outdated = false // what changes from here on is not in the answer
	}
	s.mu.Unlock()
	if enough {
		return latest, nil
	}
	return s.request(ctx, latest)
}

func (s *schemas) request(ctx context.Context, before *kinds) (*kinds, error) {
	_, lists, err := discovery.ServerGroupsAndResourcesWithContext(ctx, s.client)
	failedGroups, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !partial {
		s.outdated = true
		kind, hint := classify(err)
		return nil, &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("find out the kinds of the cluster: %w", err)}
	}
	s.known, s.askedAt = newKinds(lists, failedGroups, before), s.now()
	s.known.date(before, s.askedAt)
	return s.known, nil
}

// newKinds sorts what discovery told. Of a group version that failed, what was
// known before is kept.
func newKinds(lists []*metav1.APIResourceList, failed map[schema.GroupVersion]error, before *kinds) *kinds {
	k := &kinds{
		byKind:   map[schema.GroupVersionKind]resource{},
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
				k.add(resourceOf(groupVersion, told))
			}
		}
	}
	for groupVersion := range failed {
		k.keep(groupVersion, before)
	}
	k.sort()
	return k
}

// date takes note of since when what failed does.
func (k *kinds) date(before *kinds, now time.Time) {
	k.since = map[schema.GroupVersion]time.Time{}
	for groupVersion := range k.failed {
		k.since[groupVersion] = now
		if before == nil {
			continue
		}
		if since, failed := before.since[groupVersion]; failed {
			k.since[groupVersion] = since
		}
	}
}

func resourceOf(groupVersion schema.GroupVersion, told metav1.APIResource) resource {
	scope := syncline.ClusterScoped
	if told.Namespaced {
		scope = syncline.Namespaced
	}
	return resource{
		kind:  groupVersion.WithKind(told.Kind),
		path:  groupVersion.WithResource(told.Name),
		scope: scope,
		verbs: told.Verbs,
	}
}

// add adds a resource. Of two with one kind the first by name counts.
func (k *kinds) add(r resource) {
	if old, ok := k.byKind[r.kind]; ok {
		if r.path.Resource < old.path.Resource {
			k.byKind[r.kind] = r
		}
		return
	}
	k.byKind[r.kind] = r
	group := r.kind.GroupKind()
	k.versions[group] = append(k.versions[group], r.kind.Version)
}

func (k *kinds) keep(groupVersion schema.GroupVersion, before *kinds) {
	if before == nil {
		return
	}
	for kind, r := range before.byKind {
		if kind.GroupVersion() == groupVersion {
			k.add(r)
		}
	}
}

func (k *kinds) find(kind schema.GroupVersionKind) (resource, bool) {
	if k == nil {
		return resource{}, false
	}
	if kind.Version == "" {
		versions := k.versions[kind.GroupKind()]
		if len(versions) == 0 {
			return resource{}, false
		}
		kind.Version = versions[0]
	}
	r, ok := k.byKind[kind]
	return r, ok
}

// explain returns the error about a kind that was not told.
func (k *kinds) explain(kind schema.GroupVersionKind) error {
	if _, err := k.failure(kind); err != nil {
		return err
	}
	groupVersion := kind.GroupVersion().String()
	err := syncline.Errorf(syncline.NotFound, "kind %q of %s is not known to the cluster", kind.Kind, groupVersion)
	if versions := k.versions[kind.GroupKind()]; len(versions) > 0 {
		return syncline.WithHint(err, fmt.Sprintf("the cluster serves it as %s: change apiVersion",
			schema.GroupVersion{Group: kind.Group, Version: versions[0]}))
	}
	return syncline.WithHint(err, "install its CustomResourceDefinition, or put that into the same app")
}

// failure returns which group version that a kind may be of does not answer, and the
// error that says so; nil when all of them do.
func (k *kinds) failure(kind schema.GroupVersionKind) (schema.GroupVersion, error) {
	for groupVersion, err := range k.failed {
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
func (k *kinds) unanswered() error {
	var failed []string
	for groupVersion := range k.failed {
		told := slices.ContainsFunc(slices.Collect(maps.Keys(k.versions)), func(gk schema.GroupKind) bool { return gk.Group == groupVersion.Group })
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
func (k *kinds) sort() {
	for _, versions := range k.versions {
		sort.SliceStable(versions, func(i, j int) bool { return version.CompareKubeAwareVersionStrings(versions[i], versions[j]) > 0 })
	}
	for kind := range k.byKind {
		groupVersion := kind.GroupVersion().String()
		k.names = append(k.names, groupVersion, groupVersion+"/"+kind.Kind)
	}
	slices.Sort(k.names)
	k.names = slices.Compact(k.names)
}

// versionAge is how long the version of the API server is believed. It changes
// when the cluster is upgraded, and charts hardly depend on it.
const versionAge = time.Minute

// serverVersion returns the version of the API server.
func (s *schemas) serverVersion(ctx context.Context) (string, error) {
	s.mu.Lock()
	known, age := s.version, s.now().Sub(s.versionAt)
	s.mu.Unlock()
	if known != "" && age < versionAge {
		return known, nil
	}
	info, err := s.client.ServerVersionWithContext(ctx)
	if err != nil {
		kind, hint := classify(err)
		return "", &syncline.Error{Kind: kind, Hint: hint, Err: fmt.Errorf("ask the cluster for its version: %w", err)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.versionAt = info.GitVersion, s.now()
	return s.version, nil
}

// Scope returns where objects of a kind live. It is a NotFound error when the
// cluster does not know the kind, and a Transient one when that cannot be told
// because its API does not answer.
func (c *Cluster) Scope(ctx context.Context, kind schema.GroupVersionKind) (syncline.Scope, error) {
	r, err := c.schemas.find(ctx, kind)
	return r.scope, err
}

// outage is how long an API has to be silent before it counts as down, and not as one
// that is being restarted.
const outage = 10 * time.Second

// Unanswered says why nothing can be known of the objects of a kind, though the API
// server answers: what serves the kind's API is down, and not only for a moment. It is
// nil otherwise, and when the API server does not answer.
func (c *Cluster) Unanswered(ctx context.Context, kind schema.GroupVersionKind) error {
	known, err := c.schemas.all(ctx)
	if err != nil {
		return nil //nolint:nilerr // whoever asks for a kind learns that
	}
	groupVersion, err := known.failure(kind)
	if err == nil || c.schemas.now().Sub(known.since[groupVersion]) < outage {
		return nil
	}
	return err
}

// Version returns the version of the API server, such as "v1.36.3", as it was
// at most a minute ago.
func (c *Cluster) Version(ctx context.Context) (string, error) { return c.schemas.serverVersion(ctx) }

// APIVersions returns the group versions and kinds that the cluster serves,
// sorted, as Helm names them: "apps/v1" and "apps/v1/Deployment". Callers do
// not change them.
func (c *Cluster) APIVersions(ctx context.Context) ([]string, error) {
	known, err := c.schemas.all(ctx)
	if err != nil {
		return nil, err
	}
	return known.names, nil
}

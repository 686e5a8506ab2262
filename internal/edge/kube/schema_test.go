package kube_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

func isDiscovery(request *http.Request) bool { return request.URL.Path == "/apis" }

func TestScope(t *testing.T) {
	cluster := connect(t)
	for _, test := range []struct {
		kind  schema.GroupVersionKind
		scope syncline.Scope
		fault syncline.Kind
		text  string
	}{
		{schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, syncline.Namespaced, "", ""},
		{schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, syncline.ClusterScoped, "", ""},
		{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, syncline.Namespaced, "", ""},
		{schema.GroupVersionKind{Group: "apps", Kind: "Deployment"}, syncline.Namespaced, "", ""},
		{schema.GroupVersionKind{Group: "apps", Version: "v2", Kind: "Deployment"}, "", syncline.NotFound, `kind "Deployment" of apps/v2 is not known to the cluster`},
		{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Scale"}, "", syncline.NotFound, `kind "Scale" of apps/v1 is not known to the cluster`},
		{schema.GroupVersionKind{Group: "no.such", Version: "v1", Kind: "Thing"}, "", syncline.NotFound, `kind "Thing" of no.such/v1 is not known to the cluster`},
	} {
		scope, err := cluster.Scope(context.Background(), test.kind)
		if scope != test.scope || syncline.KindOf(err) != test.fault || err != nil && err.Error() != test.text {
			t.Errorf("%s: %q, %v", test.kind, scope, err)
		}
	}
}

func TestKindsAreAskedForRarely(t *testing.T) {
	b := newBench(t)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := b.Scope(context.Background(), schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := b.sent.count(isDiscovery); n != 1 {
		t.Errorf("50 callers asked %d times, want once", n)
	}
	for range 50 {
		_, _ = b.Scope(context.Background(), schema.GroupVersionKind{Group: "no.such", Version: "v1", Kind: "Thing"})
	}
	if n := b.sent.count(isDiscovery); n > 1 {
		t.Errorf("50 misses at once asked %d times, want at most once", n)
	}
	if _, err := b.APIVersions(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := b.sent.count(isDiscovery); n != 0 {
		t.Error("what is known was asked for")
	}
}

func TestAnOutdatedMissIsAskedForAtOnce(t *testing.T) {
	b := newBench(t)
	kind := schema.GroupVersionKind{Group: "test.syncline.io", Version: "v1", Kind: "Lamp"}
	if _, err := b.Scope(context.Background(), kind); syncline.KindOf(err) != syncline.NotFound {
		t.Fatal(err)
	}
	definition := kubetest.Parse(t, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: lamps.test.syncline.io},
		spec: {group: test.syncline.io, scope: Cluster, names: {plural: lamps, singular: lamp, kind: Lamp},
		versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`)
	b.create(definition)
	t.Cleanup(func() { b.somebody.Delete(t, definition.Ref()) })
	b.eventually("the kind is known", func() bool {
		b.Outdated()
		scope, err := b.Scope(context.Background(), kind)
		return err == nil && scope == syncline.ClusterScoped
	})
}

// An API that does not answer takes no other down, and what it serves is not
// said to be missing.
func TestAnAPIThatDoesNotAnswerAffectsItsKindsOnly(t *testing.T) {
	b := newBench(t)
	service := kubetest.Parse(t, `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.broken.syncline.io},
		spec: {group: broken.syncline.io, version: v1, groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true,
		service: {namespace: default, name: not-there}}}`)
	b.create(service)
	t.Cleanup(func() { b.somebody.Delete(t, service.Ref()) })
	broken := schema.GroupVersionKind{Group: "broken.syncline.io", Version: "v1", Kind: "Thing"}
	b.eventually("the API is told to be broken", func() bool {
		b.Outdated()
		_, err := b.Scope(context.Background(), broken)
		return syncline.KindOf(err) == syncline.Transient && strings.Contains(syncline.HintOf(err), "APIService")
	})
	if _, err := b.Scope(context.Background(), schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}); err != nil {
		t.Errorf("another kind is affected: %v", err)
	}
	if _, err := b.Scope(context.Background(), schema.GroupVersionKind{Group: "no.such", Version: "v1", Kind: "Thing"}); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("a kind that is missing is told as %v", err)
	}
	_, err := b.Get(context.Background(), syncline.Ref{Group: broken.Group, Kind: broken.Kind, Namespace: b.namespace, Name: "x"}, "v1")
	if syncline.KindOf(err) != syncline.Transient {
		t.Errorf("an object that cannot be known is told as %v", err)
	}
}

func TestADeadServerTellsNoKindMissing(t *testing.T) {
	dead := false
	cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if dead {
			return kubetest.Answer(request, http.StatusServiceUnavailable, "ServiceUnavailable"), nil
		}
		return next.RoundTrip(request)
	})
	known := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	if _, err := cluster.Scope(context.Background(), known); err != nil {
		t.Fatal(err)
	}
	dead = true
	cluster.Outdated()
	if _, err := cluster.Scope(context.Background(), known); err != nil {
		t.Errorf("a kind that was known is told as %v", err)
	}
	if _, err := cluster.Scope(context.Background(), schema.GroupVersionKind{Group: "no.such", Version: "v1", Kind: "Thing"}); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("a kind that cannot be known is told as %v", err)
	}
}

func TestWhatHelmAsks(t *testing.T) {
	b := newBench(t)
	for range 2 {
		version, err := b.Version(context.Background())
		if err != nil || !strings.HasPrefix(version, "v1.") {
			t.Errorf("the version is %q, %v", version, err)
		}
	}
	if n := b.sent.count(verb(http.MethodGet)); n != 1 {
		t.Errorf("two callers took %d requests, want one", n)
	}
	names, err := b.APIVersions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"v1", "v1/ConfigMap", "apps/v1", "apps/v1/Deployment", "networking.k8s.io/v1/Ingress"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("the names are not sorted")
	}
}

func TestKindsAreThoseThatCanBeWatched(t *testing.T) {
	kinds, err := connect(t).Kinds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[schema.GroupVersionKind]bool{
		{Version: "v1", Kind: "ConfigMap"}:                                          true,
		{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}:      true,
		{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}:      true,
		{Group: "authorization.k8s.io", Version: "v1", Kind: "SubjectAccessReview"}: false,
	} {
		if slices.Contains(kinds, kind) != want {
			t.Errorf("%s is among the kinds: %t", kind, !want)
		}
	}
	version := func(kind schema.GroupVersionKind) bool { return kind.Kind == "HorizontalPodAutoscaler" }
	if first := kinds[slices.IndexFunc(kinds, version)]; first.Version != "v2" {
		t.Errorf("%s comes before the preferred version", first)
	}
}

// A kind of which nothing can be watched is no reason to know less of others.
func TestWhatCannotBeWatchedIsNoResource(t *testing.T) {
	cluster := connect(t)
	_, err := cluster.Resource(t.Context(), schema.GroupVersionKind{Group: "authorization.k8s.io", Version: "v1", Kind: "SelfSubjectAccessReview"})
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "cannot be listed and watched") {
		t.Errorf("the error is %v", err)
	}
}

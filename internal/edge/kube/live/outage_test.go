package live_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

func isWatch(request *http.Request) bool { return request.URL.Query().Get("watch") != "" }

// scissors cut the watches of a client.
type scissors struct {
	mu   sync.Mutex
	open []context.CancelFunc
}

func (s *scissors) through(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	if isWatch(request) {
		ctx, cancel := context.WithCancel(request.Context())
		request = request.WithContext(ctx)
		s.mu.Lock()
		s.open = append(s.open, cancel)
		s.mu.Unlock()
	}
	return next.RoundTrip(request)
}

func (s *scissors) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cancel := range s.open {
		cancel()
	}
	s.open = nil
}

func TestACutWatchGoesOn(t *testing.T) {
	var scissors scissors
	var readings atomic.Int32
	cluster := connect(t, scissors.through, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(request.URL.Path, "/configmaps") && request.URL.Query().Get("sendInitialEvents") != "" {
			readings.Add(1)
		}
		return next.RoundTrip(request)
	})
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	namespace := namespace(t)
	for i := range 3 {
		scissors.cut()
		object := tracked(t, namespace, fmt.Sprintf("after-cut-%d", i))
		write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
		w.change(t, about(object.Ref()))
	}
	if n := readings.Load(); n != 1 {
		t.Errorf("everything was read %d times, want once: a cut loses no change", n)
	}
}

func TestAnExpiredWatchReadsAgain(t *testing.T) {
	var scissors scissors
	var expired atomic.Bool
	cluster := connect(t, scissors.through, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		resumed := isWatch(request) && request.URL.Query().Get("sendInitialEvents") == ""
		if resumed && strings.HasSuffix(request.URL.Path, "/configmaps") && expired.CompareAndSwap(false, true) {
			return kubetest.Answer(request, http.StatusGone, metav1.StatusReasonExpired), nil
		}
		return next.RoundTrip(request)
	})
	w := watch(t, cluster, live.Options{})
	namespace := namespace(t)
	kept, removed := tracked(t, namespace, "kept"), tracked(t, namespace, "removed")
	for _, object := range []syncline.Object{kept, removed} {
		write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	}
	w.need(t, configMaps)
	newSomebody(t).Delete(t, removed.Ref())
	w.change(t, about(removed.Ref()))
	scissors.cut()
	late := tracked(t, namespace, "late")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: late})
	w.change(t, about(late.Ref()))
	if !expired.Load() {
		t.Error("no watch expired")
	}
	if _, ok := w.Get(kept.Ref()); !ok {
		t.Error("an object that is there was forgotten")
	}
}

func TestAServerThatCannotStreamIsListed(t *testing.T) {
	for name, refuse := range map[string]kubetest.Through{
		"it refuses": func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
			if request.URL.Query().Get("sendInitialEvents") != "" {
				return kubetest.Answer(request, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid), nil
			}
			return next.RoundTrip(request)
		},
		"it refuses, and continuations expire": func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
			query := request.URL.Query()
			switch {
			case query.Get("sendInitialEvents") != "":
				return kubetest.Answer(request, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid), nil
			case query.Get("continue") != "":
				return kubetest.Answer(request, http.StatusGone, metav1.StatusReasonExpired), nil
			case query.Get("limit") != "":
				query.Set("limit", "2")
				request = request.Clone(request.Context())
				request.URL.RawQuery = query.Encode()
			}
			return next.RoundTrip(request)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := connect(t, refuse)
			namespace := namespace(t)
			for i := range 5 {
				write(t, cluster, syncline.Write{Action: syncline.Create, Object: tracked(t, namespace, fmt.Sprint("listed-", i))})
			}
			w := watch(t, cluster, live.Options{})
			w.need(t, configMaps)
			if owned := w.owned(namespace); len(owned) != 5 {
				t.Errorf("%d objects are remembered, want 5", len(owned))
			}
			late := tracked(t, namespace, "late")
			write(t, cluster, syncline.Write{Action: syncline.Create, Object: late})
			w.change(t, about(late.Ref()))
		})
	}
}

func TestARefusedKindIsNotKnownAndOthersAre(t *testing.T) {
	cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.Contains(request.URL.Path, "/secrets") && isWatch(request) {
			return kubetest.Answer(request, http.StatusForbidden, metav1.StatusReasonForbidden), nil
		}
		return next.RoundTrip(request)
	})
	namespace := namespace(t)
	secret := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {namespace: %[1]s, name: hidden,
		annotations: {argocd.argoproj.io/tracking-id: "%[1]s:/Secret:%[1]s/hidden"}}}`, namespace))
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: secret})
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	w.Need(secrets)
	w.until(t, func() bool { return w.Err(secrets.GroupKind()) != nil })
	if err := w.Err(secrets.GroupKind()); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("the error is %v, want one that is denied", err)
	}
	if _, ok := w.Get(secret.Ref()); ok || len(w.owned(namespace)) != 0 {
		t.Error("an object of a kind that is not known is remembered")
	}
	if missing := w.Ready(configMaps.GroupKind(), secrets.GroupKind()); len(missing) != 0 {
		t.Errorf("%v have to be waited for", missing)
	}
}

func TestAKindComesAndGoes(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	well := schema.GroupVersionKind{Group: "test.syncline.io", Version: "v1", Kind: "Well"}
	w.Need(well)
	w.until(t, func() bool { return w.Err(well.GroupKind()) != nil })
	if err := w.Err(well.GroupKind()); syncline.KindOf(err) != syncline.NotFound {
		t.Fatalf("the error is %v, want that there is no such kind", err)
	}

	definition := kubetest.Parse(t, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: wells.test.syncline.io},
		spec: {group: test.syncline.io, scope: Cluster, names: {plural: wells, singular: well, kind: Well},
		versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`)
	created := write(t, cluster, syncline.Write{Action: syncline.Create, Object: definition})
	w.until(t, func() bool { return w.Err(well.GroupKind()) == nil && len(w.Ready(well.GroupKind())) == 0 })
	object := kubetest.Parse(t, `{apiVersion: test.syncline.io/v1, kind: Well, metadata: {name: deep}}`).WithAnnotation(
		convention.Tracking, "wells:test.syncline.io/Well:/deep")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))

	write(t, cluster, syncline.Write{
		Action: syncline.Prune, Ref: definition.Ref(), Version: "v1", UID: created.Reveal().GetUID(),
		Steering: live.SteeringOf(created.Reveal(), syncline.Dialects{convention.Dialect()}),
	})
	w.until(t, func() bool { return syncline.KindOf(w.Err(well.GroupKind())) == syncline.NotFound })
	if _, ok := w.Get(object.Ref()); ok {
		t.Error("an object of a kind that is gone is remembered")
	}
}

func TestAVersionThatIsNotServedIsReplaced(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	old := schema.GroupVersionKind{Group: "autoscaling", Version: "v2beta2", Kind: "HorizontalPodAutoscaler"}
	w.need(t, old)
	object := kubetest.Parse(t, `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web},
		spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`).WithNamespace(namespace(t))
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))
	if seen, _ := w.Get(object.Ref()); seen.Version != "v2" || seen.Applied != object.Digest() {
		t.Errorf("the object is remembered in %s with digest %q", seen.Version, seen.Applied)
	}
}

// What is applied in another version than the watched one cannot be digested.
func TestAnotherVersionIsNotDigested(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"})
	object := kubetest.Parse(t, `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web},
		spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`).WithNamespace(namespace(t))
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))
	if seen, _ := w.Get(object.Ref()); seen.Version != "v1" || seen.Applied != "" {
		t.Errorf("the object is remembered in %s with digest %q, want none", seen.Version, seen.Applied)
	}
}

// A conversion that fails takes the kind away, and nothing else.
func TestAFailingConversionAffectsItsKindOnly(t *testing.T) {
	cluster := connect(t)
	definition := kubetest.Parse(t, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: tides.test.syncline.io},
		spec: {group: test.syncline.io, scope: Cluster, names: {plural: tides, singular: tide, kind: Tide},
		versions: [
			{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}},
			{name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}],
		conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: "https://127.0.0.1:9/convert"}}}}}`)
	created := write(t, cluster, syncline.Write{Action: syncline.Create, Object: definition})
	t.Cleanup(func() {
		newSomebody(t).Patch(t, definition.Ref(), `{"spec": {"conversion": {"strategy": "None", "webhook": null}}}`)
		remove(t, cluster, created)
	})
	w := watch(t, cluster, live.Options{})
	v1 := schema.GroupVersionKind{Group: "test.syncline.io", Version: "v1", Kind: "Tide"}
	w.need(t, v1, configMaps)
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: kubetest.Parse(t, `{apiVersion: test.syncline.io/v1, kind: Tide, metadata: {name: high}}`)})
	high := syncline.Ref{Group: "test.syncline.io", Kind: "Tide", Name: "high"}
	w.until(t, func() bool { _, ok := w.Get(high); return ok })

	other := watch(t, cluster, live.Options{})
	v2 := schema.GroupVersionKind{Group: "test.syncline.io", Version: "v2", Kind: "Tide"}
	other.need(t, configMaps)
	other.Need(v2)
	other.until(t, func() bool { return other.Err(v2.GroupKind()) != nil })
	if err := other.Err(v2.GroupKind()); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("the error is %v, want one that passes", err)
	}
	if _, ok := other.Get(high); ok {
		t.Error("an object that cannot be read is remembered")
	}
}

func TestTheAPIServerRestarts(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{Patience: 3})
	w.need(t, configMaps)
	namespace := namespace(t)
	before := tracked(t, namespace, "before")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: before})
	w.change(t, about(before.Ref()))

	if err := control.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	w.until(t, func() bool { return w.Err(configMaps.GroupKind()) != nil })
	if err := w.Err(configMaps.GroupKind()); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("the error is %v, want one that passes", err)
	}
	if _, err := cluster.Get(context.Background(), before.Ref(), "v1"); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("reading fails with %v, want an error that passes", err)
	}
	if err := control.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	w.until(t, func() bool { return w.Err(configMaps.GroupKind()) == nil })
	after := tracked(t, namespace, "after")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: after})
	w.change(t, about(after.Ref()))
	if _, ok := w.Get(before.Ref()); !ok {
		t.Error("an object that is there was forgotten")
	}
}

func TestAnAccessRemembersWhatItWrites(t *testing.T) {
	cluster := connect(t)
	known := make(chan schema.GroupKind, 10)
	connection := kube.NewConnection(cluster, live.Options{OnReady: func(gk schema.GroupKind) { known <- gk }})
	t.Cleanup(connection.Close)
	target, err := connection.As(syncline.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	connection.Live.Need(configMaps)
	<-known
	object := tracked(t, namespace(t), "written")
	written := write(t, target, syncline.Write{Action: syncline.Create, Object: object})
	seen, ok := connection.Live.Get(object.Ref())
	if !ok || seen.UID != written.Reveal().GetUID() || seen.Applied != object.Digest() {
		t.Error("what was written is not remembered at once")
	}
	write(t, target, syncline.Write{
		Action: syncline.Prune, Ref: object.Ref(), Version: "v1", UID: seen.UID, Steering: seen.Steering(),
		Options: option.List{"PrunePropagationPolicy=background"},
	})
	if _, ok := connection.Live.Get(object.Ref()); ok {
		t.Error("what was deleted is remembered")
	}
}

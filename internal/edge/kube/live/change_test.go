package live_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

var (
	configMaps  = corev1.SchemeGroupVersion.WithKind("ConfigMap")
	secrets     = corev1.SchemeGroupVersion.WithKind("Secret")
	deployments = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
)

// tracked is a ConfigMap that the instance called like its namespace tracks.
func tracked(t testing.TB, namespace, name string) syncline.Object {
	t.Helper()
	return kubetest.Parse(t, fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %[1]s, name: %[2]s,
		annotations: {argocd.argoproj.io/tracking-id: "%[1]s:/ConfigMap:%[1]s/%[2]s"}}, data: {color: blue}}`, namespace, name))
}

func TestDriftOfAnOwnedFieldIsAChange(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	object := tracked(t, namespace(t), "drift")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))
	before, _ := w.Get(object.Ref())
	if before.Applied != object.Digest() {
		t.Fatal("what we own is not what is desired")
	}

	newSomebody(t).Patch(t, object.Ref(), `{"data": {"color": "red"}}`)
	change := w.change(t, about(object.Ref()))
	if change.What != live.Applied || change.Before != object.Ref().Namespace || change.After != object.Ref().Namespace || change.Ours {
		t.Errorf("the change is %+v, want that of an owned field", change)
	}
	if after, _ := w.Get(object.Ref()); after.Applied == before.Applied {
		t.Error("the digest did not change")
	}
}

func TestWhatWeDoNotOwnIsNoChange(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, deployments)
	namespace := namespace(t)
	object := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: %s, name: web},
		spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},
		spec: {nodeSelector: {no: such}, containers: [{name: main, image: nginx}]}}}}`, namespace))
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))

	somebody := newSomebody(t)
	somebody.Patch(t, object.Ref(), `{"spec": {"replicas": 3}}`, "scale")
	somebody.Patch(t, object.Ref(), `{"metadata": {"annotations": {"example.com/note": "x"}}}`)
	somebody.Patch(t, object.Ref(), `{"status": {"observedGeneration": 99, "conditions": [{"type": "Progressing", "status": "True"}]}}`, "status")
	seen, _ := w.Get(object.Ref())
	somebody.Patch(t, object.Ref(), `{"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": "3"}}}`)
	change := w.change(t, about(object.Ref()))
	if change.What != live.Marks {
		t.Errorf("what was told first of the object is %08b, want its marks only", change.What)
	}
	if after, _ := w.Get(object.Ref()); after.Applied != seen.Applied || after.Marks[convention.Wave] != "3" {
		t.Errorf("remembered are the digest %q and the marks %v", after.Applied, after.Marks)
	}
}

func TestHealthIsJudgedWhenSeen(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{Assess: func(u *unstructured.Unstructured) syncline.Health {
		color, _, _ := unstructured.NestedString(u.Object, "data", "color")
		if color == "red" {
			return syncline.Health{Status: syncline.Degraded, Message: "it is red"}
		}
		return syncline.Health{Status: syncline.Healthy}
	}})
	w.need(t, configMaps)
	object := tracked(t, namespace(t), "traffic-light")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))
	if seen, _ := w.Get(object.Ref()); seen.Health.Status != syncline.Healthy {
		t.Errorf("health is %v", seen.Health)
	}
	newSomebody(t).Patch(t, object.Ref(), `{"data": {"color": "red"}}`)
	if change := w.change(t, about(object.Ref())); !change.What.Has(live.Health) {
		t.Errorf("told was %08b, want the health too", change.What)
	}
	if seen, _ := w.Get(object.Ref()); seen.Health != (syncline.Health{Status: syncline.Degraded, Message: "it is red"}) {
		t.Errorf("health is %v", seen.Health)
	}
}

// When there are other rules, what was seen before is judged by them.
func TestHealthIsJudgedAnewOnRequest(t *testing.T) {
	cluster := connect(t)
	var status atomic.Value
	status.Store(syncline.Healthy)
	w := watch(t, cluster, live.Options{Assess: func(*unstructured.Unstructured) syncline.Health {
		return syncline.Health{Status: status.Load().(syncline.HealthStatus)}
	}})
	w.need(t, configMaps)
	ns := namespace(t)
	objects := []syncline.Object{tracked(t, ns, "judged-anew"), tracked(t, ns, "judged-too")}
	for _, object := range objects {
		write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
		w.change(t, about(object.Ref()))
	}
	status.Store(syncline.Degraded)
	w.Reread(configMaps.GroupKind())
	w.Reread(schema.GroupKind{Kind: "Unwatched"})
	told := map[syncline.Ref]bool{}
	for len(told) < len(objects) {
		change := w.change(t, func(c live.Change) bool { return about(objects[0].Ref())(c) || about(objects[1].Ref())(c) })
		if change.What != live.Health {
			t.Errorf("told was %08b of %s", change.What, change.Ref)
		}
		told[change.Ref] = true
	}
	if missing := w.Ready(configMaps.GroupKind()); len(missing) > 0 {
		t.Error("what is known is not known any more")
	}
}

func TestDeletionIsTold(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	object := tracked(t, namespace(t), "held").WithFinalizer("example.com/hold")
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))

	somebody := newSomebody(t)
	somebody.Delete(t, object.Ref())
	if change := w.change(t, about(object.Ref())); change.What != live.Terminating {
		t.Errorf("told was %08b, want the beginning of the deletion", change.What)
	}
	seen, _ := w.Get(object.Ref())
	if !seen.Terminating || len(seen.Finalizers) != 1 || seen.Finalizers[0] != "example.com/hold" {
		t.Errorf("remembered is terminating %t, waiting for %q", seen.Terminating, seen.Finalizers)
	}
	somebody.Patch(t, object.Ref(), `{"metadata": {"finalizers": null}}`)
	change := w.change(t, func(c live.Change) bool { return c.Ref == object.Ref() && c.What.Has(live.Existence) })
	if change.Before != object.Ref().Namespace || change.After != "" {
		t.Errorf("the change is %+v", change)
	}
	if _, ok := w.Get(object.Ref()); ok || len(w.owned(object.Ref().Namespace)) != 0 {
		t.Error("the object is still remembered")
	}
}

func TestOwnedFollowsTheTracking(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	namespace := namespace(t)
	first, second := tracked(t, namespace, "first"), tracked(t, namespace, "second")
	copied := second.WithName("copied")
	for _, object := range []syncline.Object{second, first, copied} {
		write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
		w.change(t, about(object.Ref()))
	}
	if owned := w.owned(namespace); len(owned) != 2 || owned[0].Ref != first.Ref() || owned[1].Ref != second.Ref() {
		t.Errorf("the instance owns %v, want first and second, in this order", owned)
	}
	if seen, ok := w.Get(copied.Ref()); !ok || seen.Owner != "" {
		t.Errorf("an object with a copied annotation is remembered as %q's", seen.Owner)
	}

	newSomebody(t).Patch(t, first.Ref(), fmt.Sprintf(
		`{"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "other:/ConfigMap:%s/first"}}}`, namespace))
	if change := w.change(t, about(first.Ref())); change.Before != namespace || change.After != "other" || !change.What.Has(live.Owner) {
		t.Errorf("the change is %+v, want the move to other", change)
	}
	if len(w.owned(namespace)) != 1 || len(w.owned("other")) != 1 {
		t.Error("the object did not move to the other instance")
	}
}

// TestInsideAreThoseWhoMadeSomething has an object that moves from one instance to
// another, and one that only says whose it is.
func TestInsideAreThoseWhoMadeSomething(t *testing.T) {
	cluster := connect(t)
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	namespace := namespace(t)
	home := syncline.Ref{Kind: "Namespace", Name: namespace}
	object := tracked(t, namespace, "first")
	claimed := object.WithName("claimed").WithAnnotation(convention.Tracking, "nobody:/ConfigMap:"+namespace+"/claimed")
	newSomebody(t).Create(t, claimed, "kubectl")
	w.change(t, about(claimed.Ref()))
	if inside := w.Inside(home); len(inside) > 0 {
		t.Errorf("inside are %v by what only an annotation says", inside)
	}
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: object})
	w.change(t, about(object.Ref()))
	if inside := w.Inside(home); len(inside) != 1 || inside[0] != namespace {
		t.Errorf("inside are %v", inside)
	}
	newSomebody(t).Delete(t, object.Ref())
	w.until(t, func() bool { return len(w.Inside(home)) == 0 })
}

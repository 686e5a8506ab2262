package live

import (
	"fmt"
	"runtime"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
)

// perObject is how many bytes an object may cost. It is what a tracked
// Deployment takes, the largest of the usual kinds.
const perObject = 1024

func TestMemoryPerObject(t *testing.T) {
	if used := memoryPerObject(t, 5000); used > perObject {
		t.Errorf("an object takes %d bytes, want at most %d", used, perObject)
	}
}

func BenchmarkMemoryPerObject(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(memoryPerObject(b, 20000)), "bytes/object")
	}
}

func BenchmarkReduce(b *testing.B) {
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}})
	defer c.Close()
	object := deployment(1)
	for b.Loop() {
		c.reduce(object)
	}
}

// memoryPerObject remembers tracked Deployments, four of each instance, and returns the bytes that one
// takes.
func memoryPerObject(t testing.TB, count int) int {
	t.Helper()
	c := New(unreachable{}, Options{Dialects: syncline.Dialects{convention.Dialect()}, Assess: func(*unstructured.Unstructured) syncline.Health {
		return syncline.Health{Status: syncline.Healthy}
	}})
	defer c.Close()
	k := newKind(c, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	c.mu.Lock()
	c.kinds[k.gvk.GroupKind()] = k
	c.mu.Unlock()
	before := heap()
	k.handle(stream.Event{Type: stream.Begin})
	for i := range count {
		k.handle(stream.Event{Type: stream.Set, Object: deployment(i)})
	}
	k.handle(stream.Event{Type: stream.Complete, Version: "1"})
	used := (heap() - before) / count
	if got := c.Stats().Objects; got != count {
		t.Fatalf("%d objects are remembered, want %d", got, count)
	}
	runtime.KeepAlive(c)
	return used
}

func heap() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// deployment is one as an API server tells it, parsed anew so that it shares
// nothing with another one.
func deployment(i int) *unstructured.Unstructured {
	text := fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
		"namespace": "team-%[2]d", "name": "service-%[1]d", "uid": "11111111-2222-3333-4444-%012[1]d", "resourceVersion": "%[3]d",
		"creationTimestamp": "2026-01-02T03:04:05Z",
		"annotations": {"argocd.argoproj.io/sync-wave": "1", "argocd.argoproj.io/tracking-id": "app-%[4]d:apps/Deployment:team-%[2]d/service-%[1]d"},
		"managedFields": [{"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {
			"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/sync-wave": {}, "f:argocd.argoproj.io/tracking-id": {}}},
			"f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers":
				{"k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}}}]},
		"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}},
			"spec": {"containers": [{"name": "main", "image": "registry.example.com/service-%[1]d:v1.2.3", "env": [{"name": "A", "value": "1"}]}]}}},
		"status": {"replicas": 1, "readyReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]}}`, i, i/10, 100000+i, i/4)
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(text)); err != nil {
		panic(err) // the text above is wrong
	}
	return u
}

package health_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/engine/health"
)

// Whatever an object of a kind that has a check holds.
func FuzzHealth(f *testing.F) {
	kinds := [][2]string{
		{"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"}, {"apps/v1", "ReplicaSet"}, {"v1", "Pod"},
		{"v1", "Service"}, {"v1", "PersistentVolumeClaim"}, {"v1", "Namespace"}, {"batch/v1", "Job"}, {"batch/v1", "CronJob"},
		{"networking.k8s.io/v1", "Ingress"}, {"autoscaling/v2", "HorizontalPodAutoscaler"}, {"argoproj.io/v1alpha1", "Workflow"},
		{"apiregistration.k8s.io/v1", "APIService"}, {"apiextensions.k8s.io/v1", "CustomResourceDefinition"}, {"example.com/v1", "Widget"},
	}
	for i := range kinds {
		f.Add(i, []byte(`{"metadata": {"generation": 2}, "spec": {"replicas": -1, "containers": [{"name": 1}, null]}, "status": {"conditions": [{"type": "Ready"}, 1], "observedGeneration": "x"}}`))
		f.Add(i, []byte(`{"metadata": {"deletionTimestamp": "x", "finalizers": {}}, "spec": [], "status": {"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}], "loadBalancer": {"ingress": {}}}}`))
	}
	f.Fuzz(func(t *testing.T, kind int, text []byte) {
		object := map[string]any{}
		if len(text) > 1<<15 || kjson.UnmarshalCaseSensitivePreserveInts(text, &object) != nil || object == nil {
			return
		}
		names := kinds[uint(kind)%uint(len(kinds))]
		object["apiVersion"], object["kind"] = names[0], names[1]
		bound.Limits{}.Run(t, func() { health.Checks{}.Quick(&unstructured.Unstructured{Object: object}) })
	})
}

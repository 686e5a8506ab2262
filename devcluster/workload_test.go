package devcluster_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/devcluster"
)

func TestWorkloads(t *testing.T) {
	cluster := start(t, devcluster.Options{Nodes: 2})
	u := newUser(t, cluster)
	for _, test := range []struct {
		name   string
		source string
		what   string
		wanted func(*unstructured.Unstructured) bool
	}{
		{"a deployment becomes available", deployment("web", ""), "available", hasCondition("Available", "True")},
		{"a deployment that crashes misses its deadline", deployment("crash", `devcluster.syncline.io/exit: "3"`), "past its deadline", hasCondition("Progressing", "False")},
		{"a deployment that hangs misses its deadline", deployment("hang", `devcluster.syncline.io/hang: "true"`), "past its deadline", hasCondition("Progressing", "False")},
		{"a daemon set runs on each node", daemonSet("agent"), "ready twice", hasField(int64(2), "status", "numberReady")},
		{"a stateful set gets its volumes", statefulSet("db"), "ready", hasField(int64(2), "status", "readyReplicas")},
		{"a job completes", job("ok", ""), "complete", hasCondition("Complete", "True")},
		{"a job that takes its time completes", job("slow", `devcluster.syncline.io/run-for: "1s"`), "complete", hasCondition("Complete", "True")},
		{"a job with an exit code fails", job("fails", `devcluster.syncline.io/exit: "1"`), "failed", hasCondition("Failed", "True")},
		{"a pod with exit code 0 succeeds", pod("done", `devcluster.syncline.io/exit: "0"`), "succeeded", hasField("Succeeded", "status", "phase")},
		{"a pod with exit code 2 fails", pod("undone", `devcluster.syncline.io/exit: "2"`), "failed", hasField("Failed", "status", "phase")},
		{"a load balancer gets an address", loadBalancer("lb"), "addressed", hasAddress},
		{"an ingress gets an address", ingress("in"), "addressed", hasAddress},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := &user{t: t, client: u.client, namespace: u.namespace}
			u.sees(u.has(test.source), test.what, test.wanted)
		})
	}
}

func TestHangingPodStartsWhenReleased(t *testing.T) {
	u := newUser(t, start(t, devcluster.Options{}))
	hanging := u.has(job("waits", `devcluster.syncline.io/hang: "true"`))
	u.sees(hanging, "active", hasField(int64(1), "status", "active"))

	pods := u.resource(u.has(pod("other", "")))
	list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=waits"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("the hanging job has %d pods, want 1 (%v)", len(list.Items), err)
	}
	release := []byte(`{"metadata":{"annotations":{"devcluster.syncline.io/hang":null}}}`)
	if _, err := pods.Patch(t.Context(), list.Items[0].GetName(), types.MergePatchType, release, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	u.sees(hanging, "complete", hasCondition("Complete", "True"))
}

func TestAutoscalerFollowsTheMetrics(t *testing.T) {
	u := newUser(t, start(t, devcluster.Options{}))
	for name, test := range map[string]struct {
		annotation string
		replicas   int64
	}{
		"idle": {"", 2},
		"busy": {`devcluster.syncline.io/cpu: "100m"`, 4},
	} {
		web := u.has(deployment(name, test.annotation))
		scaler := u.has(fmt.Sprintf(`{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: %s},
			spec: {minReplicas: 2, maxReplicas: 4, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s},
				metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}}`, name, name))
		u.sees(scaler, "active", hasCondition("ScalingActive", "True"))
		u.sees(web, "scaled", hasField(test.replicas, "status", "readyReplicas"))
	}
}

func TestVolumeGoesWithItsClaim(t *testing.T) {
	u := newUser(t, start(t, devcluster.Options{}))
	claim := u.has(`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data},
		spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`)
	u.sees(claim, "bound", hasField("Bound", "status", "phase"))

	volume := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "PersistentVolume"}}
	volume.SetName("pvc-" + string(claim.GetUID()))
	if err := u.resource(claim).Delete(t.Context(), "data", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	u.sees(volume, "deleted", nil)
}

func hasAddress(object *unstructured.Unstructured) bool {
	addresses, _, _ := unstructured.NestedSlice(object.Object, "status", "loadBalancer", "ingress")
	return len(addresses) > 0
}

func deployment(name, annotation string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s},
		spec: {replicas: 2, progressDeadlineSeconds: 2, selector: {matchLabels: {app: %[1]s}}, template: %[2]s}}`, name, podTemplate(name, annotation, "Always"))
}

func daemonSet(name string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: %[1]s},
		spec: {selector: {matchLabels: {app: %[1]s}}, template: %[2]s}}`, name, podTemplate(name, "", "Always"))
}

func statefulSet(name string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: %[1]s},
		spec: {replicas: 2, serviceName: %[1]s, selector: {matchLabels: {app: %[1]s}}, template: %[2]s,
			volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]}}`,
		name, podTemplate(name, "", "Always"))
}

func job(name, annotation string) string {
	return fmt.Sprintf(`{apiVersion: batch/v1, kind: Job, metadata: {name: %s},
		spec: {backoffLimit: 0, template: %s}}`, name, podTemplate(name, annotation, "OnFailure"))
}

func pod(name, annotation string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, annotations: {%s}},
		spec: {restartPolicy: Never, containers: [{name: main, image: "registry.example/app:1"}]}}`, name, annotation)
}

func podTemplate(name, annotation, restart string) string {
	return fmt.Sprintf(`{metadata: {labels: {app: %s}, annotations: {%s}},
		spec: {restartPolicy: %s, containers: [{name: main, image: "registry.example/app:1", resources: {requests: {cpu: 100m}}}]}}`, name, annotation, restart)
}

func loadBalancer(name string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {type: LoadBalancer, ports: [{port: 80}]}}`, name)
}

func ingress(name string) string {
	return fmt.Sprintf(`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: %s},
		spec: {defaultBackend: {service: {name: lb, port: {number: 80}}}}}`, name)
}

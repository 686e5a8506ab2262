package demo

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// looking returns a view of the objects, each of them YAML.
func looking(t *testing.T, objects map[string]schema.GroupVersionResource) view {
	t.Helper()
	v := view{}
	for text, resource := range objects {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatal(err)
		}
		v[key{resource, nameOf(u)}] = u
	}
	return v
}

func at(second string) string { return "2026-01-01T00:00:" + second + "Z" }

func TestDelivered(t *testing.T) {
	const app = `{metadata: {name: a, namespace: argocd}, status: {
		sync: {status: SYNC, revision: REVISION}, health: {status: HEALTH}, operationState: {phase: PHASE, message: "no quota"}}}`
	for _, test := range []struct{ sync, revision, health, phase, want string }{
		{"Synced", "c2", "Healthy", "Succeeded", ""},
		{"OutOfSync", "c2", "Healthy", "Succeeded", "Application a at c2 is OutOfSync  Healthy  Succeeded"},
		{"Synced", "c1", "Healthy", "Succeeded", "Application a at c1 is"},
		{"Synced", "c2", "Degraded", "Succeeded", "Degraded"},
		{"Synced", "c2", "Healthy", "Failed", "Failed: no quota"},
		{"Synced", "c2", "Healthy", "Running", "Running"},
	} {
		text := strings.NewReplacer("SYNC", test.sync, "REVISION", test.revision, "HEALTH", test.health, "PHASE", test.phase).Replace(app)
		v := looking(t, map[string]schema.GroupVersionResource{text: applications()})
		expect(t, delivered("a", "c2")(v), test.want)
	}
	expect(t, delivered("a", "c2")(view{}), "there is no Application a")
}

func TestAvailable(t *testing.T) {
	for status, want := range map[string]string{
		`spec: {replicas: 2}, status: {observedGeneration: 5, updatedReplicas: 2, availableReplicas: 2}`: "",
		`spec: {replicas: 2}, status: {observedGeneration: 4, updatedReplicas: 2, availableReplicas: 2}`: "not rolled out",
		`spec: {replicas: 2}, status: {observedGeneration: 5, updatedReplicas: 1, availableReplicas: 2}`: "not rolled out",
		`spec: {replicas: 2}, status: {observedGeneration: 5, updatedReplicas: 2, availableReplicas: 1}`: "not rolled out",
		`spec: {replicas: 3}, status: {observedGeneration: 5, updatedReplicas: 3, availableReplicas: 3}`: "does not ask for 2",
	} {
		v := looking(t, map[string]schema.GroupVersionResource{
			`{metadata: {name: web, namespace: a, generation: 5}, ` + status + `}`: deployments(),
		})
		expect(t, available("a", "web", 2)(v), want)
	}
	expect(t, available("a", "web", 2)(view{}), "there is no Deployment a/web")
}

func TestInWaves(t *testing.T) {
	for _, test := range []struct{ config, deployment, ready, service, want string }{
		{"01", "01", "03", "03", ""},
		{"01", "02", "04", "05", ""},
		{"02", "01", "04", "05", "wave 1 began before wave 0"},
		{"01", "02", "04", "03", "wave 2 began before wave 1 was healthy"},
	} {
		v := looking(t, map[string]schema.GroupVersionResource{
			`{metadata: {name: greeting, namespace: waves, creationTimestamp: "` + at(test.config) + `"}}`: configMaps(),
			`{metadata: {name: web, namespace: waves, creationTimestamp: "` + at(test.service) + `"}}`:     services(),
			`{metadata: {name: web, namespace: waves, creationTimestamp: "` + at(test.deployment) + `"},
				status: {conditions: [{type: Available, status: "True", lastTransitionTime: "` + at(test.ready) + `"}]}}`: deployments(),
		})
		expect(t, inWaves(v), test.want)
	}
	expect(t, inWaves(view{}), "missing")
}

func TestInPhases(t *testing.T) {
	for _, test := range []struct{ migrated, created, ready, tested, want string }{
		{"01", "01", "02", "02", ""},
		{"03", "02", "04", "05", "the sync began before the PreSync hook"},
		{"01", "02", "04", "03", "the PostSync hook began before"},
	} {
		objects := map[string]schema.GroupVersionResource{
			`{metadata: {name: migrate, namespace: hooks}, status: {completionTime: "` + at(test.migrated) + `"}}`: jobs(),
			`{metadata: {name: smoke-test, namespace: hooks, creationTimestamp: "` + at(test.tested) + `"},
				status: {completionTime: "` + at("09") + `"}}`: jobs(),
			`{metadata: {name: orders, namespace: hooks, creationTimestamp: "` + at(test.created) + `"},
				status: {conditions: [{type: Available, status: "True", lastTransitionTime: "` + at(test.ready) + `"}]}}`: deployments(),
		}
		expect(t, inPhases(looking(t, objects)), test.want)
		if test.want == "" {
			objects[`{metadata: {name: alert, namespace: hooks}}`] = jobs()
			expect(t, inPhases(looking(t, objects)), "the SyncFail hook ran")
		}
	}
	expect(t, inPhases(view{}), "missing")
}

func TestLoopback(t *testing.T) {
	for server, want := range map[string]bool{
		"https://127.0.0.1:6443":            true,
		"https://localhost:6443":            true,
		"https://[::1]:6443":                true,
		"https://10.0.0.1:6443":             false,
		"https://127.0.0.1.example.com":     false,
		"https://localhost@api.example.com": false,
		"not an address":                    false,
	} {
		if got := loopback(server); got != want {
			t.Errorf("loopback(%q) = %t", server, got)
		}
	}
}

// expect checks why a condition does not hold; "" means that it does.
func expect(t *testing.T, why, want string) {
	t.Helper()
	if (why == "") != (want == "") || !strings.Contains(why, want) {
		t.Errorf("the condition says %q, want %q", why, want)
	}
}

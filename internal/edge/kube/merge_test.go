package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// mergeCase is one thing that an apply refuses.
type mergeCase struct {
	name string
	// before is what was applied, hand what somebody made of it, by a merge patch,
	// and desired what is applied then.
	before, hand, desired string
	// want are texts that the result has, never those that it has not.
	want, never []string
	// twice says that an item is declared repeatedly, which an apply never takes.
	twice bool
}

// deployment is one whose pods have the given fields beside their containers'.
func deployment(spec, pod, container string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {%sselector: {matchLabels: {app: web}},
		template: {metadata: {labels: {app: web}}, spec: {%scontainers: [{name: main, image: example/web%s}]}}}}`, spec, pod, container)
}

func service(spec string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, %s}}`, spec)
}

// others is a container that somebody injects, in front of ours, with replicas
// that somebody scales and an annotation.
const others = `{"metadata": {"annotations": {"by": "them"}}, "spec": {"replicas": 3, "template": {"spec": {"containers": [
	{"name": "sidecar", "image": "example/sidecar"}, {"name": "main", "image": "example/web"}]}}}}`

var othersStay = []string{`"by":"them"`, `"replicas":3`, `"image":"example/sidecar"`}

var mergeCases = []mergeCase{
	// A key that was changed by hand.
	{"a port renumbered by hand", service(`ports: [{name: http, port: 80}]`), `{"spec": {"ports": [{"name": "http", "port": 8080}]}}`,
		service(`ports: [{name: http, port: 80}]`), []string{`"port":80,`, `"targetPort":80}`}, []string{"8080"}, false},
	{"a port without a name", service(`ports: [{port: 80}]`), `{"spec": {"ports": [{"port": 8080}]}}`,
		service(`ports: [{port: 81}]`), []string{`"port":81,`, `"targetPort":81}`}, []string{"8080"}, false},
	{"a port beside that of others", service(`ports: [{name: http, port: 80}]`),
		`{"spec": {"ports": [{"name": "theirs", "port": 9}, {"name": "http", "port": 8080}]}}`,
		service(`ports: [{name: http, port: 80}]`), []string{`"port":80,`, `"port":9,`}, []string{"8080"}, false},
	{"the same number in two protocols", service(`ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]`),
		`{"spec": {"ports": [{"name": "dns", "port": 54, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}}`,
		service(`ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]`),
		[]string{`"name":"dns","port":53`, `"name":"dns-tcp","port":53`}, []string{`"port":54`}, false},
	{"the port of a container", deployment("", "", ", ports: [{name: http, containerPort: 80}]"),
		`{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example/web", "ports": [{"name": "http", "containerPort": 81}]}]}}}}`,
		deployment("", "", ", ports: [{name: http, containerPort: 80}]"), []string{`"containerPort":80,`}, []string{`"containerPort":81`}, false},

	// A default beside which what is desired may not stand.
	{"a strategy", deployment("", "", ""), others, deployment("strategy: {type: Recreate}, ", "", ""),
		append([]string{`"strategy":{"type":"Recreate"}`}, othersStay...), []string{"rollingUpdate"}, false},
	{"the updates of a StatefulSet", `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}},
		serviceName: web, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: example/web}]}}}}`, `{}`,
		`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, updateStrategy: {type: OnDelete},
		serviceName: web, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: example/web}]}}}}`,
		[]string{`"updateStrategy":{"type":"OnDelete"}`}, []string{"rollingUpdate"}, false},

	// A member of a union that somebody set by hand.
	{"a probe by hand", deployment("", "", ", readinessProbe: {httpGet: {path: /, port: 80}}"),
		`{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example/web", "readinessProbe": {"exec": {"command": ["true"]}}}]}}}}`,
		deployment("", "", ", readinessProbe: {httpGet: {path: /, port: 80}}"), []string{"httpGet"}, []string{"exec"}, false},
	{"a probe of which others own a part", deployment("", "", ", readinessProbe: {httpGet: {path: /, port: 80}}"),
		`{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example/web", "readinessProbe":
		{"httpGet": {"path": "/", "port": 80, "scheme": "HTTPS"}}}]}}}}`,
		deployment("", "", ", readinessProbe: {tcpSocket: {port: 80}}"), []string{"tcpSocket"}, []string{"httpGet"}, false},
	{"a volume of which others own a part", deployment("", "volumes: [{name: a, configMap: {name: a}}], ", ""),
		`{"spec": {"template": {"spec": {"volumes": [{"name": "a", "configMap": {"name": "a", "defaultMode": 256}}, {"name": "theirs", "emptyDir": {}}]}}}}`,
		deployment("", "volumes: [{name: a, secret: {secretName: a}}], ", ""), []string{"secretName", "theirs"}, []string{"configMap"}, false},
	{"a variable by hand", deployment("", "", ", env: [{name: A, value: b}]"),
		`{"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example/web",
		"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "THEIRS", "value": "c"}]}]}}}}`,
		deployment("", "", ", env: [{name: A, value: b}]"), []string{`{"name":"A","value":"b"}`, "THEIRS"}, []string{"valueFrom"}, false},
	{"a budget by hand", `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1}}`,
		`{"spec": {"minAvailable": null, "maxUnavailable": 1}}`,
		`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1}}`,
		[]string{"minAvailable"}, []string{"maxUnavailable"}, false},

	// What is declared repeatedly.
	{"a variable twice", deployment("", "", ", env: [{name: A, value: red}, {name: B, value: b}]"), others,
		deployment("", "", ", env: [{name: A, value: blue}, {name: B, value: $(A)}, {name: A, value: red}]"),
		append([]string{`{"name":"A","value":"blue"},{"name":"B","value":"$(A)"},{"name":"A","value":"red"}`}, othersStay...), nil, true},
	{"a pull secret twice", deployment("", "imagePullSecrets: [{name: a}], ", ""), others,
		deployment("", "imagePullSecrets: [{name: a}, {name: b}, {name: a}], ", ""), append([]string{`"name":"b"`}, othersStay...), nil, true},
	{"twice and a strategy", deployment("", "", ", env: [{name: A, value: red}]"), others,
		deployment("strategy: {type: Recreate}, ", "", ", env: [{name: A, value: blue}, {name: A, value: red}]"),
		append([]string{`{"name":"A","value":"blue"},{"name":"A","value":"red"}`, `"strategy":{"type":"Recreate"}`}, othersStay...),
		[]string{"rollingUpdate"}, true},
}

// content is an object without what the API server sets.
func content(t *testing.T, u *unstructured.Unstructured) string {
	t.Helper()
	u = u.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(u.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", "deployment.kubernetes.io/revision")
	if len(u.GetAnnotations()) == 0 {
		unstructured.RemoveNestedField(u.Object, "metadata", "annotations")
	}
	delete(u.Object, "status")
	text, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// merged merges the desired object with the live one, as often as a controller
// changes that meanwhile.
func (b *bench) merged(desired syncline.Object) (live, merged, after syncline.Object, err error) {
	b.t.Helper()
	for range 50 {
		if live, err = b.Get(context.Background(), desired.Ref(), "v1"); err != nil {
			b.t.Fatal(err)
		}
		if merged, after, err = b.Merge(context.Background(), desired, live, nil); syncline.KindOf(err) != syncline.Conflict {
			break
		}
	}
	return live, merged, after, err
}

// mergedAndWritten merges, writes that, and returns what was live and what was shown.
func (b *bench) mergedAndWritten(desired syncline.Object, uid types.UID) (live, after syncline.Object) {
	b.t.Helper()
	var err error
	for range 50 {
		b.sent.count(isPut)
		var merged syncline.Object
		if live, merged, after, err = b.merged(desired); err != nil {
			break
		}
		if n := b.sent.count(isPut); n != 0 {
			b.t.Errorf("the rehearsal wrote %d times", n)
		}
		if _, err = b.try(syncline.Write{Action: syncline.Update, Object: desired, Merged: merged, UID: uid}); syncline.KindOf(err) != syncline.Conflict {
			break
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return live, after
}

func isPut(request *http.Request) bool {
	return request.Method == http.MethodPut && request.URL.Query().Get("dryRun") == ""
}

// What an apply refuses for ever is merged: by one write that is what was
// rehearsed, after which it is ours as if it had been applied.
func TestMerge(t *testing.T) {
	for _, test := range mergeCases {
		t.Run(test.name, func(t *testing.T) { testMerge(t, test) })
	}
}

func testMerge(t *testing.T, test mergeCase) {
	b := newBench(t)
	before, desired := b.parse("%s", test.before), b.parse("%s", test.desired)
	ref := desired.Ref()
	uid := b.create(before)
	b.somebody.Patch(t, ref, test.hand)
	if _, err := b.DryRun(context.Background(), desired, nil); syncline.KindOf(err) != syncline.Invalid {
		t.Fatalf("the apply ends with %v: nothing is shown by this", err)
	}
	for round := range 2 { // the second finds nothing to do
		live, after := b.mergedAndWritten(desired, uid)
		now := b.somebody.Get(t, ref)
		if got, want := content(t, now), content(t, after.Reveal()); got != want {
			t.Errorf("there is\n%s\nand what was shown is\n%s", got, want)
		}
		test.expect(t, content(t, now))
		expectOurs(t, now)
		if round == 1 && now.GetGeneration() != live.Reveal().GetGeneration() {
			t.Error("the second merge changed something")
		}
	}
	test.expectApplies(b, desired)
}

func (test mergeCase) expect(t *testing.T, got string) {
	t.Helper()
	for _, text := range test.want {
		if !strings.Contains(got, text) {
			t.Errorf("%s is not in %s", text, got)
		}
	}
	for _, text := range test.never {
		if strings.Contains(got, text) {
			t.Errorf("%s is in %s", text, got)
		}
	}
}

// expectOurs checks that our manager owns fields as by an apply, and in no other way.
func expectOurs(t *testing.T, u *unstructured.Unstructured) {
	t.Helper()
	applied := 0
	for _, entry := range u.GetManagedFields() {
		if entry.Manager == syncline.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply {
			applied++
		} else if entry.Manager == syncline.FieldManager {
			t.Errorf("our manager owns, by %s, %s", entry.Operation, entry.FieldsV1)
		}
	}
	if applied != 1 {
		t.Errorf("there are %d entries of our manager", applied)
	}
}

// expectApplies checks that the object that was merged is applied from now on,
// without a change, unless that is impossible.
func (test mergeCase) expectApplies(b *bench, desired syncline.Object) {
	b.t.Helper()
	now := b.somebody.Get(b.t, desired.Ref())
	after, err := b.DryRun(context.Background(), desired, nil)
	switch {
	case test.twice && syncline.KindOf(err) != syncline.Invalid:
		b.t.Errorf("the apply ends with %v", err)
	case test.twice:
	case err != nil:
		b.t.Errorf("the apply after the merge: %v", err)
	case content(b.t, after.Reveal()) != content(b.t, now):
		b.t.Errorf("the apply after the merge makes\n%s\nof\n%s", content(b.t, after.Reveal()), content(b.t, now))
	}
}

// An item that is declared twice is created so, and what is declared of it later
// is applied: nothing is left and nothing is lost.
func TestRepeatedItems(t *testing.T) {
	b := newBench(t)
	twice := b.parse("%s", deployment("", "", ", env: [{name: A, value: blue}, {name: A, value: red}]"))
	uid := b.create(twice)
	made := b.somebody.Get(t, twice.Ref())
	if text := content(t, made); !strings.Contains(text, `{"name":"A","value":"blue"},{"name":"A","value":"red"}`) {
		t.Errorf("there is %s", text)
	}
	expectOurs(t, made)
	if owned := fmt.Sprint(made.GetManagedFields()[0].FieldsV1); strings.Contains(owned, "progressDeadlineSeconds") {
		t.Errorf("defaults are ours: %s", owned)
	}
	b.refused(syncline.Write{Action: syncline.Run, Object: twice}, syncline.Conflict)

	for name, env := range map[string]string{"once": "[{name: A, value: red}]", "another": "[{name: B, value: red}]", "none": "[]"} {
		desired := b.parse("%s", deployment("", "", ", env: "+env))
		b.write(syncline.Write{Action: syncline.Update, Object: desired, UID: uid})
		text := content(t, b.somebody.Get(t, desired.Ref()))
		if n := strings.Count(text, `"value":`); name == "none" && n != 0 || name != "none" && n != 1 {
			t.Errorf("%s: there is %s", name, text)
		}
		b.mergedAndWritten(twice, uid)
	}
}

// The items that others added to a list of a custom kind stay.
func TestMergeOfACustomKind(t *testing.T) {
	b := newBench(t)
	definition := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: gates.%s.example.com},
		spec: {group: %[1]s.example.com, scope: Namespaced, names: {kind: Gate, plural: gates}, versions: [{name: v1, served: true, storage: true, schema:
		{openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}, ports: {type: array, maxItems: 9,
		x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port],
		x-kubernetes-validations: [{rule: "self.all(x, self.exists_one(y, x.name == y.name))", message: one name each}],
		items: {type: object, required: [port, name], properties: {port: {type: integer}, name: {type: string, maxLength: 9}, weight: {type: integer}}}}}}}}}}]}}`, b.namespace))
	b.create(definition)
	t.Cleanup(func() { b.somebody.Delete(t, definition.Ref()) })
	gate := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: %s.example.com/v1, kind: Gate, metadata: {namespace: %[1]s, name: web},
		spec: {ports: [{name: http, port: 80}, {name: tls, port: 443}]}}`, b.namespace))
	b.eventually("the kind is served", func() bool {
		b.Outdated()
		_, err := b.DryRun(context.Background(), gate, nil)
		return err == nil
	})
	uid := b.create(gate)
	b.somebody.Patch(t, gate.Ref(), `{"spec": {"size": 3, "ports": [{"name": "theirs", "port": 9, "weight": 1}, {"name": "http", "port": 8080}, {"name": "tls", "port": 443, "weight": 2}]}}`)
	if _, err := b.DryRun(context.Background(), gate, nil); syncline.KindOf(err) != syncline.Invalid {
		t.Fatalf("the apply ends with %v: nothing is shown by this", err)
	}
	b.mergedAndWritten(gate, uid)
	now := b.somebody.Get(t, gate.Ref())
	mergeCase{want: []string{`"size":3`, `[{"name":"theirs","port":9,"weight":1},{"name":"http","port":80},{"name":"tls","port":443,"weight":2}]`}}.expect(t, content(t, now))
	expectOurs(t, now)
	mergeCase{}.expectApplies(b, gate)
}

// What was applied client-side and is declared no more goes with a merge.
func TestAMergeMigratesFromClientSideApply(t *testing.T) {
	b := newBench(t)
	old := b.parse("%s", deployment("minReadySeconds: 5, ", "", ", env: [{name: A, value: b}]"))
	uid := b.somebody.Create(t, old, "kubectl-client-side-apply").GetUID()
	b.somebody.Patch(t, old.Ref(), `{"metadata": {"annotations": {"by": "them"}}, "spec": {"strategy": {"rollingUpdate": {"maxSurge": 3}}}}`)
	desired := b.parse("%s", deployment("strategy: {type: Recreate}, ", "", ""))
	b.mergedAndWritten(desired, uid)
	now := b.somebody.Get(t, desired.Ref())
	mergeCase{want: []string{`"by":"them"`, `"strategy":{"type":"Recreate"}`}, never: []string{"env", "minReady", "rolling"}}.expect(t, content(t, now))
	expectOurs(t, now)
	for _, entry := range now.GetManagedFields() {
		if entry.Manager == "kubectl-client-side-apply" {
			t.Errorf("it still owns %s", entry.FieldsV1)
		}
	}
	mergeCase{}.expectApplies(b, desired)
}

// What a merge does not mend is refused as before, with what the API server says,
// and nothing is written.
func TestWhatNoMergeMends(t *testing.T) {
	b := newBench(t)
	for name, desired := range map[string]string{
		"a selector":      strings.ReplaceAll(deployment("", "", ""), "app: web", "app: other"),
		"an empty image":  strings.ReplaceAll(deployment("", "", ""), "image: example/web", `image: ""`),
		"a negative size": deployment("replicas: -1, ", "", ""),
		"no such field":   deployment("", "", ", imag: x"),
	} {
		t.Run(name, func(t *testing.T) {
			desired := b.parse("%s", desired)
			b.create(b.parse("%s", deployment("", "", "")))
			b.somebody.Patch(t, desired.Ref(), others)
			b.sent.count(isPut)
			if _, _, _, err := b.merged(desired); syncline.KindOf(err) != syncline.Invalid {
				t.Errorf("the merge ends with %v", err)
			}
			if n := b.sent.count(isPut); n != 0 {
				t.Errorf("%d merges were written", n)
			}
		})
	}
}

// A merge is for the state that it was made for.
func TestAMergeOfWhatChangedIsAConflict(t *testing.T) {
	b := newBench(t)
	desired := b.parse("%s", deployment("strategy: {type: Recreate}, ", "", ""))
	uid := b.create(b.parse("%s", deployment("", "", "")))
	_, merged, _, err := b.merged(desired)
	if err != nil {
		t.Fatal(err)
	}
	b.somebody.Patch(t, desired.Ref(), others)
	b.refused(syncline.Write{Action: syncline.Update, Object: desired, Merged: merged, UID: uid}, syncline.Conflict)
	test := mergeCase{want: append([]string{"rollingUpdate"}, othersStay...)}
	test.expect(t, content(t, b.somebody.Get(t, desired.Ref())))
}

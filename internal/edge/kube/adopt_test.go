package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// managersOf lists who owns which fields, as "manager operation fields".
func managersOf(live *unstructured.Unstructured) []string {
	var managers []string
	for _, entry := range live.GetManagedFields() {
		managers = append(managers, fmt.Sprintf("%s %s %s", entry.Manager, entry.Operation, entry.FieldsV1.GetRawString()))
	}
	return managers
}

// expectOwner fails unless exactly the named managers own a field, which is named as
// managedFields do.
func expectOwner(t *testing.T, live *unstructured.Unstructured, field string, want ...string) {
	t.Helper()
	var owners []string
	for _, entry := range live.GetManagedFields() {
		if strings.Contains(entry.FieldsV1.GetRawString(), fmt.Sprintf("%q", field)) {
			owners = append(owners, entry.Manager)
		}
	}
	if fmt.Sprint(owners) != fmt.Sprint(want) {
		t.Errorf("%s is of %v, want %v, in\n%s", field, owners, want, strings.Join(managersOf(live), "\n"))
	}
}

// own makes managers, in the form of managedFields, the only ones of an object.
func (b *bench) own(ref syncline.Ref, managers string) {
	b.t.Helper()
	var entries []any
	if err := json.Unmarshal([]byte(managers), &entries); err != nil {
		b.t.Fatal(err)
	}
	b.somebody.Patch(b.t, ref, fmt.Sprintf(`{"metadata": {"managedFields": %s}}`, managers))
}

// labelled is the test's namespace with labels, as an App wants it.
func (b *bench) labelled(instance string, labels ...string) syncline.Object {
	object := kubetest.Parse(b.t, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}", b.namespace))
	for _, label := range labels {
		object = object.WithLabel(label, "x")
	}
	return object.WithManager(fieldmanager.Namespace(instance))
}

// What Apps want of a namespace was once applied under one name. It becomes that of
// the App which wants it, and goes with its wish; what no App wants any more stays.
func TestNamespacesAreTakenFromTheCommonManager(t *testing.T) {
	for name, test := range map[string]struct {
		managers string
		taken    bool
	}{
		"applied for Apps": {`[{"manager": "argocd-controller", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
			"fieldsV1": {"f:metadata": {"f:labels": {"f:one": {}, "f:other": {}}}}}]`, true},
		"a manifest": {`[{"manager": "argocd-controller", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
			"fieldsV1": {"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/tracking-id": {}}, "f:labels": {"f:one": {}, "f:other": {}}}}}]`, false},
		"nobody's": {`[{}]`, true},
		"a person's": {`[{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
			"fieldsV1": {"f:metadata": {"f:labels": {"f:one": {}, "f:other": {}}}}}]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			wanted := b.labelled("one", "one")
			b.somebody.Patch(t, wanted.Ref(), `{"metadata": {"labels": {"one": "x", "other": "x"}, "annotations": {"argocd.argoproj.io/tracking-id": "somebody"}}}`)
			b.own(wanted.Ref(), test.managers)
			uid := b.somebody.Get(t, wanted.Ref()).GetUID()
			b.write(syncline.Write{Action: syncline.Update, Object: wanted, UID: uid, Adopt: true})
			if live := b.somebody.Get(t, wanted.Ref()); test.taken {
				expectOwner(t, live, "f:one", "syncline-namespace/one")
			} else if n := len(live.GetManagedFields()); n != 2 {
				t.Errorf("there are %d managers: %v", n, managersOf(live))
			}
			b.write(syncline.Write{Action: syncline.Update, Object: b.labelled("one", "two"), UID: uid})
			labels := b.somebody.Get(t, wanted.Ref()).GetLabels()
			if _, there := labels["one"]; there == test.taken || labels["two"] != "x" || labels["other"] != "x" {
				t.Errorf("the labels are %v", labels)
			}
		})
	}
}

// An adoption is of the planned object, in the state that was read.
func TestAnAdoptionIsOfThePlannedObject(t *testing.T) {
	b := newBench(t)
	wanted := b.labelled("one", "one")
	b.refused(syncline.Write{Action: syncline.Update, Object: wanted, UID: otherUID, Adopt: true}, syncline.Conflict)
	if labels := b.somebody.Get(t, wanted.Ref()).GetLabels(); labels["one"] != "" {
		t.Errorf("the labels are %v", labels)
	}
	if _, err := b.DryRun(context.Background(), wanted, nil); err != nil {
		t.Error(err)
	}
	for _, entry := range b.somebody.Get(t, wanted.Ref()).GetManagedFields() {
		if entry.Operation == metav1.ManagedFieldsOperationApply {
			t.Errorf("%s applied", entry.Manager)
		}
	}
}

// restoredCases are ways in which the managedFields of what we applied are lost.
var restoredCases = map[string]struct {
	// managers are those after it, in the form of managedFields; %s is what there was.
	managers func(was string) string
	// left is who owns a field that we never declared.
	left string
}{
	"all are lost": {func(string) string { return `[{}]` }, ""},
	"a backup's": {func(was string) string {
		return strings.Replace(strings.Replace(was, "argocd-controller", "velero-server", 1), `"Apply"`, `"Update"`, 1)
	}, "somebody"},
	"a copy is applied": {func(was string) string { return strings.Replace(was, "argocd-controller", "kubectl", 1) }, "somebody"},
	"ours are lost":     {func(was string) string { return "[" + was[strings.Index(was, "},{")+2:] }, "somebody"},
}

// A declared object whose fields were lost becomes ours again: what is declared no
// more goes then, and what others made of it stays.
func TestAnObjectThatWasRestoredIsAdopted(t *testing.T) {
	container := func(env string) string {
		return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, annotations: {argocd.argoproj.io/tracking-id: "web:apps/Deployment:x/web"}},
			spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: example/web, env: [%s]}]}}}}`, env)
	}
	for name, test := range restoredCases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			declared := b.parse("%s", container("{name: KEPT, value: x}, {name: GONE, value: x}"))
			uid := b.create(declared)
			b.somebody.Patch(t, declared.Ref(), `{"metadata": {"labels": {"theirs": "x"}}, "spec": {"replicas": 3}}`)
			was, err := json.Marshal(b.somebody.Get(t, declared.Ref()).GetManagedFields())
			if err != nil {
				t.Fatal(err)
			}
			b.own(declared.Ref(), test.managers(string(was)))
			b.write(syncline.Write{Action: syncline.Update, Object: declared, UID: uid, Adopt: true})
			live := b.somebody.Get(t, declared.Ref())
			expectOwner(t, live, "f:image", "argocd-controller")
			expectOwner(t, live, "f:"+convention.Tracking, "argocd-controller")
			if test.left == "" {
				expectOwner(t, live, "f:theirs")
			} else {
				expectOwner(t, live, "f:theirs", test.left)
			}
			b.write(syncline.Write{Action: syncline.Update, Object: b.parse("%s", container("{name: KEPT, value: x}")), UID: uid})
			text := content(t, b.somebody.Get(t, declared.Ref()))
			for want, there := range map[string]bool{"KEPT": true, "GONE": false, `"replicas":3`: true, `"theirs":"x"`: true} {
				if strings.Contains(text, want) != there {
					t.Errorf("%s should be there: %v, in %s", want, there, text)
				}
			}
		})
	}
}

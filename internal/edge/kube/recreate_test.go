package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// parse reads an object into the test's namespace.
func (b *bench) parse(text string, args ...any) syncline.Object {
	b.t.Helper()
	return kubetest.Parse(b.t, fmt.Sprintf(text, args...)).WithNamespace(b.namespace)
}

const (
	deploymentText = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: %s}},
		template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: main, image: %q}]}}}}`
	serviceText = `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {app: web},
		clusterIP: %s, ports: [{port: %d, nodePort: %d}]}}`
)

// What no API server takes is found out before anything is deleted.
func TestNothingIsDeletedForWhatIsRefused(t *testing.T) {
	b := newBench(t)
	deployment := b.parse(deploymentText, "red", "example/web")
	service := b.parse(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}`)
	for name, test := range map[string]struct{ live, desired syncline.Object }{
		"an empty image and an immutable selector": {deployment, b.parse(deploymentText, "blue", "")},
		"a port that there is not": {service, b.parse(
			`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 99999}]}}`)},
		"an unknown field": {service, b.parse(
			`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selektor: {app: web}, ports: [{port: 80}]}}`)},
		"two variables of one name": {deployment, b.parse(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: blue}},
			template: {metadata: {labels: {app: blue}}, spec: {containers: [{name: main, image: example/web, env: [{name: A, value: x}, {name: A, value: y}]}]}}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			uid := b.create(test.live)
			b.sent.count(verb(http.MethodDelete))
			b.refused(syncline.Write{Action: syncline.Recreate, Object: test.desired, UID: uid}, syncline.Invalid)
			if n := b.sent.count(verb(http.MethodDelete)); n != 0 {
				t.Errorf("%d deletions were sent", n)
			}
			if live := b.somebody.Get(t, test.live.Ref()); live == nil || live.GetUID() != uid {
				t.Error("the live object is gone")
			}
		})
	}
}

// What the live object holds, such as its addresses, is nothing against a new one.
func TestWhatTheOldObjectHoldsIsFree(t *testing.T) {
	b := newBench(t)
	live := b.write(syncline.Write{Action: syncline.Create, Object: b.parse(
		`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}}`)})
	spec := live.Reveal().Object["spec"].(map[string]any)
	port := spec["ports"].([]any)[0].(map[string]any)["nodePort"].(int64)
	same := b.parse(serviceText, spec["clusterIP"], 8080, port)
	if err := b.Rehearse(context.Background(), same, live, nil); err != nil {
		t.Errorf("the creation with the addresses of the old one: %v", err)
	}
	if err := b.Rehearse(context.Background(), b.parse(serviceText, "192.0.2.1", 8080, port), live, nil); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("the creation with an address that there is not: %v", err)
	}
}

// failNext answers the next creation that is no dry-run with an error.
func failNext(armed *atomic.Bool) kubetest.Through {
	return func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodPatch && request.URL.Query().Get("dryRun") == "" && armed.CompareAndSwap(true, false) {
			return kubetest.Answer(request, http.StatusForbidden, metav1.StatusReasonForbidden), nil
		}
		return next.RoundTrip(request)
	}
}

// An object that was deleted for one which is refused all the same is put back.
func TestTheOldObjectIsPutBack(t *testing.T) {
	var armed atomic.Bool
	b := newBench(t, failNext(&armed))
	job := `{apiVersion: batch/v1, kind: Job, metadata: {name: web, labels: {a: b}}, spec: {template: {spec:
		{restartPolicy: Never, nodeSelector: {no: such}, containers: [{name: main, image: %s}]}}}}`
	for name, test := range map[string]struct{ old, fresh syncline.Object }{
		"a Deployment": {b.parse(deploymentText, "red", "example/web"), b.parse(deploymentText, "blue", "example/web")},
		"a Job":        {b.parse(job, "red"), b.parse(job, "blue")},
		"a ConfigMap":  {b.configMap("web", "red"), b.configMap("web", "blue")},
		"a Service": {b.parse(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, ports: [{port: 80}]}}`),
			b.parse(`{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {clusterIP: None, ports: [{port: 80}]}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			uid := b.create(test.old)
			before := b.somebody.Get(t, test.old.Ref())
			armed.Store(true)
			back, err := b.try(syncline.Write{Action: syncline.Recreate, Object: test.fresh, UID: uid})
			if syncline.KindOf(err) != syncline.Denied || !strings.Contains(err.Error(), "put back") {
				t.Errorf("the error is %v (%s)", err, syncline.KindOf(err))
			}
			now := b.somebody.Get(t, test.old.Ref())
			if now == nil || now.GetUID() == uid || now.GetUID() != uidOf(back) {
				t.Fatalf("there is %v", now)
			}
			if name == "a Job" { // its selector is generated
				return
			}
			if was, is := fmt.Sprint(before.Object["spec"], before.Object["data"]), fmt.Sprint(now.Object["spec"], now.Object["data"]); was != is {
				t.Errorf("there is %s, and was %s", is, was)
			}
		})
	}
}

// A policy of the cluster is never taken for something that a recreation mends,
// whichever code its author chose.
func TestADenialIsADenial(t *testing.T) {
	b := newBench(t)
	policy := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: %s},
		spec: {matchConstraints: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}},
		resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]},
		validations: [{expression: "!('color' in object.data) || object.data.color != 'red'", message: out of fashion}]}}`, b.namespace))
	binding := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: %s},
		spec: {policyName: %[1]s, validationActions: [Deny]}}`, b.namespace))
	for _, object := range []syncline.Object{policy, binding} {
		uid := b.create(object)
		t.Cleanup(func() { b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid}) })
	}
	object := b.configMap("web", "blue")
	uid := b.create(object)
	b.eventually("the policy is in force", func() bool {
		_, err := b.DryRun(context.Background(), b.configMap("web", "red"), nil)
		if err != nil && syncline.KindOf(err) != syncline.Denied {
			t.Fatalf("the error is %v (%s)", err, syncline.KindOf(err))
		}
		return err != nil
	})
	b.refused(syncline.Write{Action: syncline.Recreate, Object: b.configMap("web", "red"), UID: uid}, syncline.Denied)
	if live := b.somebody.Get(t, object.Ref()); live == nil || live.GetUID() != uid {
		t.Error("the live object is gone")
	}
}

// An object that was judged in its namespace is not written beyond it.
func TestAScopeIsKept(t *testing.T) {
	b := newBench(t)
	role := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: %s, namespace: %[1]s},
		rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}`, b.namespace))
	if _, err := b.Scope(context.Background(), role.GroupVersionKind()); err != nil {
		t.Fatal(err)
	}
	b.sent.count(verb(http.MethodGet))
	for _, action := range [...]syncline.Action{
		syncline.Create, syncline.Update, syncline.Replace, syncline.Recreate, syncline.Run, syncline.Prune, syncline.Unhold,
	} {
		b.refused(syncline.Write{Action: action, Object: role, UID: otherUID}, syncline.Conflict)
	}
	if _, err := b.DryRun(context.Background(), role, nil); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("the dry-run ends with %v", err)
	}
	if _, err := b.Get(context.Background(), role.Ref(), "v1"); syncline.KindOf(err) != syncline.Conflict {
		t.Errorf("the reading ends with %v", err)
	}
	if n := b.sent.count(func(*http.Request) bool { return true }); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// What is put back is whose it was: nobody's fields become ours, to be removed later.
func TestWhatIsPutBackIsWhoseItWas(t *testing.T) {
	for name, wiped := range map[string]bool{"as before": false, "of nobody": true} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			b := newBench(t, failNext(&armed))
			old := b.parse(deploymentText, "red", "example/web").WithAnnotation(convention.Tracking, "web:apps/Deployment:x/web")
			uid := b.create(old)
			b.somebody.Patch(t, old.Ref(), `{"metadata": {"labels": {"theirs": "x"}}, "spec": {"template": {"metadata": {"annotations": {"their": "x"}}}}}`)
			b.somebody.Patch(t, old.Ref(), `{"spec": {"replicas": 3}}`, "scale")
			if wiped {
				b.own(old.Ref(), `[{}]`)
			}
			armed.Store(true)
			if _, err := b.try(syncline.Write{Action: syncline.Recreate, Object: b.parse(deploymentText, "blue", "example/web"), UID: uid}); syncline.KindOf(err) != syncline.Denied {
				t.Fatal(err)
			}
			now := b.somebody.Get(t, old.Ref())
			if now == nil || now.GetUID() == uid || now.GetLabels()["theirs"] != "x" {
				t.Fatalf("there is %v", now)
			}
			if wiped {
				expectOwner(t, now, "f:image")
				return
			}
			expectOwner(t, now, "f:image", "argocd-controller")
			expectOwner(t, now, "f:"+convention.Tracking, "argocd-controller")
			expectOwner(t, now, "f:theirs", "somebody")
			less := b.parse(deploymentText, "red", "example/other").WithAnnotation(convention.Tracking, "web:apps/Deployment:x/web")
			b.write(syncline.Write{Action: syncline.Update, Object: less, UID: now.GetUID()})
			now = b.somebody.Get(t, old.Ref())
			replicas, _, _ := unstructured.NestedInt64(now.Object, "spec", "replicas")
			their, _, _ := unstructured.NestedString(now.Object, "spec", "template", "metadata", "annotations", "their")
			if replicas != 3 || their != "x" || now.GetLabels()["theirs"] != "x" {
				t.Errorf("of others there is %d, %q, %v", replicas, their, now.GetLabels())
			}
		})
	}
}

// Where the fields cannot be given back the object is nobody's that removes any, and
// is taken over as one from a backup.
func TestWhatIsPutBackIsNotOursUnlessGivenBack(t *testing.T) {
	var armed atomic.Bool
	b := newBench(t, failNext(&armed), func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.URL.Query().Get("fieldManager") == "syncline-restore" && request.Method == http.MethodPatch {
			return kubetest.Answer(request, http.StatusForbidden, metav1.StatusReasonForbidden), nil
		}
		return next.RoundTrip(request)
	})
	old := b.configMap("web", "red").WithAnnotation(convention.Tracking, "web:/ConfigMap:x/web")
	uid := b.create(old)
	armed.Store(true)
	if _, err := b.try(syncline.Write{Action: syncline.Recreate, Object: b.configMap("web", "blue"), UID: uid}); syncline.KindOf(err) != syncline.Denied {
		t.Fatal(err)
	}
	now := b.somebody.Get(t, old.Ref())
	expectOwner(t, now, "f:color", "syncline-restore")
	b.write(syncline.Write{Action: syncline.Update, Object: old, UID: now.GetUID(), Adopt: true})
	expectOwner(t, b.somebody.Get(t, old.Ref()), "f:color", "argocd-controller")
}

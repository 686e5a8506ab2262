package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

const otherUID = "11111111-2222-3333-4444-555555555555"

func TestCreateIsAppliedAndMayBeRepeated(t *testing.T) {
	b := newBench(t)
	object := b.configMap("made", "blue")
	uid := b.create(object)
	if again := b.create(object); again != uid {
		t.Errorf("the repeated creation made another object")
	}
	entry := b.somebody.Get(t, object.Ref()).GetManagedFields()[0]
	if entry.Manager != "argocd-controller" || entry.Operation != "Apply" {
		t.Errorf("the fields are owned by %s %s", entry.Manager, entry.Operation)
	}
}

func TestCreateWaitsForTheEndOfAnother(t *testing.T) {
	b := newBench(t)
	object := b.configMap("dying", "blue")
	b.create(object)
	b.somebody.Patch(t, object.Ref(), `{"metadata": {"finalizers": ["example.com/hold"]}}`)
	b.somebody.Delete(t, object.Ref())
	err := b.refusal(syncline.Write{Action: syncline.Create, Object: object}, syncline.Waiting)
	if err == nil || !strings.Contains(err.Error(), "example.com/hold") {
		t.Errorf("the error does not name what is waited for: %v", err)
	}
	b.somebody.Patch(t, object.Ref(), `{"metadata": {"finalizers": null}}`)
}

func TestUpdateChangesThePlannedObjectOnly(t *testing.T) {
	b := newBench(t)
	object, changed := b.configMap("a", "blue"), b.configMap("a", "red")
	uid := b.create(object)

	b.refused(syncline.Write{Action: syncline.Update, Object: changed, UID: otherUID}, syncline.Conflict)
	if color := b.color(object.Ref()); color != "blue" {
		t.Errorf("another object than the planned one became %s", color)
	}
	b.write(syncline.Write{Action: syncline.Update, Object: changed, UID: uid})
	if color := b.color(object.Ref()); color != "red" {
		t.Errorf("the object is %s, want red", color)
	}

	b.somebody.Delete(t, object.Ref())
	b.refused(syncline.Write{Action: syncline.Update, Object: changed, UID: uid}, syncline.Conflict)
	if b.somebody.Get(t, object.Ref()) != nil {
		t.Error("an update created an object")
	}
	for _, entry := range [...]syncline.Action{syncline.Update, syncline.Replace, syncline.Recreate, syncline.Prune, syncline.Unhold, syncline.Keep} {
		b.refused(syncline.Write{Action: entry, Object: changed}, syncline.Internal)
	}
}

func TestUpdateTakesFieldsOver(t *testing.T) {
	b := newBench(t)
	object := b.configMap("shared", "blue")
	uid := b.create(object)
	b.somebody.Patch(t, object.Ref(), `{"data": {"color": "red", "shape": "round"}}`)
	b.write(syncline.Write{Action: syncline.Update, Object: object, UID: uid})
	live := b.somebody.Get(t, object.Ref())
	if data := live.Object["data"].(map[string]any); data["color"] != "blue" || data["shape"] != "round" {
		t.Errorf("the data is %v, want our color and their shape", data)
	}
}

func TestUpdateMigratesFromClientSideApply(t *testing.T) {
	for _, manager := range []string{"kubectl-client-side-apply", "argocd-controller"} {
		t.Run(manager, func(t *testing.T) {
			b := newBench(t)
			old := kubetest.Parse(t, fmt.Sprintf(
				"{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: old}, data: {color: blue, removed: x}}", b.namespace))
			uid := b.somebody.Create(t, old, manager).GetUID()
			desired := b.configMap("old", "blue")

			b.write(syncline.Write{Action: syncline.Update, Object: desired, UID: uid})
			if data := b.somebody.Get(t, old.Ref()).Object["data"].(map[string]any); data["removed"] != "x" {
				t.Error("the field went without a migration: this test shows nothing")
			}
			b.write(syncline.Write{Action: syncline.Update, Object: desired, UID: uid, Migrate: true})
			live := b.somebody.Get(t, old.Ref())
			if data := live.Object["data"].(map[string]any); len(data) != 1 {
				t.Errorf("the data is %v, want the color only", data)
			}
			if n := len(live.GetManagedFields()); n != 1 {
				t.Errorf("there are %d managers, want ours only", n)
			}
			b.refused(syncline.Write{Action: syncline.Update, Object: desired, UID: otherUID, Migrate: true}, syncline.Conflict)
		})
	}
}

func TestReplace(t *testing.T) {
	b := newBench(t)
	object := b.configMap("whole", "blue")
	uid := b.create(object)
	b.somebody.Patch(t, object.Ref(), `{"data": {"shape": "round"}, "metadata": {"finalizers": ["example.com/hold"], "labels": {"a": "b"}}}`)

	b.refused(syncline.Write{Action: syncline.Replace, Object: object, UID: otherUID}, syncline.Conflict)
	b.write(syncline.Write{Action: syncline.Replace, Object: object, UID: uid})
	live := b.somebody.Get(t, object.Ref())
	if data := live.Object["data"].(map[string]any); len(data) != 1 || len(live.GetLabels()) != 0 {
		t.Errorf("the data is %v and the labels are %v, want only what is desired", data, live.GetLabels())
	}
	if live.GetUID() != uid || len(live.GetFinalizers()) != 1 {
		t.Error("the object was recreated, or lost its protection")
	}
	b.somebody.Patch(t, object.Ref(), `{"metadata": {"finalizers": null}}`)
}

func TestReplaceFailsWhenTheObjectChangesMeanwhile(t *testing.T) {
	var b *bench
	var once atomic.Bool
	b = newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodPut && once.CompareAndSwap(false, true) {
			b.somebody.Patch(b.t, b.configMap("raced", "").Ref(), `{"data": {"color": "green"}}`)
		}
		return next.RoundTrip(request)
	})
	object := b.configMap("raced", "blue")
	uid := b.create(object)
	b.refused(syncline.Write{Action: syncline.Replace, Object: b.configMap("raced", "red"), UID: uid}, syncline.Conflict)
	if color := b.color(object.Ref()); color != "green" {
		t.Errorf("the object is %s, want what somebody else made of it", color)
	}
}

func TestRecreateTakesTurns(t *testing.T) {
	b := newBench(t)
	object := b.configMap("anew", "blue")
	uid := b.create(object.WithFinalizer("example.com/hold"))
	again := syncline.Write{Action: syncline.Recreate, Object: b.configMap("anew", "red"), UID: uid,
		Options: option.List{"PrunePropagationPolicy=background"}}

	b.refused(again, syncline.Waiting)
	b.sent.count(verb(http.MethodDelete))
	b.refused(again, syncline.Waiting)
	if n := b.sent.count(verb(http.MethodDelete)); n != 0 {
		t.Errorf("%d deletions were sent for an object that is being deleted", n)
	}
	b.somebody.Patch(t, object.Ref(), `{"metadata": {"finalizers": null}}`)
	made := b.write(again)
	if uidOf(made) == uid || b.color(object.Ref()) != "red" {
		t.Error("the object was not recreated")
	}
	b.refused(again, syncline.Conflict)
	if live := b.somebody.Get(t, object.Ref()); live == nil || live.GetUID() != uidOf(made) {
		t.Error("the new object was deleted")
	}
}

func TestRecreateSparesWhatContainsOthers(t *testing.T) {
	b := newBench(t)
	for _, text := range []string{
		"{apiVersion: v1, kind: Namespace, metadata: {name: x}}",
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: x}}",
	} {
		b.refused(syncline.Write{Action: syncline.Recreate, Object: kubetest.Parse(t, text), UID: otherUID}, syncline.Denied)
	}
	if n := b.sent.count(func(*http.Request) bool { return true }); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestRunCreatesOnce(t *testing.T) {
	b := newBench(t)
	hook := b.configMap("hook", "blue")
	b.write(syncline.Write{Action: syncline.Run, Object: hook})
	b.refused(syncline.Write{Action: syncline.Run, Object: b.configMap("hook", "red")}, syncline.Conflict)
	if color := b.color(hook.Ref()); color != "blue" {
		t.Errorf("the second creation made the hook %s", color)
	}
}

// The answer to a write may be lost although it was performed.
func TestALostAnswerIsNoSecondWrite(t *testing.T) {
	var lose atomic.Bool
	b := newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err == nil && request.Method != http.MethodGet && lose.CompareAndSwap(true, false) {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			return nil, errors.New("connection reset by peer")
		}
		return response, err
	})
	object, hook := b.configMap("object", "blue"), b.configMap("hook", "blue")

	lose.Store(true)
	b.refused(syncline.Write{Action: syncline.Create, Object: object}, syncline.Transient)
	uid := b.create(object)

	lose.Store(true)
	b.refused(syncline.Write{Action: syncline.Run, Object: hook}, syncline.Transient)
	b.refused(syncline.Write{Action: syncline.Run, Object: hook}, syncline.Conflict)

	lose.Store(true)
	prune := syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid,
		Options: option.List{"PrunePropagationPolicy=background"}}
	b.refused(prune, syncline.Transient)
	if left := b.write(prune); !left.IsZero() {
		t.Error("the object is still there")
	}
}

func TestPruneDeletesThePlannedObjectOnly(t *testing.T) {
	b := newBench(t)
	object := b.configMap("extra", "blue")
	uid := b.create(object)
	b.refused(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: otherUID}, syncline.Conflict)
	if n := b.sent.count(verb(http.MethodDelete)); n != 0 || b.somebody.Get(t, object.Ref()) == nil {
		t.Errorf("%d deletions were sent for another object than the planned one", n)
	}
	b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid})
	b.somebodyWaits(object.Ref())
	if left := b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid}); !left.IsZero() {
		t.Error("something is left of an object that is gone")
	}
}

// somebodyWaits waits until an object is gone, as garbage collection takes a moment.
func (b *bench) somebodyWaits(ref syncline.Ref) {
	b.t.Helper()
	b.eventually("the object is gone", func() bool { return b.somebody.Get(b.t, ref) == nil })
}

func TestPruneSendsThePlannedUID(t *testing.T) {
	var body atomic.Value
	b := newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodDelete {
			copied, err := request.GetBody()
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(copied)
			if err != nil {
				return nil, err
			}
			body.Store(string(text))
		}
		return next.RoundTrip(request)
	})
	for written, policy := range map[string]string{
		"": "Foreground", "PrunePropagationPolicy=foreground": "Foreground",
		"PrunePropagationPolicy=background": "Background", "PrunePropagationPolicy=orphan": "Orphan",
	} {
		object := b.configMap("extra-"+strings.ToLower(policy), "blue")
		uid := b.create(object)
		b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid, Options: option.Parse(written)})
		sent, _ := body.Load().(string)
		if !strings.Contains(sent, fmt.Sprintf(`"preconditions":{"uid":%q,"resourceVersion":`, uid)) || !strings.Contains(sent, fmt.Sprintf(`"propagationPolicy":%q`, policy)) {
			t.Errorf("%s: the deletion says %s", written, sent)
		}
		b.somebodyWaits(object.Ref())
	}
}

// Between the read and the deletion the object may be created anew.
func TestPruneLosesARace(t *testing.T) {
	var b *bench
	var once atomic.Bool
	b = newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodDelete && once.CompareAndSwap(false, true) {
			object := b.configMap("raced", "green")
			b.somebody.Delete(b.t, object.Ref())
			b.somebody.Create(b.t, object, "somebody")
		}
		return next.RoundTrip(request)
	})
	object := b.configMap("raced", "blue")
	uid := b.create(object)
	b.refused(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid}, syncline.Conflict)
	if color := b.color(object.Ref()); color != "green" {
		t.Error("somebody else's new object was deleted")
	}
}

// Between the plan and the deletion, or between the read and the deletion, the object
// may become somebody else's, or say that it is to be kept.
func TestPruneSparesWhatIsNotAsPlanned(t *testing.T) {
	for name, change := range map[string]string{
		"another application's": `{"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "other:/ConfigMap:NAMESPACE/raced"}}}`,
		"to be kept":            `{"metadata": {"annotations": {"argocd.argoproj.io/sync-options": "Prune=false"}}}`,
		"kept by Helm":          `{"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}`,
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			t.Run(name+" before "+method, func(t *testing.T) {
				var b *bench
				var armed atomic.Bool
				b = newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
					if request.Method == method && armed.CompareAndSwap(true, false) {
						ref := b.configMap("raced", "").Ref()
						b.somebody.Patch(b.t, ref, strings.ReplaceAll(change, "NAMESPACE", ref.Namespace))
					}
					return next.RoundTrip(request)
				})
				object := b.configMap("raced", "blue")
				uid := b.create(object)
				armed.Store(true)
				b.refused(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid}, syncline.Conflict)
				if b.somebody.Get(t, object.Ref()) == nil {
					t.Error("it was deleted")
				}
			})
		}
	}
}

// A change that says nothing of whose the object is does not save it.
func TestPruneIsNotStoppedByOtherChanges(t *testing.T) {
	var b *bench
	var armed atomic.Bool
	b = newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodDelete && armed.CompareAndSwap(true, false) {
			b.somebody.Patch(b.t, b.configMap("raced", "").Ref(), `{"data": {"color": "red"}}`)
		}
		return next.RoundTrip(request)
	})
	object := b.configMap("raced", "blue")
	uid := b.create(object)
	armed.Store(true)
	b.write(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid})
	b.somebodyWaits(object.Ref())
}

// What changes all the time is left to another turn, and is not taken for gone.
func TestPruneOfWhatChangesAllTheTimeIsNoSuccess(t *testing.T) {
	var b *bench
	var changes atomic.Int64
	b = newBench(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodDelete {
			b.somebody.Patch(b.t, b.configMap("raced", "").Ref(), fmt.Sprintf(`{"data": {"color": "%d"}}`, changes.Add(1)))
		}
		return next.RoundTrip(request)
	})
	object := b.configMap("raced", "blue")
	b.refused(syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: b.create(object)}, syncline.Conflict)
	if b.somebody.Get(t, object.Ref()) == nil {
		t.Error("it was deleted")
	}
}

func TestPruneOfAKindThatCannotBeFoundIsNoSuccess(t *testing.T) {
	b := newBench(t)
	b.refused(syncline.Write{Action: syncline.Prune, Version: "v1", UID: otherUID,
		Ref: syncline.Ref{Group: "no.such", Kind: "Thing", Namespace: b.namespace, Name: "x"}}, syncline.NotFound)
}

func TestReleaseRemovesTheHookFinalizer(t *testing.T) {
	b := newBench(t)
	hook := b.configMap("hook", "blue").WithFinalizer("example.com/hold").WithFinalizer(syncline.FinalizerHook)
	uid := uidOf(b.write(syncline.Write{Action: syncline.Run, Object: hook}))
	release := syncline.Write{Action: syncline.Unhold, Ref: hook.Ref(), UID: uid}

	b.refused(syncline.Write{Action: syncline.Unhold, Ref: hook.Ref(), UID: otherUID}, syncline.Conflict)
	after := b.write(release)
	if left := after.Reveal().GetFinalizers(); len(left) != 1 || left[0] != "example.com/hold" {
		t.Errorf("the finalizers are %v", left)
	}
	b.sent.count(verb(http.MethodPatch))
	b.write(release)
	if n := b.sent.count(verb(http.MethodPatch)); n != 0 {
		t.Error("a finalizer that is not there was removed")
	}

	second := b.configMap("second", "blue").WithFinalizer(syncline.FinalizerHook)
	uid = uidOf(b.write(syncline.Write{Action: syncline.Run, Object: second}))
	b.somebody.Delete(t, second.Ref())
	if left := b.write(syncline.Write{Action: syncline.Unhold, Ref: second.Ref(), UID: uid}); !left.IsZero() {
		t.Error("something is left of a deleted hook that was released")
	}
	if left := b.write(syncline.Write{Action: syncline.Unhold, Ref: second.Ref(), UID: uid}); !left.IsZero() {
		t.Error("something is left of a hook that is gone")
	}
	b.somebody.Patch(t, hook.Ref(), `{"metadata": {"finalizers": null}}`)
}

func TestDryRunWritesNothing(t *testing.T) {
	b := newBench(t)
	object := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {namespace: %s, name: web},
		spec: {selector: {app: web}, ports: [{port: 80}]}}`, b.namespace))
	merged, err := b.DryRun(context.Background(), object, nil)
	if err != nil {
		t.Fatal(err)
	}
	if kind, _ := merged.Field("spec", "type"); kind != "ClusterIP" {
		t.Errorf("the type is %v, want what the API server sets", kind)
	}
	if b.somebody.Get(t, object.Ref()) != nil {
		t.Error("the object was written")
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	b := newBench(t)
	object := kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: odd}, dta: {a: b}}", b.namespace))
	_, err := b.DryRun(context.Background(), object, nil)
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "dta") || syncline.HintOf(err) == "" {
		t.Errorf("the error is %v with the hint %q", err, syncline.HintOf(err))
	}
	err = b.refusal(syncline.Write{Action: syncline.Run, Object: object}, syncline.Invalid)
	if !strings.Contains(err.Error(), "dta") || !strings.Contains(syncline.HintOf(err), "Validate=false") {
		t.Errorf("the error is %v with the hint %q", err, syncline.HintOf(err))
	}
	b.write(syncline.Write{Action: syncline.Run, Object: object, Options: option.List{"Validate=false"}})
}

// What a write costs does not depend on the machine, so it is counted.
func TestWritesCostFewRequests(t *testing.T) {
	b := newBench(t)
	object := b.configMap("counted", "blue")
	uid := b.create(object)
	b.sent.count(verb(http.MethodPatch))
	every := func(*http.Request) bool { return true }
	for _, test := range []struct {
		write syncline.Write
		want  int
	}{
		{syncline.Write{Action: syncline.Create, Object: b.configMap("second", "blue")}, 1},
		{syncline.Write{Action: syncline.Update, Object: b.configMap("counted", "red"), UID: uid}, 1},
		{syncline.Write{Action: syncline.Run, Object: b.configMap("hook", "red")}, 1},
		{syncline.Write{Action: syncline.Replace, Object: object, UID: uid}, 2},
		{syncline.Write{Action: syncline.Prune, Ref: object.Ref(), UID: uid}, 3},
	} {
		b.write(test.write)
		if n := b.sent.count(every); n != test.want {
			t.Errorf("%s takes %d requests, want %d", test.write.Action, n, test.want)
		}
	}
}

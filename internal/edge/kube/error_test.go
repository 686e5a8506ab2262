package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

func TestAnswersHaveKinds(t *testing.T) {
	for _, test := range []struct {
		code   int
		reason metav1.StatusReason
		want   syncline.Kind
	}{
		{http.StatusBadRequest, metav1.StatusReasonBadRequest, syncline.Invalid},
		{http.StatusUnauthorized, metav1.StatusReasonUnauthorized, syncline.Denied},
		{http.StatusForbidden, metav1.StatusReasonForbidden, syncline.Denied},
		{http.StatusNotFound, metav1.StatusReasonNotFound, syncline.NotFound},
		{http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, syncline.Invalid},
		{http.StatusConflict, metav1.StatusReasonConflict, syncline.Conflict},
		{http.StatusConflict, metav1.StatusReasonAlreadyExists, syncline.Conflict},
		{http.StatusGone, metav1.StatusReasonExpired, syncline.Transient},
		{http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge, syncline.Invalid},
		{http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, syncline.Invalid},
		{http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, syncline.Transient},
		{http.StatusInternalServerError, metav1.StatusReasonInternalError, syncline.Transient},
		{http.StatusBadGateway, metav1.StatusReasonUnknown, syncline.Transient},
		{http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, syncline.Transient},
		{http.StatusGatewayTimeout, metav1.StatusReasonTimeout, syncline.Transient},
	} {
		t.Run(fmt.Sprint(test.code, test.reason), func(t *testing.T) {
			cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
				if strings.HasSuffix(request.URL.Path, "/configmaps/x") {
					return kubetest.Answer(request, test.code, test.reason), nil
				}
				return next.RoundTrip(request)
			})
			_, err := cluster.Get(context.Background(), syncline.Ref{Kind: "ConfigMap", Namespace: "default", Name: "x"}, "v1")
			if syncline.KindOf(err) != test.want {
				t.Errorf("the error %v is %s, want %s", err, syncline.KindOf(err), test.want)
			}
			if !strings.HasPrefix(err.Error(), "ConfigMap/default/x read failed: ") {
				t.Errorf("the error does not say what failed: %v", err)
			}
		})
	}
}

func TestConnectionsThatFailPass(t *testing.T) {
	ref := syncline.Ref{Kind: "ConfigMap", Namespace: "default", Name: "x"}
	refused, err := kube.Connect(&rest.Config{Host: "https://127.0.0.1:9"}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	impatient := kube.Options{Timeout: 200 * time.Millisecond}
	broken, err := kube.Connect(kubetest.Config(t, control, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(request.URL.Path, "/configmaps/x") {
			return nil, errors.New("connection reset by peer")
		}
		return next.RoundTrip(request)
	}), impatient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broken.Close)
	slow, err := kube.Connect(kubetest.Config(t, control, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(request.URL.Path, "/configmaps/x") {
			<-request.Context().Done()
			return nil, request.Context().Err()
		}
		return next.RoundTrip(request)
	}), impatient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slow.Close)
	for name, cluster := range map[string]*kube.Client{"refused": refused, "broken": broken, "slow": slow} {
		if _, err := cluster.Get(context.Background(), ref, "v1"); syncline.KindOf(err) != syncline.Transient {
			t.Errorf("%s: the error is %v (%s), want one that passes", name, err, syncline.KindOf(err))
		}
	}
}

func TestABusyServerIsAskedAgainWhenItSays(t *testing.T) {
	var asked atomic.Int32
	cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(request.URL.Path, "/namespaces/default") && asked.Add(1) == 1 {
			busy := kubetest.Answer(request, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests)
			busy.Header.Set("Retry-After", "1")
			return busy, nil
		}
		return next.RoundTrip(request)
	})
	began := time.Now()
	if _, err := cluster.Get(context.Background(), syncline.Ref{Kind: "Namespace", Name: "default"}, "v1"); err != nil {
		t.Fatal(err)
	}
	if asked.Load() != 2 || time.Since(began) < time.Second {
		t.Errorf("the server was asked %d times within %s, want twice, a second apart", asked.Load(), time.Since(began))
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	b := newBench(t)
	job := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: batch/v1, kind: Job, metadata: {namespace: %s, name: job}, spec: {template: {spec:
		{restartPolicy: Never, nodeSelector: {no: such}, containers: [{name: main, image: a}]}}}}`, b.namespace))
	uid := b.create(job)
	changed := kubetest.Parse(t, fmt.Sprintf(`{apiVersion: batch/v1, kind: Job, metadata: {namespace: %s, name: job}, spec: {template: {spec:
		{restartPolicy: Never, nodeSelector: {no: such}, containers: [{name: main, image: b}]}}}}`, b.namespace))
	for name, test := range map[string]struct {
		write syncline.Write
		kind  syncline.Kind
		hint  string
	}{
		"no namespace": {
			syncline.Write{Action: syncline.Create, Object: b.configMap("x", "red").WithNamespace("not-there")},
			syncline.NotFound, "CreateNamespace=true",
		},
		"an immutable field": {
			syncline.Write{Action: syncline.Update, Object: changed, UID: uid}, syncline.Invalid, "undo the change",
		},
		"a number for a text": {
			syncline.Write{Action: syncline.Create, Object: kubetest.Parse(t, fmt.Sprintf(
				"{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: x}, data: {a: 1}}", b.namespace))},
			syncline.Invalid, "in quotes",
		},
		"no such kind": {
			syncline.Write{Action: syncline.Create, Object: kubetest.Parse(t, "{apiVersion: no.such/v1, kind: Thing, metadata: {name: x}}")},
			syncline.NotFound, "CustomResourceDefinition",
		},
		"no such version": {
			syncline.Write{Action: syncline.Create, Object: kubetest.Parse(t, "{apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: x}}")},
			syncline.NotFound, "autoscaling/v2",
		},
		"no namespace named": {
			syncline.Write{Action: syncline.Create, Object: b.configMap("x", "red").WithNamespace("")}, syncline.Invalid, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := b.refusal(test.write, test.kind)
			if strings.Contains(err.Error(), "valueUnstructured") {
				t.Errorf("the error shows the inside of the API server: %v", err)
			}
			if !strings.Contains(syncline.HintOf(err), test.hint) {
				t.Errorf("the hint of %v is %q, want one that names %s", err, syncline.HintOf(err), test.hint)
			}
		})
	}
}

// A namespace that goes away refuses new objects as if they were forbidden.
func TestATerminatingNamespacePasses(t *testing.T) {
	b := newBench(t)
	b.create(b.configMap("held", "blue").WithFinalizer("example.com/hold"))
	b.somebody.Delete(t, syncline.Ref{Kind: "Namespace", Name: b.namespace})
	b.eventually("the namespace refuses objects", func() bool {
		_, err := b.try(syncline.Write{Action: syncline.Create, Object: b.configMap("late", "blue")})
		if err != nil && syncline.KindOf(err) != syncline.Transient {
			t.Fatalf("the error is %v (%s), want one that passes", err, syncline.KindOf(err))
		}
		return err != nil
	})
	b.somebody.Patch(t, b.configMap("held", "").Ref(), `{"metadata": {"finalizers": null}}`)
}

// Whatever the API server says of a Secret, its values stay unsaid.
func TestErrorsDoNotQuoteSecrets(t *testing.T) {
	const secret = "hunter2-is-the-password"
	b := newBench(t)
	immutable := kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {namespace: %s, name: fixed}, immutable: true, stringData: {a: b}}", b.namespace)).Desired()
	uid := b.create(immutable)
	for name, test := range map[string]struct {
		content string
		kind    syncline.Kind
		says    string
		uid     string
	}{
		"not base64":          {`name: s}, data: {password: ` + secret + `}`, syncline.Invalid, "base64", ""},
		"not a text":          {`name: s}, data: {password: {deep: ` + secret + `}}`, syncline.Invalid, ".data.password: expected string", ""},
		"an unknown field":    {`name: s}, dta: {password: ` + secret + `}`, syncline.Invalid, ".dta: field not declared", ""},
		"an immutable secret": {`name: fixed}, immutable: true, stringData: {a: ` + secret + `}`, syncline.Invalid, "data", string(uid)},
		"a key":               {`name: s}, stringData: {"` + secret + ` x": b}`, syncline.Invalid, "data[***]", ""},
		"a wrong type":        {`name: s}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "` + secret + `"}`, syncline.Invalid, "data[", ""},
	} {
		t.Run(name, func(t *testing.T) {
			object := kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: Secret, metadata: {namespace: %s, %s}", b.namespace, test.content)).Desired()
			w := syncline.Write{Action: syncline.Create, Object: object}
			if test.uid != "" {
				w.Action, w.UID = syncline.Update, uid
			}
			err := b.refusal(w, test.kind)
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, secret) {
					t.Errorf("the secret is told: %s", text)
				}
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error does not say %q: %v", test.says, err)
			}
		})
	}
}

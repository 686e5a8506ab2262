package live_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// stray creates an object that is tracked by an instance of the namespace's name.
func stray(t *testing.T, cluster *kube.Client, namespace, text string) syncline.Object {
	t.Helper()
	object := kubetest.Parse(t, text).WithNamespace(namespace)
	ref := object.Ref()
	tracking := namespace + ":" + ref.Group + "/" + ref.Kind + ":" + namespace + "/" + ref.Name
	return write(t, cluster, syncline.Write{Action: syncline.Create, Object: object.WithAnnotation(convention.Tracking, tracking)})
}

// swept waits until all that an instance owns is known, and returns it.
func (w *watcher) swept(t *testing.T, instance string, count int) []syncline.Live {
	t.Helper()
	var owned []syncline.Live
	deadline := time.After(patience)
	for {
		var err error
		if owned, err = w.Owned(instance); err == nil {
			break
		}
		select {
		case <-w.sweeps:
		case <-w.turns:
		case <-w.changes:
		case <-deadline:
			t.Fatalf("it is not known in time what is owned: %v", err)
		}
	}
	if len(owned) != count {
		t.Fatalf("%d objects are owned, want %d: %v", len(owned), count, owned)
	}
	return owned
}

const (
	strayAccount = `{apiVersion: v1, kind: ServiceAccount, metadata: {name: stray}}`
	strayLease   = `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: stray}}`
	strayConfig  = `{apiVersion: v1, kind: ConfigMap, metadata: {name: stray}}`
	copied       = `{apiVersion: v1, kind: LimitRange, metadata: {name: copied, annotations: {argocd.argoproj.io/tracking-id: "x:/Pod:ns/other"}}}`
)

func TestWhatIsOwnedIsFoundWithoutAnybodyDeclaringItsKind(t *testing.T) {
	var whole, secrets atomic.Int32
	cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if request.Method == http.MethodGet && request.URL.Query().Get("limit") != "" && !strings.Contains(request.Header.Get("Accept"), "PartialObjectMetadata") {
			whole.Add(1)
		}
		if strings.HasSuffix(request.URL.Path, "/secrets") {
			secrets.Add(1)
		}
		return next.RoundTrip(request)
	})
	namespace := namespace(t)
	for _, text := range []string{strayAccount, strayLease, strayConfig} {
		stray(t, cluster, namespace, text)
	}
	write(t, cluster, syncline.Write{Action: syncline.Create, Object: kubetest.Parse(t, copied).WithNamespace(namespace)})
	w := watch(t, cluster, live.Options{})
	w.need(t, configMaps)
	if _, err := w.Owned(namespace); syncline.KindOf(err) != syncline.Waiting {
		t.Fatalf("before the search the error is %v, want Waiting", err)
	}
	w.Sweep()
	w.swept(t, namespace, 3)
	if n := whole.Load(); n != 0 {
		t.Errorf("%d lists asked for whole objects, want metadata only", n)
	}
	limits := kubetest.Parse(t, copied).Ref().GroupKind()
	if len(w.Ready(limits)) != 1 {
		t.Error("a kind is watched of which one object has the annotation of another")
	}
	if instances := w.Instances(kubetest.Parse(t, strayLease).Ref().GroupKind()); len(instances) != 1 || instances[0] != namespace {
		t.Errorf("leases are tracked by %q", instances)
	}
}

func TestOfAKindThatNobodyNeedsOnlyWhatIsTrackedIsRemembered(t *testing.T) {
	cluster := connect(t)
	namespace := namespace(t)
	stray(t, cluster, namespace, strayAccount)
	w := watch(t, cluster, live.Options{})
	w.Sweep()
	w.swept(t, namespace, 1)
	ours := kubetest.Parse(t, strayAccount).WithNamespace(namespace).Ref()
	other := ours
	other.Name = "default"
	if _, remembered := w.Get(other); remembered {
		t.Error("an object is remembered that nobody tracks")
	}
	accounts := ours.GroupKind().WithVersion("v1")
	w.Need(accounts)
	if len(w.Ready(ours.GroupKind())) != 1 {
		t.Error("the kind counts as known before all of it was read")
	}
	w.need(t, accounts)
	w.until(t, func() bool { _, ok := w.Get(other); return ok })
	w.swept(t, namespace, 1)
}

func TestAKindThatCannotBeSearchedIsNotEmpty(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"denied": func(r *http.Request) (*http.Response, error) {
			return kubetest.Answer(r, http.StatusForbidden, metav1.StatusReasonForbidden), nil
		},
		"broken": func(r *http.Request) (*http.Response, error) {
			return kubetest.Answer(r, http.StatusInternalServerError, metav1.StatusReasonInternalError), nil
		},
		"busy": func(r *http.Request) (*http.Response, error) {
			return kubetest.Answer(r, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests), nil
		},
		"unreachable": func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			broken.Store(true)
			cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
				if broken.Load() && strings.HasSuffix(request.URL.Path, "/limitranges") && request.Method == http.MethodGet {
					return answer(request)
				}
				return next.RoundTrip(request)
			})
			namespace := namespace(t)
			stray(t, cluster, namespace, `{apiVersion: v1, kind: LimitRange, metadata: {name: stray}}`)
			stray(t, cluster, namespace, strayAccount)
			w := watch(t, cluster, live.Options{})
			w.Sweep()
			var err error
			deadline := time.After(patience)
			for _, err = w.Owned(namespace); syncline.KindOf(err) == syncline.Waiting; _, err = w.Owned(namespace) {
				select {
				case <-w.sweeps:
				case <-w.turns:
				case <-deadline:
					t.Fatal("it waits though nothing more comes")
				}
			}
			if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), "LimitRange") || syncline.HintOf(err) == "" {
				t.Fatalf("the error is %v", err)
			}
			if owned := w.owned(namespace); len(owned) != 1 {
				t.Errorf("owned are %v, want the service account all the same", owned)
			}
			broken.Store(false)
			w.swept(t, namespace, 2)
		})
	}
}

func TestTheSearchIsTriedAgain(t *testing.T) {
	var refused atomic.Int32
	cluster := connect(t, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.Contains(request.Header.Get("Accept"), "PartialObjectMetadata") && !isWatch(request) && refused.Add(1) < 40 {
			return kubetest.Answer(request, http.StatusInternalServerError, metav1.StatusReasonInternalError), nil
		}
		return next.RoundTrip(request)
	})
	namespace := namespace(t)
	stray(t, cluster, namespace, strayAccount)
	w := watch(t, cluster, live.Options{})
	w.Sweep()
	w.swept(t, namespace, 1)
}

package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
)

// control is the control plane that all tests of the package share.
var control *testenv.Cluster

func TestMain(m *testing.M) {
	os.Exit(kubetest.Main(m, "kube", func(c *testenv.Cluster) { control = c }))
}

// connect connects to the control plane through the given functions.
func connect(t testing.TB, through ...kubetest.Through) *kube.Client {
	t.Helper()
	cluster, err := kube.Connect(kubetest.Config(t, control, through...), kube.Options{Dialects: syncline.Dialects{convention.Dialect()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// bench is what a test of writes has: a cluster, a namespace, somebody else,
// and the requests that were sent.
type bench struct {
	*kube.Client
	t         *testing.T
	namespace string
	somebody  kubetest.Somebody
	sent      *requests
}

func newBench(t *testing.T, through ...kubetest.Through) *bench {
	t.Helper()
	b := &bench{t: t, somebody: kubetest.NewSomebody(t, control), sent: &requests{}}
	b.namespace = b.somebody.Namespace(t)
	b.Client = connect(t, append(through, b.sent.through)...)
	return b
}

// requests counts what was sent by verb and path.
type requests struct {
	mu   sync.Mutex
	sent []*http.Request
}

func (r *requests) through(request *http.Request, next http.RoundTripper) (*http.Response, error) {
	r.mu.Lock()
	r.sent = append(r.sent, request)
	r.mu.Unlock()
	return next.RoundTrip(request)
}

// count returns how many requests match, and forgets them all.
func (r *requests) count(matches func(*http.Request) bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, request := range r.sent {
		if matches(request) {
			n++
		}
	}
	r.sent = nil
	return n
}

func verb(method string) func(*http.Request) bool {
	return func(request *http.Request) bool { return request.Method == method }
}

// configMap is one of the test's namespace.
func (b *bench) configMap(name, color string) syncline.Object {
	return kubetest.Parse(b.t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: %s}, data: {color: %s}}",
		b.namespace, name, color))
}

// write performs a write and fails the test if it fails.
func (b *bench) write(w syncline.Write) syncline.Object {
	b.t.Helper()
	object, err := b.try(w)
	if err != nil {
		b.t.Fatal(err)
	}
	return object
}

// try performs a write. Ref and Version default to those of its object, and what a
// deletion expects of annotations to that there are none.
func (b *bench) try(w syncline.Write) (syncline.Object, error) {
	if !w.Object.IsZero() {
		w.Ref, w.Version = w.Object.Ref(), w.Object.GroupVersionKind().Version
	}
	if w.Version == "" {
		w.Version = "v1"
	}
	if w.Action == syncline.Prune && w.Steering == "" {
		w.Steering = syncline.Live{}.Steering()
	}
	return b.Write(context.Background(), w)
}

// refused performs a write that has to fail with an error of a kind.
func (b *bench) refused(w syncline.Write, kind syncline.Kind) {
	b.t.Helper()
	_ = b.refusal(w, kind)
}

// refusal performs a write that has to fail with an error of a kind, and
// returns the error.
func (b *bench) refusal(w syncline.Write, kind syncline.Kind) error {
	b.t.Helper()
	_, err := b.try(w)
	if syncline.KindOf(err) != kind {
		b.t.Errorf("%s: the error is %v (%s), want one that is %s", w.Action, err, syncline.KindOf(err), kind)
	}
	return err
}

func (b *bench) create(object syncline.Object) types.UID {
	b.t.Helper()
	return uidOf(b.write(syncline.Write{Action: syncline.Create, Object: object}))
}

func uidOf(object syncline.Object) types.UID { return object.Reveal().GetUID() }

// color is what the ConfigMap says now; "" when there is none.
func (b *bench) color(ref syncline.Ref) string {
	b.t.Helper()
	live := b.somebody.Get(b.t, ref)
	if live == nil {
		return ""
	}
	data, _ := live.Object["data"].(map[string]any)
	color, _ := data["color"].(string)
	return color
}

// eventually waits until a condition of the control plane holds, by asking.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(context.Context) (bool, error) {
		return holds(), nil
	}); err != nil {
		b.t.Fatalf("not in time: %s", what)
	}
}

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
)

// fleetBench is a Fleet together with what it told.
type fleetBench struct {
	*kube.Fleet
	t     *testing.T
	now   atomic.Int64
	told  chan syncline.Target
	mu    sync.Mutex
	lives []string
}

func newFleetBench(t *testing.T) *fleetBench {
	t.Helper()
	b := &fleetBench{t: t, told: make(chan syncline.Target, 1000)}
	b.Fleet = kube.NewFleet(kube.FleetOptions{
		Changed: func(target syncline.Target) { b.told <- target },
		Now:     func() time.Time { return time.Unix(b.now.Load(), 0) },
		Live: func(id syncline.ClusterID) live.Options {
			return live.Options{OnChange: func(change live.Change) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.lives = append(b.lives, string(id)+" "+change.Ref.String())
			}}
		},
	})
	t.Cleanup(b.Close)
	return b
}

// set lets the fleet know a cluster that is reached so.
func (b *fleetBench) set(id syncline.ClusterID, config *rest.Config) {
	b.t.Helper()
	if err := b.Set(kube.Member{
		Target:  syncline.Target{ID: id, Name: string(id), Server: "https://" + string(id)},
		Connect: func() (*kube.Client, error) { return kube.Connect(config, kube.Options{}) },
	}); err != nil {
		b.t.Fatal(err)
	}
}

// access waits until a cluster answers.
func (b *fleetBench) access(id syncline.ClusterID, as syncline.Identity) *kube.Access {
	b.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		access, err := b.Access(id, as)
		switch syncline.KindOf(err) {
		case "":
			return access
		case syncline.Waiting, syncline.Transient:
		default:
			b.t.Fatal(err)
		}
		select {
		case <-b.told:
		case <-deadline:
			b.t.Fatalf("not in time: %v", err)
		}
	}
}

// watch waits until the ConfigMaps of a cluster are known.
func (b *fleetBench) watch(access *kube.Access) {
	b.t.Helper()
	eventually(b.t, "the kind is known", func() bool {
		pending, err := access.Watch([]schema.GroupVersionKind{{Version: "v1", Kind: "ConfigMap"}})
		return err == nil && len(pending) == 0
	})
}

// eventually waits until a condition holds, by asking.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	(&bench{t: t}).eventually(what, holds)
}

// silent answers nothing until whoever asks has had enough.
func silent(request *http.Request, _ http.RoundTripper) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

func TestAClusterThatIsSilentHoldsNobodyUp(t *testing.T) {
	b := newFleetBench(t)
	b.set("silent", kubetest.Config(t, control, silent))
	b.set("there", kubetest.Config(t, control))
	began := time.Now()
	for range 100 {
		if _, err := b.Access("silent", syncline.Identity{}); syncline.KindOf(err) != syncline.Waiting {
			t.Fatalf("want that it is waited for, got %v", err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s to ask for a cluster that does not answer", took)
	}
	b.watch(b.access("there", syncline.Identity{}))
}

func TestAClusterThatRefusesAndThenAnswers(t *testing.T) {
	var down atomic.Bool
	var asked atomic.Int32
	down.Store(true)
	config := kubetest.Config(t, control, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if down.Load() {
			asked.Add(1)
			return nil, errors.New("connection refused")
		}
		return next.RoundTrip(request)
	})
	b := newFleetBench(t)
	b.set("one", config)
	eventually(t, "it is known to be down", func() bool {
		_, err := b.Access("one", syncline.Identity{})
		return syncline.KindOf(err) == syncline.Transient && strings.Contains(err.Error(), "connection refused")
	})
	for range 1000 {
		_, _ = b.Access("one", syncline.Identity{})
	}
	if asked.Load() > 3 {
		t.Errorf("it was asked %d times by those who need it", asked.Load())
	}
	down.Store(false)
	access := b.access("one", syncline.Identity{})
	down.Store(true) // again, after it was reached
	eventually(t, "it is known to be lost", func() bool {
		_, _ = access.Read(t.Context(), syncline.Ref{Kind: "Namespace", Name: "default"}, "v1")
		_, err := b.Access("one", syncline.Identity{})
		return syncline.KindOf(err) == syncline.Transient
	})
	down.Store(false)
	b.access("one", syncline.Identity{})
}

// TestAClusterThatFallsSilent has requests under way when it does: they end long before
// their time, and those that follow at once.
func TestAClusterThatFallsSilent(t *testing.T) {
	var quiet atomic.Bool
	b := newFleetBench(t)
	b.set("one", kubetest.Config(t, control, func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		if quiet.Load() {
			return silent(request, next)
		}
		return next.RoundTrip(request)
	}))
	access := b.access("one", syncline.Identity{})
	b.watch(access)
	quiet.Store(true)
	namespace := syncline.Ref{Kind: "Namespace", Name: "default"}
	began := time.Now()
	if _, err := access.Read(t.Context(), namespace, "v1"); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("want that it may pass, got %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s to give up", took)
	}
	began = time.Now()
	if _, err := access.Read(t.Context(), namespace, "v1"); syncline.KindOf(err) != syncline.Transient {
		t.Errorf("want that it may pass, got %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s to refuse what follows", took)
	}
	quiet.Store(false)
	if _, err := b.access("one", syncline.Identity{}).Read(t.Context(), namespace, "v1"); err != nil {
		t.Error(err)
	}
}

// TestAClusterThatIsLetGo leaves neither goroutines nor what was remembered.
func TestAClusterThatIsLetGo(t *testing.T) {
	b := newFleetBench(t)
	b.set("one", kubetest.Config(t, control))
	before := runtime.NumGoroutine()
	b.watch(b.access("one", syncline.Identity{}))
	if runtime.NumGoroutine() <= before {
		t.Error("it watches without goroutines")
	}
	needed := func(syncline.Target) bool { return true }
	nobody := func(syncline.Target) bool { return false }
	b.LetGo(nobody)
	if b.Live("one") == nil {
		t.Error("it was let go while it was in use")
	}
	b.now.Store(int64(time.Hour / time.Second))
	b.LetGo(needed)
	if b.Live("one") == nil {
		t.Error("it was let go while it was needed")
	}
	b.LetGo(nobody)
	if b.Live("one") != nil || len(b.Connections()) > 0 {
		t.Error("it was not let go")
	}
	eventually(t, "its goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	b.watch(b.access("one", syncline.Identity{})) // when it is needed again
}

func TestAClusterThatIsChangedOrRemoved(t *testing.T) {
	b := newFleetBench(t)
	b.set("one", kubetest.Config(t, control))
	b.set("two", kubetest.Config(t, control))
	if err := b.Set(kube.Member{Target: syncline.Target{ID: "three", Server: "https://two"}}); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("want that the address is refused, got %v", err)
	}
	if err := b.Set(kube.Member{Target: syncline.Target{ID: "three", Name: "two", Server: "https://three"}}); err != nil {
		t.Error(err)
	}
	if _, err := b.Target(syncline.Destination{Name: "two"}); syncline.KindOf(err) != syncline.Invalid {
		t.Errorf("want that a name of two clusters is refused, got %v", err)
	}
	if to, err := b.Target(syncline.Destination{Server: "https://two"}); err != nil || to.ID != "two" {
		t.Errorf("by its address it is %v (%v)", to, err)
	}
	b.Remove("three")
	b.access("one", syncline.Identity{})
	two := b.access("two", syncline.Identity{})
	for len(b.told) > 0 {
		<-b.told
	}
	b.set("one", rest.AnonymousClientConfig(kubetest.Config(t, control)))
	if target := <-b.told; target.ID != "one" {
		t.Errorf("%s is told to be changed", target.ID)
	}
	_, err := b.access("one", syncline.Identity{}).Read(t.Context(), syncline.Ref{Kind: "Namespace", Name: "default"}, "v1")
	if syncline.KindOf(err) != syncline.Denied {
		t.Errorf("want that the new credentials are used, got %v", err)
	}
	if again := b.access("two", syncline.Identity{}); again != two {
		t.Error("the other cluster is connected to anew")
	}
	b.Remove("one")
	if _, err := b.Target(syncline.Destination{Name: "one"}); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("want that it is gone, got %v", err)
	}
	if _, err := b.Access("one", syncline.Identity{}); syncline.KindOf(err) != syncline.NotFound {
		t.Errorf("want that it is gone, got %v", err)
	}
	for len(b.told) > 0 {
		if target := <-b.told; target.ID != "one" {
			t.Errorf("%s is told to be changed", target.ID)
		}
	}
}

// manage gives rights in a namespace to a user.
func manage(t *testing.T, somebody kubetest.Somebody, namespace, user string) {
	t.Helper()
	for _, object := range []string{
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: %[1]s, name: maintainer},
		  rules: [{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: %[1]s, name: maintainer},
		  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: maintainer},
		  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[2]q}]}`,
	} {
		somebody.Create(t, kubetest.Parse(t, fmt.Sprintf(object, namespace, user)), "somebody")
	}
}

// TestAnIdentityMayDoWhatItsRightsSay writes as a user who may change one namespace,
// while everything is looked at as the administrator.
func TestAnIdentityMayDoWhatItsRightsSay(t *testing.T) {
	somebody := kubetest.NewSomebody(t, control)
	own, foreign := somebody.Namespace(t), somebody.Namespace(t)
	manage(t, somebody, own, "maintainer")
	b := newFleetBench(t)
	b.set("one", kubetest.Config(t, control))
	maintainer := b.access("one", syncline.Identity{User: "maintainer", Groups: []string{"system:authenticated"}})
	if b.access("one", syncline.Identity{User: "maintainer", Groups: []string{"system:authenticated"}}) != maintainer {
		t.Error("an identity is prepared anew each time")
	}
	b.watch(maintainer)
	write := func(access *kube.Access, namespace string) error {
		object := kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: written}}", namespace))
		if _, err := access.DryRun(t.Context(), object, nil); err != nil {
			return err
		}
		_, err := access.Write(t.Context(), syncline.Write{Action: syncline.Create, Ref: object.Ref(), Version: "v1", Object: object})
		return err
	}
	if err := write(maintainer, own); err != nil {
		t.Errorf("in its own namespace: %v", err)
	}
	if err := write(maintainer, foreign); syncline.KindOf(err) != syncline.Denied || !strings.Contains(err.Error(), "maintainer") {
		t.Errorf("in another namespace: want that the user is denied, got %v", err)
	}
	if err := write(b.access("one", syncline.Identity{}), foreign); err != nil {
		t.Errorf("as Syncline itself: %v", err)
	}
	if _, known := maintainer.Get(syncline.Ref{Kind: "ConfigMap", Namespace: foreign, Name: "written"}); !known {
		t.Error("what is live is looked at as the identity")
	}
}

// TestNamespacesOnly looks at two namespaces as a user who may list in no other.
func TestNamespacesOnly(t *testing.T) {
	somebody := kubetest.NewSomebody(t, control)
	one, two, foreign := somebody.Namespace(t), somebody.Namespace(t), somebody.Namespace(t)
	manage(t, somebody, one, "resident")
	manage(t, somebody, two, "resident")
	config := kubetest.Config(t, control)
	config.Impersonate = rest.ImpersonationConfig{UserName: "resident", Groups: []string{"system:authenticated"}}
	cluster, err := kube.Connect(config, kube.Options{Scope: kube.Scope{Namespaces: []string{one, two}}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	connection := kube.NewConnection(cluster, live.Options{OnChange: func(change live.Change) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, change.Ref.Namespace+"/"+change.Ref.Name)
	}})
	t.Cleanup(connection.Close)
	access, err := connection.As(syncline.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	configMap := func(namespace string) syncline.Object {
		return kubetest.Parse(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: a}}", namespace))
	}
	somebody.Create(t, configMap(one), "somebody")
	(&fleetBench{t: t}).watch(access)
	if _, known := access.Get(configMap(one).Ref()); !known {
		t.Error("what was there is not known")
	}
	somebody.Create(t, configMap(two), "somebody")
	somebody.Create(t, configMap(foreign), "somebody")
	somebody.Delete(t, configMap(one).Ref())
	told := func(name string) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(seen, name)
	}
	eventually(t, "a change of each namespace is told", func() bool { return told(two+"/a") && told(one+"/a") })
	if _, known := access.Get(configMap(foreign).Ref()); known || told(foreign+"/a") {
		t.Error("something of a third namespace is known")
	}
	if _, known := access.Get(syncline.Ref{Kind: "Namespace", Name: two}); !known {
		t.Error("a namespace of the scope is taken to be missing")
	}
	eventually(t, "no kind of the whole cluster is waited for", func() bool {
		pending, err := access.Watch([]schema.GroupVersionKind{{Version: "v1", Kind: "Namespace"}})
		return len(pending) == 0 && err == nil
	})
	if _, err := access.DryRun(context.Background(), configMap(foreign), nil); syncline.KindOf(err) != syncline.Denied || syncline.HintOf(err) == "" {
		t.Errorf("want that the third namespace is denied with a hint, got %v", err)
	}
	namespace := kubetest.Parse(t, "{apiVersion: v1, kind: Namespace, metadata: {name: made}}")
	if _, err := access.Write(context.Background(), syncline.Write{Action: syncline.Create, Ref: namespace.Ref(), Version: "v1", Object: namespace}); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("want that a namespace is denied, got %v", err)
	}
	connection.Live.Sweep()
	eventually(t, "it is known what is owned, though most kinds may not be read", func() bool {
		_, err := access.Owned("web")
		unseen, some := syncline.Unseen(err)
		return some && len(unseen) > 0
	})
}

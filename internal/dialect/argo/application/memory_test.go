package application_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/automation/coalesce"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/kube/live/stream"
	"github.com/syncline-io/syncline/internal/engine"
	gate "github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// perApp is how many bytes an App of three objects may take, with all that is remembered
// of it: its resource and its last report, its plan, what it rendered to, what was read
// for that, and its objects in the cluster.
const perApp = 25 << 10

// perAppKnown is how many of them are left where what it rendered to was forgotten, and
// without the objects in the cluster.
const perAppKnown = 18 << 10

func TestMemoryPerApp(t *testing.T) {
	if used := memoryPerApp(t, 1000, -1, false); used > perAppKnown {
		t.Errorf("an App takes %d bytes, want at most %d", used, perAppKnown)
	}
	if used := memoryPerApp(t, 1000, 256<<20, true); used > perApp {
		t.Errorf("with all that is remembered an App takes %d bytes, want at most %d", used, perApp)
	}
}

func BenchmarkMemoryPerApp(b *testing.B) {
	for _, part := range []struct {
		what string
		memo int64
		live bool
	}{{"remembered", -1, false}, {"rendered", 256 << 20, false}, {"all", 256 << 20, true}} {
		for _, count := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", part.what, count), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(float64(memoryPerApp(b, count, part.memo, part.live)), "bytes/App")
				}
			})
		}
	}
}

// memoryPerApp delivers Apps of three objects, and returns the bytes that the agent's
// memory of one takes; memo is how much of what they rendered to is remembered, and observed
// says whether their objects in the cluster are. With $HEAP_PROFILE it writes there what
// takes them.
func memoryPerApp(t testing.TB, count int, memo int64, observed bool) int {
	t.Helper()
	estate := newEstate(memo)
	defer estate.live.Close()
	before := heap()
	for i := range count {
		estate.deliver(t, i)
		if observed {
			estate.observe(t)
		}
	}
	if objects := estate.live.Stats().Objects; observed && objects != 3*count {
		t.Fatalf("%d objects are remembered, want %d", objects, 3*count)
	}
	estate.cluster, estate.text = nil, nil
	used := (heap() - before) / count
	if file := os.Getenv("HEAP_PROFILE"); file != "" {
		out, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := pprof.WriteHeapProfile(out); err != nil {
			t.Fatal(err)
		}
		_ = out.Close()
	}
	if listed, _ := estate.catalog.Apps.List(catalog.Filter{Sync: syncline.Synced, Health: syncline.Healthy}); len(listed) != count {
		t.Fatalf("%d Apps are synced and healthy, want %d", len(listed), count)
	}
	runtime.KeepAlive(estate)
	return used
}

func heap() int {
	runtime.GC()
	runtime.GC() // what pools had
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// estate is what an agent has, around one App at a time: of the others only what the
// agent remembers is left.
type estate struct {
	catalog *catalog.Catalog
	store   *application.Store
	writer  *coalesce.Writer
	engine  *engine.Engine
	live    *live.Cache

	folder  string
	files   folder
	cluster *enginetest.Cluster
	// text is the resource of the App, as the API server has it.
	text []byte
	now  time.Time
}

func newEstate(memo int64) *estate {
	e := &estate{catalog: catalog.New(), now: tenOClock}
	e.store = application.NewStore(e, controlPlane, e.catalog.Apps)
	e.writer = coalesce.New(e.store)
	e.engine = engine.New(e, render.New(render.Tools{Dialects: syncline.Dialects{convention.Dialect()}}, render.Options{MemoBytes: memo}), e, e, engine.Options{
		Others: catalog.Others{Catalog: e.catalog, Namespace: controlPlane}, Now: func() time.Time { return e.now },
	})
	kinds := []schema.GroupVersionKind{{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Service"}, {Group: "apps", Version: "v1", Kind: "Deployment"}}
	known := make(chan struct{}, 100)
	e.live = live.New(vacant{}, live.Options{
		Dialects: syncline.Dialects{convention.Dialect()},
		Assess:   func(*unstructured.Unstructured) syncline.Health { return syncline.Health{Status: syncline.Healthy} },
		OnReady:  func(schema.GroupKind) { known <- struct{}{} },
	})
	e.live.Need(kinds...)
	for len(e.live.Ready(kinds[0].GroupKind(), kinds[1].GroupKind(), kinds[2].GroupKind())) > 0 {
		<-known
	}
	return e
}

// vacant is a cluster that has nothing: what is known of it later was written.
type vacant struct{}

func (v vacant) Resource(context.Context, schema.GroupVersionKind) (live.Resource, error) {
	source := stream.Source{List: v.list, Watch: v.watch}
	return live.Resource{Objects: source, Metadata: source, Classify: func(err error) error { return err }}, nil
}

func (vacant) Kinds(context.Context) ([]schema.GroupVersionKind, error) { return nil, nil }

func (vacant) Served(schema.GroupKind) bool { return true }

func (vacant) Outdated() {}

func (vacant) list(context.Context, metav1.ListOptions) (kruntime.Object, error) {
	return nil, errors.New("it streams")
}

// watch tells that there is nothing, and then nothing more.
func (vacant) watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	end := &unstructured.Unstructured{Object: map[string]any{}}
	end.SetResourceVersion("1")
	end.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	told := watch.NewFakeWithChanSize(1, false)
	told.Action(watch.Bookmark, end)
	return told, nil
}

// observe remembers the App's objects as they are live, each parsed anew so that it
// shares nothing.
func (e *estate) observe(t testing.TB) {
	name := path.Base(e.folder)
	for _, ref := range []syncline.Ref{{Kind: "ConfigMap"}, {Kind: "Service"}, {Group: "apps", Kind: "Deployment"}} {
		ref.Namespace, ref.Name = name, name
		text, err := json.Marshal(e.cluster.Live(t, ref).Object)
		if err != nil {
			t.Fatal(err)
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		object, err := syncline.NewObject(u.Object, "the cluster")
		if err != nil {
			t.Fatal(err)
		}
		e.live.Observe(object)
	}
}

// deliver has an App synced.
func (e *estate) deliver(t testing.TB, number int) {
	t.Helper()
	name := fmt.Sprintf("app-%05d", number)
	e.folder, e.files, e.cluster = "apps/"+name, filesOf(name), enginetest.New(convention.Dialect())
	e.cluster.Health = map[string]syncline.Health{"Deployment": {Status: syncline.Healthy}, "Service": {Status: syncline.Healthy}}
	e.cluster.Add(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	e.text = fmt.Appendf(nil, `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {
		"name": %[1]q, "namespace": "argocd", "uid": "5b7f1b46-5d8e-4ed4-9e1c-%012[2]d", "resourceVersion": "1"},
		"spec": {"project": "default", "source": {"repoURL": "https://git.example.com/platform/mono.git", "path": %[3]q, "targetRevision": "main"},
		"destination": {"name": "in-cluster", "namespace": %[1]q}, "syncPolicy": {"automated": {"prune": true, "selfHeal": true}}}}`, name, number, e.folder)
	app, _ := e.store.Put(e.object(t))
	for turns := 0; app.Past.Sync != syncline.Synced || app.Past.Health.Status != syncline.Healthy || !app.Past.Operation.Phase.Done(); turns++ {
		if turns == 10 {
			t.Fatalf("after %d turns it is %s and %s: %s; %v", turns, app.Past.Sync, app.Past.Health.Status, app.Past.Operation.Message, app.Past.Operation.Results)
		}
		e.now = e.now.Add(time.Second)
		result := e.engine.Turn(t.Context(), app, 0)
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		if result.Report == nil {
			continue
		}
		if _, err := e.writer.Save(t.Context(), *result.Report); err != nil {
			t.Fatal(err)
		}
		app, _ = e.catalog.Apps.App(app.ID)
	}
	e.catalog.Apps.Told(app.ID)
}

// object is the App's resource as it comes over the wire: it shares nothing.
func (e *estate) object(t testing.TB) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(e.text); err != nil {
		t.Fatal(err)
	}
	return u
}

// PatchApplication writes into the App's resource.
func (e *estate) PatchApplication(_ context.Context, _ syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	var into, change map[string]any
	if err := json.Unmarshal(e.text, &into); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		return nil, err
	}
	merge(into, change)
	metadata, _ := into["metadata"].(map[string]any)
	metadata["resourceVersion"] = fmt.Sprint(e.now.Unix())
	text, err := json.Marshal(into)
	if err != nil {
		return nil, err
	}
	e.text = text
	u := &unstructured.Unstructured{}
	return u, u.UnmarshalJSON(text)
}

func (e *estate) Resolve(context.Context, syncline.App, syncline.Source, time.Duration) (string, error) {
	return "0123456789abcdef0123456789abcdef01234567", nil
}

func (e *estate) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return e.files, nil
}

func (e *estate) Project(string) (syncline.Project, error) {
	return syncline.Project{
		Name: "default", SourceRepos: []upstream.Pattern{upstream.PatternOf("*")},
		Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"})},
		ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "")},
	}, nil
}

func (e *estate) Target(to syncline.Destination) (syncline.Target, error) {
	return enginetest.Target(to)
}

func (e *estate) Cluster(syncline.ClusterID, syncline.Identity) (engine.Cluster, error) {
	return capable{e.cluster}, nil
}

func (e *estate) Writer(syncline.ClusterID, syncline.Identity) (gate.Writer, error) {
	return e.cluster, nil
}

// capable is a cluster of a version.
type capable struct{ *enginetest.Cluster }

func (capable) Capabilities(context.Context) (syncline.Capabilities, error) {
	return syncline.Capabilities{KubeVersion: "v1.36.3"}, nil
}

// folder is a Tree of a monorepo in which one App's folder is looked at.
type folder map[string]string

// filesOf returns the manifests of an App: a ConfigMap, a Service and a Deployment.
func filesOf(name string) folder {
	at := "apps/" + name + "/"
	return folder{
		at + "configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {greeting: hello, colour: blue}\n",
		at + "service.yaml":   "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + name + "}, ports: [{port: 80, targetPort: 8080}]}\n",
		at + "deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, labels: {app: ` + name + `}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.2.3
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 10m, memory: 16Mi}}
`,
	}
}

func (f folder) ReadFile(name string) ([]byte, error) {
	if text, ok := f[name]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}

func (f folder) Stat(name string) (syncline.Entry, error) {
	if text, ok := f[name]; ok {
		return syncline.Entry{Name: path.Base(name), Type: syncline.EntryFile, Hash: fmt.Sprintf("%040x", len(text))}, nil
	}
	if entries, _ := f.ReadDir(name); len(entries) > 0 {
		return syncline.Entry{Name: path.Base(name), Type: syncline.EntryDir, Hash: fmt.Sprintf("%-40s", name)}, nil
	}
	return syncline.Entry{}, fs.ErrNotExist
}

func (f folder) ReadDir(name string) (entries []syncline.Entry, err error) {
	for _, file := range []string{"configmap.yaml", "deployment.yaml", "service.yaml"} {
		if text, ok := f[strings.TrimPrefix(name+"/", "./")+file]; ok {
			entries = append(entries, syncline.Entry{Name: file, Type: syncline.EntryFile, Hash: fmt.Sprintf("%040x", len(text))})
		}
	}
	if entries == nil {
		return nil, fs.ErrNotExist
	}
	return entries, nil
}

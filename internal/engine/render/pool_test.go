package render_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/confined/confinedtest"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// samples are one small source per tool.
var samples = map[string]memoryTree{
	"directory": {"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: \"1\"}\n"},
	"kustomize": {
		"app/kustomization.yaml": "namePrefix: p-\nresources: [a.yaml]\n",
		"app/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
	},
	"helm": {
		"app/Chart.yaml":       "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"app/values.yaml":      "n: 3\n",
		"app/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {n: {{ .Values.n | quote }}}\n",
	},
	"jsonnet": {"app/a.jsonnet": "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'a'}, data: {n: std.toString(1 + 1)}}\n"},
}

func request(tree memoryTree) render.Request {
	return render.Request{App: "shop", Dialect: convention.Dialect(), Namespace: "prod", Source: syncline.Source{Path: "app"}, Files: syncline.Files{Tree: tree}}
}

// TestPoolIsConfined has jobs that are the names of Apps, each with a folder of its
// own, but for those of the suite.
func TestPoolIsConfined(t *testing.T) {
	trees := map[string]memoryTree{
		"broken":    {"app/a.yaml": configMap + "data: [b"},
		"remote":    {"app/kustomization.yaml": "resources: [https://example.com/base]\n"},
		"no number": {"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/templates/a.yaml": "{{ fail \"no\" }}"},
		"schema": {
			"app/kustomization.yaml": "resources: [a.yaml]\nopenapi: {path: schema.json}\n",
			"app/a.yaml":             configMap,
			"app/schema.json":        `{"definitions": {"io.k8s.api.apps.v1.Deployment": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}}}`,
		},
		"patch": {
			"app/kustomization.yaml": "resources: [d.yaml]\npatches: [{path: p.yaml}]\n",
			"app/d.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: web, image: w}, {name: sidecar, image: s}]}}}\n",
			"app/p.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: web, image: new}]}}}\n",
		},
	}
	maps.Copy(trees, samples)
	doIn := func(builder render.Builder) confinedtest.Do {
		return func(ctx context.Context, owner, job string) (string, error) {
			output, err := builder.Build(ctx, render.Job{App: job, Namespace: "prod", Source: syncline.Source{Path: "app"}}, render.Inputs{
				Files: syncline.Files{Tree: trees[job]}, Fact: func(string) (string, bool) { return "", false }, Owner: owner,
			})
			return fmt.Sprintf("%#v", output), err
		}
	}
	confinedtest.Run(t, confinedtest.Kind{
		Argument: workerArgument,
		Start: func(t testing.TB, options confined.Options) confinedtest.Do {
			return doIn(render.Confined{Pool: newPool(t, options)})
		},
		Here: doIn(tools()),
		Jobs: []string{"directory", "kustomize", "helm", "jsonnet", "patch"}, Faulty: []string{"broken", "remote", "no number"},
		Leaving: []string{"schema", "remote", "helm", "no number"}, Looking: "patch",
	})
}

func TestPoolRendersAsInProcess(t *testing.T) {
	pool := newPool(t, confined.Options{Patience: time.Minute}) // who gives way gets no other job
	renderer := render.New(render.Confined{Pool: pool}, render.Options{MemoBytes: -1})
	for name, tree := range samples {
		t.Run(name, func(t *testing.T) {
			want, err := inProcess().Render(short(t), request(tree))
			if err != nil {
				t.Fatal(err)
			}
			got, err := renderer.Render(short(t), request(tree))
			if err != nil {
				t.Fatal(err)
			}
			if digest(got) != digest(want) || got.Tool != want.Tool || len(got.Objects) != 1 ||
				got.Objects[0].Origin() != want.Objects[0].Origin() {
				t.Errorf("pool: %v, in process: %v", got, want)
			}
		})
	}
	if stats := pool.Stats(); stats.Started != 1 {
		t.Errorf("%d processes for %d clean jobs in turn", stats.Started, len(samples))
	}
}

func TestPoolRunsJobsAtOnce(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 2})
	renderer := render.New(render.Confined{Pool: pool}, render.Options{MemoBytes: -1})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			name := fmt.Sprintf("n%d", i)
			tree := memoryTree{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"}
			result, err := renderer.Render(short(t), request(tree))
			if err != nil {
				t.Error(err)
			} else if got := result.Objects[0].Ref().Name; got != name {
				t.Errorf("job %s got the result of %s", name, got)
			}
		})
	}
	wg.Wait()
	if started := pool.Stats().Started; started > 2 {
		t.Errorf("%d processes where 2 are allowed", started)
	}
}

func TestPoolReportsErrorsAsInProcess(t *testing.T) {
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	tree := memoryTree{"app/kustomization.yaml": "resources: [https://example.com/base]\n"}
	_, want := inProcess().Render(short(t), request(tree))
	_, got := renderer.Render(short(t), request(tree))
	if want == nil || got == nil || got.Error() != want.Error() || syncline.KindOf(got) != syncline.Denied ||
		syncline.HintOf(got) != syncline.HintOf(want) {
		t.Errorf("pool: %v (%s), in process: %v", got, syncline.KindOf(got), want)
	}
}

func TestPoolDiscardsTaintedProcess(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 1})
	renderer := render.New(render.Confined{Pool: pool}, render.Options{})
	tree := memoryTree{
		"app/kustomization.yaml": "resources: [a.yaml]\nopenapi: {path: schema.json}\n",
		"app/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
		"app/schema.json":        `{"definitions": {}}`,
	}
	if _, err := renderer.Render(short(t), request(tree)); err != nil {
		t.Fatal(err)
	}
	if stats := pool.Stats(); stats.Discarded != 1 {
		t.Errorf("a process with foreign schemas is kept: %+v", stats)
	}
}

func TestPoolClosed(t *testing.T) {
	pool := newPool(t, confined.Options{})
	pool.Close()
	_, err := render.New(render.Confined{Pool: pool}, render.Options{}).Render(short(t), request(samples["helm"]))
	if err == nil || !strings.Contains(err.Error(), "shut down") || syncline.KindOf(err) != syncline.Transient {
		t.Errorf("got %v", err)
	}
}

// TestPoisonedSourcesDoNotDelayOthers renders a good source while several that
// never end are tried again: it is done before the first of them is ended.
func TestPoisonedSourcesDoNotDelayOthers(t *testing.T) {
	pool := newPool(t, confined.Options{Size: 2, Timeout: 3 * time.Second})
	renderer := render.New(render.Confined{Pool: pool}, render.Options{MemoBytes: -1})
	poisoned := func(i int) render.Request {
		r := request(chartOf("{{ range 100000000000 }}{{ end }}"))
		r.App = fmt.Sprintf("poisoned-%d", i)
		return r
	}
	var wg sync.WaitGroup
	try := func() *atomic.Int32 {
		ended := &atomic.Int32{}
		for i := range 2 {
			wg.Go(func() {
				if _, err := renderer.Render(short(t), poisoned(i)); err == nil {
					t.Error("a source that never ends renders")
				}
				ended.Add(1)
			})
		}
		return ended
	}
	try()
	wg.Wait() // now they are known
	ended := try()
	good := request(samples["directory"])
	good.Project = "good" // whose places are not those of who has the others
	if _, err := renderer.Render(short(t), good); err != nil {
		t.Fatal(err)
	}
	if ended.Load() > 0 {
		t.Error("the good source waited for one that never ends")
	}
	wg.Wait()
}

// TestSchemasOfOneSourceStayThere renders a source whose merge depends on
// kustomize's own schemas, before and after one that brings others.
func TestSchemasOfOneSourceStayThere(t *testing.T) {
	victim := request(memoryTree{
		"app/kustomization.yaml": "resources: [d.yaml]\npatches: [{path: p.yaml}]\n",
		"app/d.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: web, image: w}, {name: sidecar, image: s}]}}}\n",
		"app/p.yaml":             "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: web, image: new}]}}}\n",
	})
	intruder := request(memoryTree{
		"app/kustomization.yaml": "resources: [a.yaml]\nopenapi: {path: schema.json}\n",
		"app/a.yaml":             configMap,
		"app/schema.json":        `{"definitions": {"io.k8s.api.apps.v1.Deployment": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]}}}`,
	})
	renderer := render.New(tools(), render.Options{MemoBytes: -1})
	before, err := renderer.Render(short(t), victim)
	check(t, err)
	if containers, _ := before.Objects[0].Field("spec", "template", "spec", "containers"); len(containers.([]any)) != 2 {
		t.Fatalf("the test merges nothing: %v", containers)
	}
	_, err = renderer.Render(short(t), intruder)
	check(t, err)
	after, err := renderer.Render(short(t), victim)
	check(t, err)
	if digest(before) != digest(after) {
		t.Error("one source changed how another renders")
	}
}

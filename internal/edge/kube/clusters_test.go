package kube_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/kubetest"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/loop"
)

// country is an engine whose Apps deliver to clusters of a fleet, each to the one of
// its name: its loop, and the memory of its Apps.
type country struct {
	t     *testing.T
	fleet *kube.Fleet
	loop  *loop.Loop

	mu    sync.Mutex
	apps  map[syncline.AppID]syncline.App
	turns map[string]int
	// texts are what the Apps declare, by name, and head counts their commits.
	texts map[string]string
	head  int
}

func newCountry(t *testing.T, workers int) *country {
	t.Helper()
	c := &country{t: t, apps: map[syncline.AppID]syncline.App{}, turns: map[string]int{}, texts: map[string]string{}}
	c.loop = &loop.Loop{Apps: c, Reports: c, Audience: c, Queue: queue.New(queue.Backoff{}), Workers: workers}
	c.fleet = kube.NewFleet(kube.FleetOptions{Changed: c.changed, Live: func(id syncline.ClusterID) live.Options {
		return live.Options{
			OnChange: func(change live.Change) {
				for _, instance := range []string{change.Before, change.After} {
					if instance == string(id) && !change.Ours {
						c.due(instance)
					}
				}
			},
			OnReady: func(schema.GroupKind) { c.loop.ClusterReady(id) },
			OnSwept: func() { c.loop.ClusterReady(id) },
		}
	}})
	c.loop.Engine = engine.New(c, c, c, c, engine.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.loop.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		c.fleet.Close()
	})
	return c
}

// join adds a cluster, and an App that delivers a text to it.
func (c *country) join(name string, config *rest.Config, text string) {
	c.t.Helper()
	c.set(name, config)
	c.commit(name, text)
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: name}
	c.mu.Lock()
	c.apps[id] = syncline.App{
		Dialect: convention.Dialect(),
		ID:      id, Instance: name, Project: "default",
		Sources:     []syncline.Source{{RepoURL: "https://git.example/" + name}},
		Destination: syncline.Destination{Name: name, Namespace: "default"},
		Policy:      syncline.SyncPolicy{Automated: true, Prune: true, SelfHeal: true, AllowEmpty: true},
	}
	c.mu.Unlock()
	c.due(name)
}

func (c *country) set(name string, config *rest.Config) {
	c.t.Helper()
	if err := c.fleet.Set(kube.Member{
		Target: syncline.Target{ID: syncline.ClusterID(name), Name: name, Server: "https://" + name},
		Connect: func() (*kube.Client, error) {
			return kube.Connect(config, kube.Options{Dialects: syncline.Dialects{convention.Dialect()}})
		},
	}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *country) changed(target syncline.Target) {
	c.loop.ClusterReady(target.ID)
	c.due(target.Name)
}

func (c *country) due(name string) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: name}
	if _, declared := c.App(id); declared {
		c.loop.Queue.Add(id, "default", queue.Drift)
	}
}

func (c *country) commit(name, text string) {
	c.mu.Lock()
	c.texts[name] = text
	c.head++
	c.mu.Unlock()
	c.due(name)
}

func (c *country) App(id syncline.AppID) (syncline.App, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app, ok := c.apps[id]
	return app, ok
}

func (c *country) Save(_ context.Context, r syncline.Report) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	app, ok := c.apps[r.App]
	if ok {
		app.Past = syncline.Past{Report: syncline.Report{
			Operation: r.Operation, History: r.History, Objects: r.Objects, Sources: r.Sources, Revisions: r.Revisions,
			Destination: r.Destination, Sync: r.Sync, Health: r.Health,
		}}
		c.apps[r.App] = app
	}
	return true, nil
}

func (c *country) Unsaved(context.Context, syncline.Report, error) {}

func (c *country) Publish(_ context.Context, app syncline.App) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns[app.ID.Name]++
}

func (c *country) Resolve(context.Context, syncline.App, syncline.Source, time.Duration) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("c%d", c.head), nil
}

func (c *country) Tree(context.Context, syncline.App, syncline.Source, string) (syncline.Tree, error) {
	return nil, nil //nolint:nilnil // the renderer of this country reads no tree
}

func (*country) Forget(syncline.AppID) {}

func (c *country) Render(_ context.Context, request render.Request) (render.Result, error) {
	c.mu.Lock()
	text := c.texts[request.App]
	c.mu.Unlock()
	result := render.Result{Tool: syncline.ToolDirectory}
	if text != "" {
		result.Objects = []syncline.Object{kubetest.Parse(c.t, text)}
	}
	return result, nil
}

func (c *country) Project(string) (syncline.Project, error) {
	return syncline.Project{
		Name: "default", SourceRepos: []upstream.Pattern{upstream.PatternOf("*")},
		Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Name: "*", Namespace: "*"})},
	}, nil
}

func (c *country) Target(to syncline.Destination) (syncline.Target, error) { return c.fleet.Target(to) }

func (c *country) Cluster(id syncline.ClusterID, as syncline.Identity) (engine.Cluster, error) {
	return c.fleet.Access(id, as)
}

func (c *country) Writer(id syncline.ClusterID, as syncline.Identity) (apply.Writer, error) {
	return c.fleet.Access(id, as)
}

// turnsOf returns how many turns an App had.
func (c *country) turnsOf(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turns[name]
}

// synced waits until an App is synced.
func (c *country) synced(name string) {
	c.t.Helper()
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "argocd", Name: name}
	eventually(c.t, name+" is synced", func() bool {
		app, _ := c.App(id)
		past := app.Past
		return past.Sync == syncline.Synced && past.Operation != nil && past.Operation.Phase == syncline.OperationSucceeded
	})
}

// settled waits until an App has no turn for a while.
func (c *country) settled(name string) {
	c.t.Helper()
	last, since := c.turnsOf(name), time.Now()
	eventually(c.t, name+" rests", func() bool {
		if now := c.turnsOf(name); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > time.Second
	})
}

const shared = "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: default, name: shared}, data: {color: red}}"

// TestTwoClusters delivers objects of the same names to two clusters.
func TestTwoClusters(t *testing.T) {
	other, err := testenv.StartCluster(t.Context(), testenv.ClusterOptions{Name: "other", Apart: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Stop(); err != nil {
			t.Error(err)
		}
	})
	here, there := kubetest.NewSomebody(t, control), kubetest.NewSomebody(t, other)
	ref := syncline.Ref{Kind: "ConfigMap", Namespace: "default", Name: "shared"}
	color := func(somebody kubetest.Somebody) string {
		live := somebody.Get(t, ref)
		if live == nil {
			return ""
		}
		data, _ := live.Object["data"].(map[string]any)
		text, _ := data["color"].(string)
		return text
	}
	c := newCountry(t, 2)
	c.join("here", kubetest.Config(t, control), shared)
	c.join("there", kubetest.Config(t, other), shared)
	c.synced("here")
	c.synced("there")
	c.settled("here")
	c.settled("there")
	if color(here) != "red" || color(there) != "red" {
		t.Fatalf("here it is %q, there %q", color(here), color(there))
	}

	// Drift in the one makes the App of the one due.
	rests := c.turnsOf("here")
	there.Patch(t, ref, `{"data": {"color": "blue"}}`)
	eventually(t, "it is put back", func() bool { return color(there) == "red" })
	c.settled("there")
	if turns := c.turnsOf("here"); turns != rests {
		t.Errorf("drift in another cluster brought %d turns", turns-rests)
	}

	// A prune in the one leaves the other.
	c.commit("there", "")
	eventually(t, "it is pruned", func() bool { return there.Get(t, ref) == nil })
	if color(here) != "red" {
		t.Error("it is gone in the other cluster too")
	}

	// One that is down holds the other up in nothing.
	if err := other.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	c.commit("there", shared)
	c.commit("here", `{apiVersion: v1, kind: ConfigMap, metadata: {namespace: default, name: shared}, data: {color: green}}`)
	eventually(t, "the other is delivered to", func() bool { return color(here) == "green" })
	if err := other.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is delivered to when it is back", func() bool { return color(there) == "red" })

	// One that nobody needs is let go.
	c.mu.Lock()
	maps.DeleteFunc(c.apps, func(id syncline.AppID, _ syncline.App) bool { return id.Name == "there" })
	c.mu.Unlock()
	before := runtime.NumGoroutine()
	c.fleet.Remove("there")
	if after := runtime.NumGoroutine(); after >= before {
		t.Errorf("%d goroutines, of %d before", after, before)
	}
	ids := slices.Collect(maps.Keys(c.fleet.Connections()))
	if !slices.Equal(ids, []syncline.ClusterID{"here"}) {
		t.Errorf("connected to %v", ids)
	}
}

// TestManySilentClusters has one worker and clusters that never answer.
func TestManySilentClusters(t *testing.T) {
	var asked atomic.Int32
	never := func(request *http.Request, next http.RoundTripper) (*http.Response, error) {
		asked.Add(1)
		return silent(request, next)
	}
	c := newCountry(t, 1)
	for i := range 20 {
		c.join(fmt.Sprintf("silent-%d", i), kubetest.Config(t, control, never), shared)
	}
	somebody := kubetest.NewSomebody(t, control)
	namespace := somebody.Namespace(t)
	c.join("loud", kubetest.Config(t, control), fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: %s, name: a}}", namespace))
	c.synced("loud")
	if somebody.Get(t, syncline.Ref{Kind: "ConfigMap", Namespace: namespace, Name: "a"}) == nil {
		t.Error("nothing was delivered")
	}
	if asked.Load() > 40 {
		t.Errorf("%d requests to clusters that do not answer", asked.Load())
	}
}

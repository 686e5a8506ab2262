package wake_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/automation/wake"
	"github.com/syncline-io/syncline/internal/base/aspect"
	"github.com/syncline-io/syncline/internal/engine/queue"
)

// world has what a Waker asks, and notes what it tells.
type world struct {
	apps map[string]syncline.App // by name; tracking calls them so too
	// wanting are the Apps that want the ConfigMap, declaring those that declare it.
	wanting, declaring []string
	// leaving are those that are to delete its namespace, serving those that are to
	// delete a project, and planned those that have a plan.
	leaving, serving, planned []string
	// touched are those that commits touch, of those in projects.
	touched []string

	mu   sync.Mutex
	told []string
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// take returns what was told since, sorted.
func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	slices.Sort(told)
	return told
}

func (w *world) Add(id syncline.AppID, project string, lane queue.Priority) {
	w.note("%s of %q in %s", id.Name, project, []string{"Resync", "Commit", "Drift", "Person"}[lane])
}

func (w *world) AddAt(id syncline.AppID, at time.Time) {
	w.note("%s in %s", id.Name, time.Until(at).Round(time.Second))
}

func (w *world) Interrupt(id syncline.AppID)        { w.note("%s is interrupted", id.Name) }
func (w *world) ClusterReady(on syncline.ClusterID) { w.note("cluster %s is ready", on) }
func (w *world) Expect(app syncline.App)            { w.note("%s is expected", app.ID.Name) }

func (w *world) App(id syncline.AppID) (syncline.App, bool) { return w.ByInstance(id.Name) }

func (w *world) ByInstance(instance string) (syncline.App, bool) {
	app, ok := w.apps[instance]
	return app, ok
}

func ids(names []string) []syncline.AppID {
	all := make([]syncline.AppID, 0, len(names))
	for _, name := range names {
		all = append(all, idOf(name))
	}
	return all
}

func idOf(name string) syncline.AppID {
	return syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: "control", Name: name}
}

func (w *world) where(matches func(syncline.App) bool) []syncline.AppID {
	var found []string
	for name, app := range w.apps {
		if matches(app) {
			found = append(found, name)
		}
	}
	return ids(found)
}

func (w *world) OfProject(name string) []syncline.AppID {
	return w.where(func(app syncline.App) bool { return app.Project == name })
}

func (w *world) OfRepository(key string) []syncline.AppID {
	return w.where(func(app syncline.App) bool { return app.Sources[0].RepoURL == key })
}

func (w *world) OfRepositories(prefix string) []syncline.AppID {
	return w.where(func(app syncline.App) bool { return strings.HasPrefix(app.Sources[0].RepoURL, prefix) })
}

func (w *world) Wanting(on syncline.ClusterID, _ syncline.Ref) []syncline.AppID {
	return w.local(on, w.wanting)
}
func (w *world) WantingKind(on syncline.ClusterID, _ schema.GroupKind) []syncline.AppID {
	return w.local(on, w.wanting)
}
func (w *world) Declaring(on syncline.ClusterID, _ syncline.Ref) []syncline.AppID {
	return w.local(on, w.declaring)
}
func (w *world) Leaving(on syncline.ClusterID, _ syncline.Container) []syncline.AppID {
	return w.local(on, w.leaving)
}

// local returns the Apps where all of them deliver to, and nobody elsewhere.
func (w *world) local(on syncline.ClusterID, names []string) []syncline.AppID {
	if on != syncline.LocalCluster {
		return nil
	}
	return ids(names)
}

func (w *world) Target(syncline.Destination) (syncline.Target, error) {
	return syncline.Target{ID: syncline.LocalCluster}, nil
}

func (w *world) OfTarget(target syncline.Target) []syncline.AppID {
	return w.local(target.ID, slices.Sorted(maps.Keys(w.apps)))
}

func (w *world) LeavingServing() []syncline.AppID                 { return ids(w.serving) }
func (w *world) Planned(id syncline.AppID) bool                   { return slices.Contains(w.planned, id.Name) }
func (w *world) Touched(context.Context, string) []syncline.AppID { return ids(w.touched) }
func (w *world) Followers(key string) []syncline.AppID            { return w.OfRepository(key) }

// newWorld has the Apps shop and bank of project web, and site of none.
func newWorld(recordAfter time.Duration) (*world, *wake.Waker) {
	w := &world{apps: map[string]syncline.App{}}
	for name, project := range map[string]string{"shop": "web", "bank": "web", "site": ""} {
		w.apps[name] = syncline.App{
			ID: idOf(name), Instance: name, Project: project,
			Sources: []syncline.Source{{RepoURL: "https://example.com/" + project + "/" + name}},
		}
	}
	return w, &wake.Waker{
		Queue: w, Turns: w, Apps: w, Declarations: w, Plans: w, Departures: w, Commits: w, Clusters: w,
		RecordAfter: recordAfter, Pending: make(chan string, 1),
	}
}

func TestEvents(t *testing.T) {
	object := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "c"}
	changed := func(before, after string) syncline.LiveChange {
		return syncline.LiveChange{Ref: object, Before: before, After: after, What: aspect.Applied}
	}
	for name, test := range map[string]struct {
		world func(*world)
		event func(*wake.Waker, *world)
		want  []string
	}{
		"an App is declared otherwise": {
			world: func(w *world) { w.serving = []string{"site", "nobody"} },
			event: func(k *wake.Waker, w *world) { k.Declared(w.apps["shop"]) },
			want:  []string{`shop is expected`, `shop is interrupted`, `shop of "web" in Commit`, `site of "" in Commit`},
		},
		"an object of a cluster that they do not deliver to": {
			world: func(w *world) { w.wanting, w.leaving = []string{"site"}, []string{"bank"} },
			event: func(k *wake.Waker, _ *world) {
				change := changed("shop", "bank")
				change.What = aspect.Existence
				k.Live("other", change)
			},
		},
		"a kind of a cluster that they do not deliver to": {
			world: func(w *world) { w.planned, w.wanting = []string{"shop"}, []string{"site"} },
			event: func(k *wake.Waker, _ *world) {
				k.Kind("other", schema.GroupKind{Kind: "ConfigMap"}, []string{"shop"})
			},
			want: []string{"cluster other is ready"},
		},
		"a cluster that can be reached otherwise": {
			event: func(k *wake.Waker, _ *world) { k.Cluster(syncline.Target{ID: syncline.LocalCluster}) },
			want: []string{
				`bank of "web" in Commit`, "cluster local is ready", `shop of "web" in Commit`, `site of "" in Commit`,
			},
		},
		"a person asks": {
			event: func(k *wake.Waker, w *world) { k.Asked(w.apps["shop"]) },
			want:  []string{`shop of "web" in Person`},
		},
		"a person asks for its end": {
			event: func(k *wake.Waker, w *world) {
				app := w.apps["shop"]
				app.Deleting = &syncline.Deletion{}
				k.Asked(app)
			},
			want: []string{`shop is interrupted`, `shop of "web" in Person`},
		},
		"an App is gone": {
			world: func(w *world) { delete(w.apps, "shop"); w.serving = []string{"site"} },
			event: func(k *wake.Waker, _ *world) { k.Gone(idOf("shop"), ids([]string{"bank"})) },
			want:  []string{`bank of "web" in Commit`, `shop is interrupted`, `shop of "" in Resync`, `site of "" in Commit`},
		},
		"a project": {
			event: func(k *wake.Waker, _ *world) { k.Project("web") },
			want:  []string{`bank of "web" in Commit`, `shop of "web" in Commit`},
		},
		"keys of a project": {
			event: func(k *wake.Waker, _ *world) { k.Keys("web") },
			want:  []string{`bank of "web" in Commit`, `shop of "web" in Commit`},
		},
		"keys of all projects": {
			event: func(k *wake.Waker, _ *world) { k.Keys("") },
			want:  []string{`bank of "web" in Commit`, `shop of "web" in Commit`, `site of "" in Commit`},
		},
		"a repository": {
			event: func(k *wake.Waker, _ *world) { k.Repository("https://example.com/web/shop", false) },
			want:  []string{`shop of "web" in Commit`},
		},
		"a template of repositories": {
			event: func(k *wake.Waker, _ *world) { k.Repository("https://example.com/web/", true) },
			want:  []string{`bank of "web" in Commit`, `shop of "web" in Commit`},
		},
		"an object of an App": {
			event: func(k *wake.Waker, _ *world) { k.Live(syncline.LocalCluster, changed("shop", "shop")) },
			want:  []string{`shop of "web" in Drift`, `shop of "web" in Drift`}, // before and after
		},
		"an object that went from one App to another": {
			event: func(k *wake.Waker, _ *world) { k.Live(syncline.LocalCluster, changed("shop", "bank")) },
			want:  []string{`bank of "web" in Drift`, `shop of "web" in Drift`},
		},
		"an object of nobody that an App wants": {
			world: func(w *world) { w.wanting = []string{"bank"} },
			event: func(k *wake.Waker, _ *world) { k.Live(syncline.LocalCluster, changed("", "")) },
			want:  []string{`bank of "web" in Drift`},
		},
		"what an App wrote itself is told to the others": {
			world: func(w *world) { w.wanting = []string{"shop", "bank"} },
			event: func(k *wake.Waker, _ *world) {
				change := changed("shop", "shop")
				change.Ours = true
				k.Live(syncline.LocalCluster, change)
			},
			want: []string{`bank of "web" in Drift`},
		},
		"what an App took of another is told to that": {
			event: func(k *wake.Waker, _ *world) {
				change := changed("bank", "shop")
				change.Ours = true
				k.Live(syncline.LocalCluster, change)
			},
			want: []string{`bank of "web" in Drift`},
		},
		"an object that claims to be an App's": {
			event: func(k *wake.Waker, _ *world) {
				change := changed("", "shop")
				change.Claim = true
				k.Live(syncline.LocalCluster, change)
			},
			want: []string{`shop in 5s`},
		},
		"an object that claims so, and that the App declares": {
			world: func(w *world) { w.declaring = []string{"shop"} },
			event: func(k *wake.Waker, _ *world) {
				change := changed("", "shop")
				change.Claim = true
				k.Live(syncline.LocalCluster, change)
			},
			want: []string{`shop of "web" in Drift`},
		},
		"the last object in a namespace that is to go": {
			world: func(w *world) { w.leaving = []string{"site"} },
			event: func(k *wake.Waker, _ *world) {
				change := changed("shop", "")
				change.What = aspect.Existence
				k.Live(syncline.LocalCluster, change)
			},
			want: []string{`shop of "web" in Drift`, `site of "" in Commit`},
		},
		"an object in a namespace that is to go": {
			world: func(w *world) { w.leaving = []string{"site"} },
			event: func(k *wake.Waker, _ *world) { k.Live(syncline.LocalCluster, changed("shop", "")) },
			want:  []string{`shop of "web" in Drift`},
		},
		"a kind": {
			world: func(w *world) { w.wanting, w.planned = []string{"site"}, []string{"shop"} },
			event: func(k *wake.Waker, _ *world) {
				k.Kind(syncline.LocalCluster, schema.GroupKind{Kind: "ConfigMap"}, []string{"shop", "bank", "nobody"})
			},
			want: []string{"cluster local is ready", `shop of "web" in Drift`, `site of "" in Drift`},
		},
		"more commits than anybody looks at": {
			event: func(k *wake.Waker, _ *world) {
				k.Commit("https://example.com/web/bank")
				k.Commit("https://example.com/web/shop")
			},
			want: []string{`shop is expected`, `shop of "web" in Commit`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, waker := newWorld(time.Minute)
			if test.world != nil {
				test.world(w)
			}
			test.event(waker, w)
			if diff := cmp.Diff(test.want, w.take()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A commit makes those due at once that it touches, and the others when it is to be
// recorded.
func TestCommit(t *testing.T) {
	const monorepo = "https://example.com/monorepo"
	for name, test := range map[string]struct {
		recordAfter time.Duration
		want        []string
	}{
		"recorded later":                {time.Minute, []string{`bank in 1m0s`, `shop of "web" in Commit`, `site in 1m0s`}},
		"recorded at once":              {0, []string{`bank in 0s`, `shop of "web" in Commit`, `site in 0s`}},
		"recorded with the next change": {-1, []string{`shop of "web" in Commit`}},
	} {
		t.Run(name, func(t *testing.T) {
			w, waker := newWorld(test.recordAfter)
			for name, app := range w.apps {
				app.Sources = []syncline.Source{{RepoURL: monorepo}}
				w.apps[name] = app
			}
			w.touched = []string{"shop"}
			ctx, cancel := context.WithCancel(t.Context())
			var following sync.WaitGroup
			following.Go(func() { waker.Follow(ctx) })
			waker.Commit(monorepo)
			for len(waker.Pending) > 0 {
				runtime.Gosched()
			}
			cancel()
			following.Wait()
			if diff := cmp.Diff(test.want, w.take()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What belongs to nobody costs nothing: thousands of such events come in a second.
func BenchmarkLive(b *testing.B) {
	_, waker := newWorld(0)
	change := syncline.LiveChange{Ref: syncline.Ref{Kind: "Event", Namespace: "a", Name: "b"}, What: aspect.Health}
	b.ReportAllocs()
	for b.Loop() {
		waker.Live(syncline.LocalCluster, change)
	}
}

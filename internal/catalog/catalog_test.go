package catalog_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/catalog"
)

// here is a cluster.
const here syncline.ClusterID = "here"

func planOf(names ...string) *syncline.Plan {
	plan := &syncline.Plan{Cluster: here}
	for _, name := range names {
		plan.Changes = append(plan.Changes, syncline.Change{Ref: ref(name)})
	}
	return plan
}

func ref(name string) syncline.Ref { return syncline.Ref{Kind: "ConfigMap", Name: name} }

func TestWantingFollowsThePlans(t *testing.T) {
	c := catalog.New()
	a := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "a"}}
	b := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "b"}}
	c.Put(catalog.Entry{App: a, Plan: planOf("one", "two")})
	c.Put(catalog.Entry{App: b, Plan: planOf("two")})
	wants := func(name string, apps int) {
		t.Helper()
		if got := c.Wanting(here, ref(name)); len(got) != apps {
			t.Errorf("%s is wanted by %v, want %d Apps", name, got, apps)
		}
	}
	wants("one", 1)
	wants("two", 2)
	c.Put(catalog.Entry{App: a, Plan: planOf("two", "three")})
	wants("one", 0)
	wants("three", 1)
	c.Put(catalog.Entry{App: a, Report: &syncline.Report{}})
	wants("three", 1)
	if got := c.WantingKind(here, ref("any").GroupKind()); len(got) != 2 {
		t.Errorf("the kind is wanted by %v", got)
	}
	c.Delete(b.ID)
	wants("two", 1)
	if entry, ok := c.Get(a.ID); !ok || entry.Plan == nil || entry.Report == nil {
		t.Errorf("a nil plan or report does not leave the last one: %+v", entry)
	}
}

func TestDesiredObjectsAreNotKept(t *testing.T) {
	object, err := syncline.NewObject(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "one"},
	}, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan := planOf("one")
	plan.Changes[0].Desired = object
	app := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "a"}}
	c := catalog.New()
	c.Put(catalog.Entry{App: app, Plan: plan})
	if entry, _ := c.Get(app.ID); !entry.Plan.Changes[0].Desired.IsZero() {
		t.Error("the desired object is kept")
	}
	if plan.Changes[0].Desired.IsZero() {
		t.Error("the caller's plan was changed")
	}
}

// TestWhoDeclaresWhat has an App that leaves a namespace and an object to another.
func TestWhoDeclaresWhat(t *testing.T) {
	c := catalog.New()
	a, b := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "a"}}, syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "b"}, Instance: "b"}
	namespace := syncline.Ref{Kind: "Namespace", Name: "shop"}
	definition := syncline.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "things.example.com"}
	object := syncline.Ref{Group: "example.com", Kind: "Thing", Namespace: "shop", Name: "one"}
	left := func(action syncline.Action) syncline.Plan {
		return syncline.Plan{Cluster: here, Changes: []syncline.Change{
			{Ref: namespace, Action: action}, {Ref: definition, Action: action}, {Ref: object, Action: action},
		}}
	}
	c.Plan(a, left(syncline.Retain))
	c.Plan(b, syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: object, Action: syncline.Update}}})
	abandoned := func() [2]bool {
		gone, bequeathed := c.Abandoned("b", here, object)
		return [2]bool{gone, bequeathed}
	}
	is := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	onlyA, onlyB := []syncline.AppID{a.ID}, []syncline.AppID{b.ID}
	is("declaring", c.Declaring(here, object), onlyB)
	is("in the namespace", c.Inside(here, namespace), map[syncline.AppID][]syncline.Ref{b.ID: {object}})
	is("of the definition", c.Inside(here, definition), map[syncline.AppID][]syncline.Ref{b.ID: {object}})
	is("leaving the namespace", c.Leaving(here, namespace.Contains()), onlyA)
	is("concerned by the same plan", c.Plan(b, syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: object, Action: syncline.Keep}}}), []syncline.AppID(nil))
	is("concerned when it is dropped", c.Plan(b, syncline.Plan{}), onlyA)
	is("declaring then", c.Declaring(here, object), []syncline.AppID(nil))
	is("in the namespace then", len(c.Inside(here, namespace)), 0)
	c.Plan(b, syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: object, Action: syncline.Update, Refused: true}}})
	is("declaring what is refused", c.Declaring(here, object), []syncline.AppID(nil))
	c.Plan(b, syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: object, Action: syncline.Update}}})
	is("concerned when it is deleted", c.Delete(b.ID), onlyA)
	is("abandoned", abandoned(), [2]bool{true, false})
	c.Plan(a, left(syncline.Keep))
	is("abandoned after another plan that wants it", abandoned(), [2]bool{true, false})
	b.Deleting = &syncline.Deletion{Cascade: true}
	c.Plan(b, syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: object, Action: syncline.Update}}})
	c.Delete(b.ID)
	is("bequeathed", abandoned(), [2]bool{true, true})
	project := syncline.Ref{Group: "argoproj.io", Kind: "AppProject", Name: "team"}
	c.Plan(b, syncline.Plan{Cluster: syncline.LocalCluster, Changes: []syncline.Change{{Ref: project, ServesApps: true, Action: syncline.Prune}}})
	is("leaving a project", c.LeavingServing(), onlyB)
	c.Plan(b, syncline.Plan{Cluster: syncline.LocalCluster, Changes: []syncline.Change{{Ref: project, ServesApps: true, Action: syncline.Keep}}})
	is("leaving it when it is declared", c.LeavingServing(), []syncline.AppID(nil))
	c.Plan(a, syncline.Plan{})
	is("abandoned when nobody wants it", abandoned(), [2]bool{false, false})
	c.Plan(a, left(syncline.Keep))
	is("leaving then", c.Leaving(here, namespace.Contains()), []syncline.AppID(nil))
}

// What an App declares beyond the operation that goes on is declared by it, and stays so
// while it cannot be looked up; what it is known not to declare any more does not.
func TestWhatIsDeclaredAhead(t *testing.T) {
	app := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "a"}}
	now, next := syncline.Ref{Kind: "ConfigMap", Name: "now"}, syncline.Ref{Kind: "ConfigMap", Name: "next"}
	going := syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: now, Action: syncline.Keep}}}
	ahead, unknown := going, going
	ahead.Ahead, unknown.AheadUnknown = []syncline.Ref{next}, errors.New("the repository cannot be reached")
	delivered := syncline.Plan{Cluster: here, Changes: []syncline.Change{{Ref: now, Action: syncline.Keep}, {Ref: next, Action: syncline.Keep}}}
	for name, test := range map[string]struct {
		plans []syncline.Plan
		want  int
	}{
		"known":                          {[]syncline.Plan{going, ahead}, 1},
		"unknown later":                  {[]syncline.Plan{ahead, unknown, unknown}, 1},
		"unknown after it was delivered": {[]syncline.Plan{delivered, unknown, unknown}, 1},
		"known not to be":                {[]syncline.Plan{ahead, unknown, going}, 0},
		"never known":                    {[]syncline.Plan{unknown}, 0},
	} {
		c := catalog.New()
		for _, plan := range test.plans {
			c.Plan(app, plan)
			c.Put(catalog.Entry{App: app, Plan: &plan})
		}
		if got := c.Declaring(here, next); len(got) != test.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := c.Declaring(here, now); len(got) != 1 {
			t.Errorf("%s: %v declare what is delivered", name, got)
		}
		c.Delete(app.ID)
		if got := c.Wanting(here, next); len(got) != 0 {
			t.Errorf("%s: %v is left", name, got)
		}
	}
}

// TestClustersApart has an object of one name in two clusters: an App of the one has
// nothing to do with that of the other, until it delivers there.
func TestClustersApart(t *testing.T) {
	c := catalog.New()
	a := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "a"}}
	b := syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: "b"}}
	namespace, object := syncline.Ref{Kind: "Namespace", Name: "shop"}, syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "one"}
	on := func(cluster syncline.ClusterID, action syncline.Action) syncline.Plan {
		return syncline.Plan{Cluster: cluster, Changes: []syncline.Change{{Ref: namespace, Action: action}, {Ref: object, Action: action}}}
	}
	c.Plan(a, on("a", syncline.Update))
	c.Plan(b, on("b", syncline.Prune))
	if got := c.Declaring("b", object); got != nil {
		t.Errorf("%v declare the object of the other cluster", got)
	}
	if got := c.Inside("b", namespace); len(got) > 0 {
		t.Errorf("%v declare something in the namespace of the other cluster", got)
	}
	if got := c.Leaving("a", namespace.Contains()); len(got) > 0 {
		t.Errorf("%v leave the namespace of the other cluster", got)
	}
	if got := c.Wanting("b", object); !reflect.DeepEqual(got, []syncline.AppID{b.ID}) {
		t.Errorf("%v want the object", got)
	}
	if got := c.WantingKind("a", object.GroupKind()); !reflect.DeepEqual(got, []syncline.AppID{a.ID}) {
		t.Errorf("%v want the kind", got)
	}
	if concerned := c.Plan(a, syncline.Plan{Cluster: "a"}); len(concerned) > 0 {
		t.Errorf("what leaves one cluster concerns %v in the other", concerned)
	}
	c.Plan(a, on("b", syncline.Update))
	if concerned := c.Plan(a, on("c", syncline.Update)); !reflect.DeepEqual(concerned, []syncline.AppID{b.ID}) {
		t.Errorf("who left the cluster for another concerns %v", concerned)
	}
	if kinds := c.Kinds("a"); len(kinds) > 0 {
		t.Errorf("%v are left of a cluster without Apps", kinds)
	}
	c.Delete(a.ID)
	c.Delete(b.ID)
	for _, cluster := range []syncline.ClusterID{"a", "b", "c"} {
		if kinds := c.Kinds(cluster); len(kinds) > 0 {
			t.Errorf("%v are left of %s", kinds, cluster)
		}
	}
}

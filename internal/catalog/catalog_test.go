package catalog_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/catalog"
)

func planOf(names ...string) *syncline.Plan {
	plan := &syncline.Plan{}
	for _, name := range names {
		plan.Changes = append(plan.Changes, syncline.Change{Ref: ref(name)})
	}
	return plan
}

func ref(name string) syncline.Ref { return syncline.Ref{Kind: "ConfigMap", Name: name} }

func TestWantingFollowsThePlans(t *testing.T) {
	c := catalog.New()
	a := syncline.App{ID: syncline.AppID{Name: "a"}}
	b := syncline.App{ID: syncline.AppID{Name: "b"}}
	c.Put(catalog.Entry{App: a, Plan: planOf("one", "two")})
	c.Put(catalog.Entry{App: b, Plan: planOf("two")})
	wants := func(name string, apps int) {
		t.Helper()
		if got := c.Wanting(ref(name)); len(got) != apps {
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
	if got := c.WantingKind(ref("any").GroupKind()); len(got) != 2 {
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
	app := syncline.App{ID: syncline.AppID{Name: "a"}}
	c := catalog.New()
	c.Put(catalog.Entry{App: app, Plan: plan})
	if entry, _ := c.Get(app.ID); !entry.Plan.Changes[0].Desired.IsZero() {
		t.Error("the desired object is kept")
	}
	if plan.Changes[0].Desired.IsZero() {
		t.Error("the caller's plan was changed")
	}
}

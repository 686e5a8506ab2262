package plan_test

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/plan"
)

// sharing returns a fixture of another App with the same cluster and destination.
func (f *fixture) sharing(instance string, labels map[string]string) *fixture {
	other := newFixture()
	other.Cluster = f.Cluster
	other.app.Instance, other.app.ID.Name = instance, instance
	other.app.Policy.Options = option.List{"CreateNamespace=true"}
	other.app.Policy.NamespaceLabels = labels
	return other
}

// Whatever Apps and people want of one namespace, each App only removes what it set.
func TestAppsShareANamespace(t *testing.T) {
	declared := "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {manifest: x}}"
	f := newFixture()
	one, two := f.sharing("one", map[string]string{"a": "x", "both": "x"}), f.sharing("two", map[string]string{"b": "x", "both": "x"})
	namespace := syncline.Ref{Kind: "Namespace", Name: "shop"}
	f.Edit(t, namespace, func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{"person": "x"}) })
	f.sync(t, declared)
	one.sync(t, "")
	two.sync(t, "")
	for range 2 {
		expectSteps(t, f.plan(t, declared), "Sync 0 keep Namespace/shop")
		expectSteps(t, one.plan(t, ""), "PreSync 0 keep Namespace/shop")
		expectSteps(t, two.plan(t, ""), "PreSync 0 keep Namespace/shop")
	}
	one.app.Policy.NamespaceLabels = map[string]string{"both": "x"}
	one.sync(t, "")
	labels := f.Live(t, namespace).GetLabels()
	for label, want := range map[string]string{"person": "x", "manifest": "x", "both": "x", "b": "x", "a": ""} {
		if labels[label] != want {
			t.Errorf("the label %s is %q, want %q", label, labels[label], want)
		}
	}
}

// What several Apps want differently is whose it was, the manifest's before all: the
// others leave it and say so.
func TestAppsDisagreeAboutANamespace(t *testing.T) {
	declared := "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}"
	namespace := syncline.Ref{Kind: "Namespace", Name: "shop"}
	f := newFixture()
	one := f.sharing("one", map[string]string{"team": "green", "a": "x"})
	two := f.sharing("two", map[string]string{"team": "blue", "a": "y"})
	f.sync(t, declared)
	one.sync(t, "")
	two.sync(t, "")
	for range 2 {
		expectSteps(t, f.plan(t, declared), "Sync 0 keep Namespace/shop")
		p := one.plan(t, "")
		expectSteps(t, p, "PreSync 0 keep Namespace/shop")
		expectWarning(t, p, syncline.SharedResourceWarning, `the label team of Namespace/shop is left to application web, which sets it to "red"`)
		p = two.plan(t, "")
		expectSteps(t, p)
		expectWarning(t, p, syncline.SharedResourceWarning, `the label a of Namespace/shop is left to application one, which sets it to "x"`)
	}
	one.Requests()
	one.plan(t, "")
	if asked := one.Requests(); len(asked) > 0 {
		t.Errorf("it is asked again for %v", asked)
	}
	if labels := f.Live(t, namespace).GetLabels(); labels["team"] != "red" || labels["a"] != "x" {
		t.Errorf("the labels are %v", labels)
	}
	f.sync(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}")
	one.sync(t, "")
	if labels := f.Live(t, namespace).GetLabels(); labels["team"] != "green" {
		t.Errorf("the labels are %v", labels)
	}
}

// What Argo CD applied for managedNamespaceMetadata, under the name that manifests have
// too, is the App's to change.
func TestANamespaceOfArgoCDIsNobodyElses(t *testing.T) {
	f := newFixture()
	f.sync(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}")
	own := f.sharing(f.app.Instance, map[string]string{"team": "green"})
	own.sync(t, "")
	if labels := f.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"}).GetLabels(); labels["team"] != "green" {
		t.Errorf("the labels are %v", labels)
	}
}

// The namespace of the destination is not the App's: it is never put in place of,
// and nobody else's fields are taken over, whatever the options say.
func TestANamespaceIsOnlyAppliedTo(t *testing.T) {
	f := newFixture().sharing("one", map[string]string{"a": "x"})
	f.app.Policy.Options = option.List{"CreateNamespace=true", "Replace=true", "Force=true"}
	f.ApplyClientSide(t, syncline.Ref{Kind: "Namespace", Name: "shop"})
	f.Merges = true
	c := change(t, f.plan(t, ""), "shop")
	if c.Action != syncline.Update || c.Migrate || c.Desired.Manager() != "syncline-namespace/one" {
		t.Errorf("the plan is to %s as %s, with a migration: %v", c.Action, c.Desired.Manager(), c.Migrate)
	}
	f.Answer = func(r enginetest.Request) error {
		if r.Verb == enginetest.DryRun {
			return syncline.Errorf(syncline.Invalid, "a label is invalid")
		}
		return nil
	}
	f.Requests()
	f.planner = plan.New(plan.InProcess{})
	if c := change(t, f.plan(t, ""), "shop"); c.Err == nil || !c.Merged.IsZero() {
		t.Errorf("the plan for what is refused is %s: %v", c.Action, c.Err)
	}
	for _, r := range f.Requests() {
		if r.Verb != enginetest.DryRun && r.Verb != enginetest.Read {
			t.Errorf("it is asked for %s", r)
		}
	}
}

// Labels that are there already become the App's, so that they go when it drops them.
func TestANamespaceAsDesiredIsAdopted(t *testing.T) {
	f := newFixture().sharing("one", map[string]string{"a": "x"})
	f.Edit(t, syncline.Ref{Kind: "Namespace", Name: "shop"}, func(u *unstructured.Unstructured) { u.SetLabels(map[string]string{"a": "x"}) })
	c := change(t, f.plan(t, ""), "shop")
	if c.Action != syncline.Update || !c.Adopt || len(c.Fields) != 1 || c.Fields[0].Desired != "syncline-namespace/one" {
		t.Errorf("the plan is to %s %v", c.Action, c.Fields)
	}
	f.sync(t, "")
	expectSteps(t, f.plan(t, ""), "PreSync 0 keep Namespace/shop")
}

// A declared object that carries our annotation and is not ours is taken over once,
// and the plan says so. One that is not declared stays where it is.
func TestARestoredObjectIsAdopted(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	a := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
	f.Forge(t, a)
	p := f.plan(t, configA)
	c := change(t, p, "a")
	if c.Action != syncline.Update || !c.Adopt || len(c.Fields) != 1 || c.Fields[0].Path != "metadata.managedFields" {
		t.Errorf("the plan is to %s %v", c.Action, c.Fields)
	}
	expectSteps(t, f.plan(t, ""), "Sync 0 retain ConfigMap/shop/a")
	perform(t, f.Cluster, p)
	expectSteps(t, f.plan(t, configA), "Sync 0 keep ConfigMap/shop/a")
	expectSteps(t, f.plan(t, ""), "Sync 0 prune ConfigMap/shop/a")
}

// With Replace=true what differs is replaced first, which makes nothing ours.
func TestAnAdoptionIsNoReplacement(t *testing.T) {
	f := newFixture()
	f.app.Policy.Options = option.List{"Replace=true"}
	f.sync(t, configA)
	a := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
	f.Forge(t, a)
	if c := change(t, f.plan(t, configA), "a"); c.Action != syncline.Update || !c.Adopt {
		t.Errorf("the plan is to %s %v", c.Action, c.Fields)
	}
	f.Edit(t, a, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"color": "changed"} })
	if c := change(t, f.plan(t, configA), "a"); c.Action != syncline.Replace || c.Adopt {
		t.Errorf("the plan is to %s %v", c.Action, c.Fields)
	}
}

// An adoption leaves what is ignored as it is live: it takes over the rest only.
func TestAnAdoptionKeepsWhatIsIgnored(t *testing.T) {
	for name, live := range map[string]map[string]any{
		"another value": {"color": "changed", "size": "x"},
		"no value":      {"size": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.app.Ignore = []syncline.IgnoreRule{pointer("/data/color")}
			declared := dataOf("{color: red, size: x}")
			f.sync(t, declared)
			a := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
			f.Edit(t, a, func(u *unstructured.Unstructured) { u.Object["data"] = live })
			expectSteps(t, f.plan(t, declared), "Sync 0 keep ConfigMap/shop/a")
			f.Forge(t, a)
			p := f.plan(t, declared)
			if c := change(t, p, "a"); c.Action != syncline.Update || len(c.Fields) != 1 || c.Fields[0].Path != "metadata.managedFields" {
				t.Errorf("the plan is to %s %v", c.Action, c.Fields)
			}
			perform(t, f.Cluster, p)
			if got := f.Live(t, a).Object["data"]; !reflect.DeepEqual(got, live) {
				t.Errorf("afterwards it is %v", got)
			}
			expectSteps(t, f.plan(t, declared), "Sync 0 keep ConfigMap/shop/a")
		})
	}
}

// A live value is kept in the state in which it was seen: when it changes, the plan
// that waits for somebody does too.
func TestAnAdoptionIsForOneState(t *testing.T) {
	f := newFixture()
	f.app.Ignore = []syncline.IgnoreRule{pointer("/data/color")}
	f.sync(t, dataOf("{color: red}"))
	a := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a"}
	f.Forge(t, a)
	for _, color := range []string{"blue", "green"} {
		f.Edit(t, a, func(u *unstructured.Unstructured) { u.Object["data"] = map[string]any{"color": color} })
		got, _ := change(t, f.plan(t, dataOf("{color: red}")), "a").Desired.Field("data", "color")
		if got != color {
			t.Errorf("it asks for %v, want %s", got, color)
		}
	}
}

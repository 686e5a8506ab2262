package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

func TestPlacement(t *testing.T) {
	role := `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: a, namespace: wrong}`
	for name, test := range map[string]struct {
		text, namespace string
		want            syncline.Ref
		tracking        string
	}{
		"in the destination": {configA, "shop", refA(), "web:/ConfigMap:shop/a"},
		"where it says": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: other}", "shop",
			syncline.Ref{Kind: "ConfigMap", Namespace: "other", Name: "a"}, "web:/ConfigMap:other/a",
		},
		"nowhere when cluster-scoped, tracked with the destination": {
			role, "shop",
			syncline.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "a"},
			"web:rbac.authorization.k8s.io/ClusterRole:shop/a",
		},
		"a definition is not tracked": {
			definition, "shop",
			syncline.Ref{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "wheels.example.com"}, "",
		},
		"a kind that nobody knows counts as namespaced": {
			"apiVersion: example.com/v1\nkind: Car\nmetadata: {name: a}", "shop",
			syncline.Ref{Group: "example.com", Kind: "Car", Namespace: "shop", Name: "a"}, "web:example.com/Car:shop/a",
		},
		"a name is made of generateName": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}", "shop",
			syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "a-0"}, "web:/ConfigMap:shop/a-0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.app.Destination.Namespace = test.namespace
			p := f.plan(t, test.text)
			if len(p.Changes) != 1 || p.Changes[0].Ref != test.want {
				t.Fatalf("got %q, want %s", steps(p), test.want)
			}
			if got := p.Changes[0].Desired.Annotation(convention.Tracking); got != test.tracking {
				t.Errorf("tracking is %q, want %q", got, test.tracking)
			}
		})
	}
}

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wheels.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Wheel}`

const wheel = `
apiVersion: example.com/v1
kind: Wheel
metadata: {name: front}`

func TestMissingNamespaceConcernsItsObjectAlone(t *testing.T) {
	f := newFixture()
	f.sync(t, configA)
	f.app.Destination.Namespace = ""
	p := f.plan(t, together(configB, "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}"))
	expectSteps(t, p,
		"Sync 0 create Namespace/other",
		"Sync 0 retain ConfigMap/shop/a", // it may be what now lacks its namespace
		"Sync 0 create ConfigMap/b !invalid",
	)
	expectWarning(t, p, syncline.InvalidSpecError, "Namespace for b /v1, Kind=ConfigMap is missing")
}

func TestOfDuplicatesTheLastCounts(t *testing.T) {
	f := newFixture()
	p := f.plan(t, together(configA, configB, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {x: last}"))
	expectSteps(t, p, "Sync 0 create ConfigMap/shop/a", "Sync 0 create ConfigMap/shop/b")
	if x, _ := change(t, p, "a").Desired.Field("data", "x"); x != "last" {
		t.Errorf("x is %q", x)
	}
	if len(p.Warnings) != 1 {
		t.Fatalf("got %q", p.Warnings)
	}
	expectWarning(t, p, syncline.RepeatedWarning, "Resource ConfigMap/shop/a appeared 2 times among application resources.")
}

func TestUnknownKinds(t *testing.T) {
	skip := `
apiVersion: example.com/v1
kind: Wheel
metadata: {name: front, annotations: {argocd.argoproj.io/sync-options: "SkipDryRunOnMissingResource=true"}}`
	for name, test := range map[string]struct {
		text    string
		options option.List
		want    []string
	}{
		"with its definition": {together(wheel, definition), nil, []string{
			"Sync 0 create apiextensions.k8s.io/CustomResourceDefinition/wheels.example.com",
			"Sync 0 create example.com/Wheel/front",
		}},
		"without":                        {wheel, nil, []string{"Sync 0 create example.com/Wheel/shop/front !not found"}},
		"that may be missing by itself":  {skip, nil, []string{"Sync 0 create example.com/Wheel/shop/front"}},
		"that may be missing in the App": {wheel, option.List{"SkipDryRunOnMissingResource=true"}, []string{"Sync 0 create example.com/Wheel/shop/front"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.app.Policy.Options = test.options
			expectSteps(t, f.plan(t, test.text), test.want...)
		})
	}
	t.Run("known later", func(t *testing.T) {
		f := newFixture()
		f.Serve(schema.GroupKind{Group: "example.com", Kind: "Wheel"}, syncline.ClusterScoped)
		expectSteps(t, f.plan(t, wheel), "Sync 0 create example.com/Wheel/front")
	})
	t.Run("of a hook", func(t *testing.T) {
		f := newFixture()
		hook := `
apiVersion: example.com/v1
kind: Wheel
metadata: {name: front, annotations: {argocd.argoproj.io/hook: PreSync}}`
		expectSteps(t, f.plan(t, hook), "PreSync 0 run example.com/Wheel/shop/front !not found")
	})
}

func TestCreateNamespace(t *testing.T) {
	declared := "apiVersion: v1\nkind: Namespace\nmetadata: {name: new}"
	hooked := `
apiVersion: v1
kind: Namespace
metadata: {name: new, annotations: {argocd.argoproj.io/hook: PreSync}}`
	asked := option.List{"CreateNamespace=true"}
	for name, test := range map[string]struct {
		namespace, text string
		options         option.List
		labels          map[string]string
		want            []string
	}{
		"not asked for":      {"new", configA, nil, nil, []string{"Sync 0 create ConfigMap/new/a"}},
		"missing":            {"new", configA, asked, nil, []string{"PreSync 0 create Namespace/new", "Sync 0 create ConfigMap/new/a"}},
		"there":              {"shop", configA, asked, nil, []string{"Sync 0 create ConfigMap/shop/a"}},
		"there, not labeled": {"shop", configA, asked, map[string]string{"team": "x"}, []string{"PreSync 0 update Namespace/shop", "Sync 0 create ConfigMap/shop/a"}},
		"declared":           {"new", together(configA, declared), asked, nil, []string{"Sync 0 create Namespace/new", "Sync 0 create ConfigMap/new/a"}},
		"declared as a hook": {"new", together(configA, hooked), asked, nil, []string{"PreSync 0 run Namespace/new", "Sync 0 create ConfigMap/new/a"}},
		"no destination":     {"", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}", asked, nil, []string{"Sync 0 create ConfigMap/shop/a"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.app.Destination.Namespace = test.namespace
			f.app.Policy.Options = test.options
			f.app.Policy.NamespaceLabels = test.labels
			expectSteps(t, f.plan(t, test.text), test.want...)
		})
	}
}

func TestManagedNamespace(t *testing.T) {
	f := newFixture()
	f.app.Policy.Options = option.List{"CreateNamespace=true"}
	f.app.Policy.NamespaceLabels = map[string]string{"team": "x"}
	f.app.Policy.NamespaceAnnotations = map[string]string{"owner": "y"}
	p := f.plan(t, configA)
	namespace := change(t, p, "shop")
	if namespace.Desired.Annotation(convention.Tracking) != "" {
		t.Error("the namespace is tracked: it would be pruned")
	}
	if !namespace.Differs() {
		t.Error("a namespace that lacks its labels does not make the App OutOfSync")
	}
	f.sync(t, configA)
	live := f.Live(t, syncline.Ref{Kind: "Namespace", Name: "shop"})
	if live.GetLabels()["team"] != "x" || live.GetAnnotations()["owner"] != "y" {
		t.Errorf("got %v", live.Object["metadata"])
	}
	expectSteps(t, f.plan(t, configA), "PreSync 0 keep Namespace/shop", "Sync 0 keep ConfigMap/shop/a")
	f.app.Policy.NamespaceLabels = nil
	if c := change(t, f.plan(t, configA), "shop"); c.Action != syncline.Update || c.Fields[0].Path != "metadata.labels" {
		t.Errorf("a label that is no longer declared is not removed: %s %v", c.Action, c.Fields)
	}
}

func TestTerminatingNamespaceIsWaitedFor(t *testing.T) {
	f := newFixture()
	f.app.Policy.Options = option.List{"CreateNamespace=true"}
	namespace := syncline.Ref{Kind: "Namespace", Name: "shop"}
	f.Hold(t, namespace)
	f.Delete(namespace)
	expectSteps(t, f.plan(t, configA), "PreSync 0 create Namespace/shop !waiting", "Sync 0 create ConfigMap/shop/a")
	f.Release(t, namespace)
	expectSteps(t, f.plan(t, configA), "PreSync 0 create Namespace/shop", "Sync 0 create ConfigMap/shop/a")
}

// An object that no request can name is wrong before anything is written.
func TestNamesThatCannotBeAskedFor(t *testing.T) {
	f := newFixture()
	bad := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}"
	for _, test := range [][2]string{{"..", "shop"}, {"a/b", "shop"}, {"a%2fb", "shop"}, {"a", "../x"}, {"a", "."}} {
		p := f.plan(t, together(configA, fmt.Sprintf(bad, test[0], test[1])))
		wrong := p.Changes[slices.IndexFunc(p.Changes, func(c syncline.Change) bool { return c.Err != nil })]
		if syncline.KindOf(wrong.Err) != syncline.Invalid || !strings.HasPrefix(wrong.Err.Error(), "test: metadata.name") {
			t.Errorf("%v: the error is %v", test, wrong.Err)
		}
	}
	for _, r := range f.Requests() {
		t.Errorf("%s was asked for", r)
	}
	f.app.Destination.Namespace = "a/b"
	expectSteps(t, f.plan(t, configA), "Sync 0 create ConfigMap/a/b/a !invalid")
}

package engine_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// twoDialects is a world whose engine and cluster serve an App of Argo CD's dialect and
// one of another; as says whose turn it is.
type twoDialects struct {
	*world
	argo, labels syncline.App
}

func newTwoDialects() *twoDialects {
	w := newWorld()
	w.kubernetes = enginetest.New(convention.Dialect(), enginetest.Labels())
	w.restart()
	d := &twoDialects{world: w, argo: w.app, labels: w.app}
	d.argo.Sources = []syncline.Source{{RepoURL: "https://git.example/argo", Path: "."}}
	d.labels.Dialect = enginetest.Labels()
	d.labels.ID = syncline.AppID{Group: "labels.example", Kind: "Kustomization", Namespace: "argocd", Name: "web"} // both have one name
	d.labels.UID, d.labels.Instance = "app-2", enginetest.LabelsInstance("argocd", "web")
	d.labels.Sources = []syncline.Source{{RepoURL: "https://git.example/labels", Path: "."}}
	for _, app := range []*syncline.App{&d.argo, &d.labels} {
		app.Policy = syncline.SyncPolicy{Automated: true, Prune: true, SelfHeal: true}
	}
	return d
}

// declares makes a commit of what an App has from now on.
func (d *twoDialects) declares(app *syncline.App, texts ...string) {
	d.commit(texts...)
	source := app.Sources[0]
	source.TargetRevision = d.head
	app.Sources = []syncline.Source{source}
}

// settle runs turns of both until nothing is asked for.
func (d *twoDialects) settle(t *testing.T) {
	t.Helper()
	for _, app := range []*syncline.App{&d.argo, &d.labels, &d.argo} {
		d.world.app = *app
		d.world.settle(t)
		*app = d.world.app
	}
}

// TestTwoDialects delivers, drifts, prunes and deletes Apps of two dialects beside each
// other, through one engine on one cluster.
func TestTwoDialects(t *testing.T) {
	d := newTwoDialects()
	d.declares(&d.argo, config("a", "1"), config("b", "1"))
	d.declares(&d.labels, config("x", "1"), config("z", "1"), job("plain", "Sync"))
	d.settle(t)
	d.expectWrites(t, "create ConfigMap/shop/a", "create ConfigMap/shop/b",
		"create ConfigMap/shop/x", "create ConfigMap/shop/z", "create batch/Job/shop/plain") // which is no hook in that dialect
	for name, want := range map[string]struct{ annotation, label string }{
		"a": {annotation: "web:/ConfigMap:shop/a"}, "x": {label: "web"},
	} {
		live := d.kubernetes.Live(t, ref("ConfigMap", name))
		if live.GetAnnotations()[convention.Tracking] != want.annotation || live.GetLabels()[enginetest.NameLabel] != want.label {
			t.Errorf("%s is marked by %v and %v", name, live.GetAnnotations(), live.GetLabels())
		}
	}
	d.settle(t)
	d.expectWrites(t) // neither sees the other's objects

	for _, name := range []string{"a", "x"} {
		d.kubernetes.Edit(t, ref("ConfigMap", name), func(u *unstructured.Unstructured) {
			u.Object["data"] = map[string]any{"x": "drift"}
		})
	}
	d.settle(t)
	d.expectWrites(t, "update ConfigMap/shop/a", "update ConfigMap/shop/x")

	d.declares(&d.argo, config("a", "1"))
	d.declares(&d.labels, config("x", "1"), job("plain", "Sync"))
	d.settle(t)
	d.expectWrites(t, "prune ConfigMap/shop/b", "prune ConfigMap/shop/z")

	d.labels.Deleting = &syncline.Deletion{Since: d.now, Cascade: true}
	d.settle(t)
	d.expectWrites(t, "prune ConfigMap/shop/x", "prune batch/Job/shop/plain")
	d.argo.Deleting = &syncline.Deletion{Since: d.now, Cascade: true}
	d.settle(t)
	d.expectWrites(t, "prune ConfigMap/shop/a")
}

// TestInventory holds that an App of a dialect with an inventory leaves alone what only
// bears its marks, whoever wrote them, and what asks to stay.
func TestInventory(t *testing.T) {
	d := newTwoDialects()
	d.declares(&d.argo)
	d.argo.Policy.AllowEmpty = true
	kept := `{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, annotations: {labels.example/prune: disabled}}}`
	d.declares(&d.labels, config("x", "1"), config("z", "1"), kept)
	d.settle(t)
	d.kubernetes.Put(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: copied, namespace: shop, labels: {labels.example/name: web, labels.example/namespace: argocd}}}`)
	d.wrote()

	d.declares(&d.labels, config("x", "1"))
	d.settle(t)
	d.expectWrites(t, "prune ConfigMap/shop/z")
	d.labels.Deleting = &syncline.Deletion{Since: d.now, Cascade: true}
	d.settle(t)
	d.expectWrites(t, "prune ConfigMap/shop/x")
}

// TestAnObjectOfTwoDialects holds that Apps of two dialects which declare one object are
// told so, and that neither deletes what the other still declares.
func TestAnObjectOfTwoDialects(t *testing.T) {
	d := newTwoDialects()
	d.declares(&d.argo, config("a", "1"), config("shared", "1"))
	d.settle(t)
	d.declares(&d.labels, config("x", "1"), config("shared", "1"))
	d.settle(t)
	d.world.app = d.labels
	d.world.turn(t)
	d.expectCondition(t, syncline.SharedResourceWarning, "shared")
	d.wrote()
	d.declares(&d.labels, config("x", "1"))
	d.settle(t)
	for _, line := range d.wrote() {
		if strings.HasPrefix(line, "prune") {
			t.Errorf("what the other declares: %s", line)
		}
	}
}

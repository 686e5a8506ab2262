package render_test

import (
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// TestDialects renders one folder for Apps of two dialects, in child processes: the
// files, the marker and the variables of each mean nothing to the other.
func TestDialects(t *testing.T) {
	config := func(name string) string {
		return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}}\n"
	}
	tree := memoryTree{
		"app/a.yaml": config("a"), "app/below/b.yaml": config("b"),
		"app/argo.yaml": config("argo") + "# +argocd:skip-file-rendering\n", "app/other.yaml": config("other") + "# " + enginetest.SkipMarker + "\n",
		"app/.argocd-source.yaml": "directory: {recurse: false}\n", "app/" + enginetest.OverrideFile: "deep: true\n",
	}
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	for _, test := range []struct {
		dialect *syncline.Dialect
		want    []string
	}{
		{convention.Dialect(), []string{"a", "other"}},
		{enginetest.Labels(), []string{"a", "argo", "b"}},
		{nil, []string{"a", "argo", "other"}},
		{convention.Dialect(), []string{"a", "other"}}, // remembered as the first was
	} {
		asked := request(tree)
		asked.Dialect = test.dialect
		result, err := renderer.Render(short(t), asked)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, object := range result.Objects {
			names = append(names, object.Ref().Name)
		}
		if slices.Sort(names); !slices.Equal(names, test.want) {
			t.Errorf("in %+v it is %q, want %q", test.dialect, names, test.want)
		}
	}
	if stats := renderer.Stats(); stats.Hits != 1 {
		t.Errorf("%d results were remembered, want the last one only", stats.Hits)
	}
}

// TestVariables substitutes those of the App's dialect.
func TestVariables(t *testing.T) {
	tree := memoryTree{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": configMap}
	for label, dialect := range map[string]*syncline.Dialect{"shop-": convention.Dialect(), "-shop": enginetest.Labels(), "-": nil} {
		asked := request(tree)
		asked.Dialect = dialect
		asked.Source.Kustomize = &tool.Kustomize{CommonLabels: map[string]string{"app": "x$ARGOCD_APP_NAME-${LABELS_APP}x"}}
		result, err := inProcess().Render(short(t), asked)
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Objects[0].Label("app"); got != "x"+label+"x" {
			t.Errorf("the label is %q, want %q", got, "x"+label+"x")
		}
	}
}

// TestUnknownDialect holds that nothing is rendered by what does not know how.
func TestUnknownDialect(t *testing.T) {
	asked := request(memoryTree{"app/a.yaml": configMap})
	asked.Dialect = &syncline.Dialect{Name: "unheard-of"}
	if _, err := inProcess().Render(short(t), asked); syncline.KindOf(err) != syncline.Internal {
		t.Errorf("the error is %v (%s)", err, syncline.KindOf(err))
	}
}

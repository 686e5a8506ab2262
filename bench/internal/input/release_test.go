package input_test

import (
	"path"
	"reflect"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/bench/internal/input"
)

// The floor applies what the chart renders to, or the times could not be compared.
func TestReleasesAreWhatTheFloorApplies(t *testing.T) {
	in, err := input.NewReleases(input.FromGit, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range in.Apps {
		rendered := render(t, app, in.Files[path.Join(app.Path, "values.yaml")])
		if len(app.Objects) != 3 || len(rendered) != 3 {
			t.Fatalf("%s has %d objects, and renders to %d", app.Name, len(app.Objects), len(rendered))
		}
		for _, object := range app.Objects {
			got := rendered[object.GetKind()]
			got["metadata"].(map[string]any)["namespace"] = app.Namespace //nolint:forcetypeassert // each has metadata
			if !reflect.DeepEqual(got, object.Object) {
				t.Errorf("%s %s renders to\n%v, and the floor applies\n%v", object.GetKind(), app.Name, got, object.Object)
			}
		}
	}
}

// render returns what an app renders to, by kind.
func render(t *testing.T, app input.App, text string) map[string]map[string]any {
	t.Helper()
	var files []*archive.BufferedFile
	for name, content := range input.Chart(input.ChartFirst) {
		files = append(files, &archive.BufferedFile{Name: name, Data: []byte(content)})
	}
	chart, err := loader.LoadFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	scope, err := util.ToRenderValues(chart, values, common.ReleaseOptions{Name: app.Name, Namespace: app.Namespace}, common.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := engine.Render(chart, scope)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]map[string]any{}
	for name, text := range texts {
		var object map[string]any
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if kind, ok := object["kind"].(string); ok && strings.HasSuffix(name, ".yaml") {
			objects[kind] = object
		}
	}
	return objects
}

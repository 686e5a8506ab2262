package render_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// wrongTypes is what stands where a text, a list or a map belongs.
var wrongTypes = []string{"", "null", "3", "true", "text", "[]", "{}", "[null]", "[[]]", "{a: null}", "{a: [1]}"}

// TestMalformedCharts renders charts whose descriptions are empty or have values of
// another type than belongs there: an error or objects, and no panic, which here
// would end the test (CVE-2022-23526, CVE-2024-26147, CVE-2025-55198).
func TestMalformedCharts(t *testing.T) {
	tried := 0
	try := func(what string, files memoryTree) {
		t.Helper()
		tried++
		tree := memoryTree{"app/Chart.yaml": chartYAML, "app/templates/a.yaml": configMap + "data: {a: {{ .Values | toYaml | quote }}}\n"}
		maps.Copy(tree, files)
		if _, err := inProcess().Render(short(t), request(tree)); err != nil && syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s: %s %v", what, syncline.KindOf(err), err)
		}
	}
	descriptions := map[string][]string{
		"Chart.yaml": {
			"%s", "apiVersion: %s\nname: web\nversion: 1.0.0", "apiVersion: v2\nname: %s\nversion: 1.0.0", "apiVersion: v2\nname: web\nversion: %s",
			chartYAML + "dependencies: %s", chartYAML + "dependencies: [{name: %s, version: 1.x.x}]", chartYAML + "dependencies: [{name: db, version: %s}]",
			chartYAML + "dependencies: [{name: db, version: 1.x.x, condition: %s}]", chartYAML + "dependencies: [{name: db, version: 1.x.x, tags: %s}]",
			chartYAML + "dependencies: [{name: db, version: 1.x.x, import-values: %s}]", chartYAML + "dependencies: [%s]",
			chartYAML + "maintainers: %s", chartYAML + "keywords: %s", chartYAML + "annotations: %s", chartYAML + "kubeVersion: %s", chartYAML + "type: %s",
		},
		"values.yaml":        {"%s", "db: %s", "global: %s", "tags: %s"},
		"values.schema.json": {"%s", "properties: %s", "{\"properties\": {\"a\": %s}}", "{\"$ref\": %s}", "{\"type\": %s}", "{\"allOf\": %s}", "{\"$defs\": %s}"},
		"requirements.yaml":  {"%s", "dependencies: %s", "dependencies: [%s]"},
		"requirements.lock":  {"%s"},
		"Chart.lock":         {"%s", "dependencies: %s"},
		".helmignore":        {"%s"},
	}
	db := memoryTree{
		"app/charts/db/Chart.yaml":  "apiVersion: v2\nname: db\nversion: 1.0.0\n",
		"app/charts/db/values.yaml": "exports: {a: {b: c}}\n", "app/charts/db/templates/b.yaml": strings.ReplaceAll(configMap, "name: a", "name: b"),
	}
	for file, forms := range descriptions {
		for _, form := range forms {
			for _, value := range wrongTypes {
				files := memoryTree{"app/" + file: strings.ReplaceAll(form, "%s", value)}
				maps.Copy(files, db)
				if file == "requirements.yaml" || file == "requirements.lock" {
					files["app/Chart.yaml"] = strings.ReplaceAll(chartYAML, "v2", "v1")
				}
				try(fmt.Sprintf("%s: %q", file, files["app/"+file]), files)
				if file != ".helmignore" && file != "Chart.lock" {
					files["app/charts/db/"+file] = files["app/"+file]
					delete(files, "app/"+file)
					try(fmt.Sprintf("of a dependency, %s: %q", file, files["app/charts/db/"+file]), files)
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d charts were tried", tried)
	}
}

// TestDependencyNames takes the names of a dependency for names and never for
// paths (CVE-2020-15184, CVE-2020-15187).
func TestDependencyNames(t *testing.T) {
	for _, field := range []string{"alias", "name"} {
		for _, value := range []string{"../x", "../../secret", "a/b", `a\b`, "/etc", ".", "..", "a\x00b", "a\nb", "-x", "a..b"} {
			dependency := map[string]string{"name": "db", "alias": "other", field: value}
			tree := memoryTree{
				"app/Chart.yaml":                 chartYAML + fmt.Sprintf("dependencies: [{name: %q, version: 1.x.x, alias: %q}]\n", dependency["name"], dependency["alias"]),
				"app/charts/db/Chart.yaml":       fmt.Sprintf("apiVersion: v2\nname: %q\nversion: 1.0.0\n", dependency["name"]),
				"app/charts/db/templates/a.yaml": configMap + "data: {all: {{ toYaml .Values | quote }}, name: {{ .Chart.Name | quote }}}\n",
				"app/secret.yaml":                canary, "secret.yaml": canary, "x/values.yaml": canary,
			}
			result, err := inProcess().Render(short(t), request(tree))
			if err != nil && syncline.KindOf(err) != syncline.Invalid {
				t.Errorf("%s %q: %v", field, value, err)
			}
			if strings.Contains(tell(result, err)+reveal(result), canary) {
				t.Errorf("%s %q reads another file", field, value)
			}
			for _, o := range result.Objects {
				if !strings.HasPrefix(o.Origin(), "app/charts/") || strings.Contains(o.Origin(), "..") {
					t.Errorf("%s %q: an object is said to come from %s", field, value, o.Origin())
				}
			}
		}
	}
}

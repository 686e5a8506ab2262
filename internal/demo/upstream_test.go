package demo

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// Every Application of the examples names a folder that the demo's repository has.
func TestApplicationsNameFoldersOfTheRepository(t *testing.T) {
	tree, err := sourceTree()
	if err != nil {
		t.Fatal(err)
	}
	upstream, err := loadUpstreams(t.Context(), upstreams())
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{exampleURL: "http://127.0.0.1:1/team/examples.git", exampleCharts: "http://127.0.0.1:1/charts", exampleRegistry: "oci://127.0.0.1:1"}
	charts := map[string]string{} // by the address of what has them
	for folder, at := range map[string]string{repositoryChart: addresses[exampleCharts], registryChart: addresses[exampleRegistry] + "/charts"} {
		chart, err := takeChart(upstream, folder)
		if err != nil {
			t.Fatal(err)
		}
		charts[at] = chart.Name
	}
	var pairs []string
	for example, address := range addresses {
		pairs = append(pairs, example, address)
	}
	files, err := content(tree, upstream, strings.NewReplacer(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	apps, err := declaredApps(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(apps) < 10 || apps[rootApp] == nil {
		t.Errorf("the examples declare %d Applications, want 10 or more with %q among them", len(apps), rootApp)
	}
	for name, u := range apps {
		app, problems := v1alpha1.DecodeApplication(u)
		for _, problem := range problems {
			t.Errorf("Application %s: %v", name, problem)
		}
		sources := app.Spec.Sources
		if app.Spec.Source != nil {
			sources = append(sources, *app.Spec.Source)
		}
		for _, source := range sources {
			switch {
			case source.RepoURL == addresses[exampleURL]:
				if source.Path != "" && !hasFolder(files, source.Path) {
					t.Errorf("Application %s: the repository has no folder %q", name, source.Path)
				}
			case source.Chart == "" || charts[source.RepoURL] != source.Chart:
				t.Errorf("Application %s has the source %+v, which there is not", name, source)
			}
		}
		if len(sources) == 0 {
			t.Errorf("Application %s has no source", name)
		}
	}
	for name, text := range files {
		for example := range addresses {
			if strings.Contains(text, example) && !strings.HasSuffix(name, ".md") {
				t.Errorf("%s still names %s", name, example)
			}
		}
	}
}

func hasFolder(files map[string]string, folder string) bool {
	for name := range files {
		if strings.HasPrefix(name, folder+"/") {
			return true
		}
	}
	return false
}

func TestStampChartChangesTheVersionsOnly(t *testing.T) {
	const before = "apiVersion: v2\nname: a\nkubeVersion: v0.0.0\nversion: v0.0.0\nappVersion: v0.0.0\n"
	const after = "apiVersion: v2\nname: a\nkubeVersion: v0.0.0\nversion: v1.2.3\nappVersion: v1.2.3\n"
	stamp := stampChart("v1.2.3")
	if got := stamp("charts/a/Chart.yaml", before); got != after {
		t.Errorf("Chart.yaml became %q, want %q", got, after)
	}
	if got := stamp("charts/a/values.yaml", before); got != before {
		t.Errorf("values.yaml was changed to %q", got)
	}
}

func TestCheckRefusesAnotherModule(t *testing.T) {
	project := upstream{module: "example.com/a", version: "v1.0.0", sum: "h1:right"}
	for _, test := range []struct {
		found download
		want  string
	}{
		{download{Zip: "a.zip", Sum: "h1:right"}, ""},
		{download{Zip: "a.zip", Sum: "h1:right", Error: "requires a newer go"}, ""},
		{download{Zip: "a.zip", Sum: "h1:wrong"}, "not the one that the demo was written for"},
		{download{Error: "403 Forbidden"}, "403 Forbidden"},
	} {
		err := project.check(test.found)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("check(%+v) = %v, want %q", test.found, err, test.want)
		}
	}
}

package v1alpha1_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

const whole = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: web}
  source: {repoURL: https://git.example.com/shop.git, path: web}
`

func TestDecodeApplicationNamesBadFields(t *testing.T) {
	tests := []struct {
		name, extra string
		want        []string
	}{
		{name: "none", extra: ``},
		{name: "a number for a text", extra: `spec: {source: {targetRevision: 1.5}}`,
			want: []string{`spec.source.targetRevision is a number: it has to be a text; put it in quotes`}},
		{name: "a text for a flag", extra: `spec: {syncPolicy: {automated: {prune: "true"}}}`,
			want: []string{`spec.syncPolicy.automated.prune is a text: it has to be true or false, without quotes`}},
		{name: "a text for a number", extra: `spec: {revisionHistoryLimit: "3"}`,
			want: []string{`spec.revisionHistoryLimit is a text: it has to be a whole number, without quotes`}},
		{name: "a text for a list", extra: `spec: {syncPolicy: {syncOptions: CreateNamespace=true}}`,
			want: []string{`spec.syncPolicy.syncOptions is a text: it has to be a list`}},
		{name: "a list for an object", extra: `spec: {syncPolicy: []}`,
			want: []string{`spec.syncPolicy is a list: it has to be an object`}},
		{name: "a whole section", extra: `operation: now`,
			want: []string{`operation is a text: it has to be an object`}},
		{name: "a count that is neither", extra: `spec: {source: {kustomize: {replicas: [{name: web, count: true}]}}}`,
			want: []string{`spec.source.kustomize.replicas.count is true or false: it has to be a whole number, without quotes`}},
		{name: "a time that is none", extra: `status: {reconciledAt: yesterday, sourceType: Helm}`,
			want: []string{`status.reconciledAt cannot be read: `}},
		{name: "several", extra: "spec: {project: 5, info: {}, source: {path: true}}\nstatus: {conditions: {}}",
			want: []string{
				`spec.info is an object: it has to be a list`,
				`spec.project is a number: it has to be a text; put it in quotes`,
				`spec.source.path is true or false: it has to be a text; put it in quotes`,
				`status.conditions is an object: it has to be a list`,
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := parse(t, whole)
			merge(u.Object, parse(t, test.extra).Object)
			app, problems := v1alpha1.DecodeApplication(u)
			if app.Name != "web" || app.Spec.Destination.Namespace != "web" {
				t.Errorf("a field that is fine was not read: %+v", app)
			}
			if len(problems) != len(test.want) {
				t.Fatalf("got %d problems %v, want %d", len(problems), problems, len(test.want))
			}
			for i, want := range test.want {
				if got := problems[i].Error(); !strings.HasPrefix(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			}
		})
	}
}

func merge(into, from map[string]any) {
	for key, value := range from {
		a, okA := into[key].(map[string]any)
		b, okB := value.(map[string]any)
		if okA && okB {
			merge(a, b)
			continue
		}
		into[key] = value
	}
}

func TestDecodeApplicationIsCaseSensitive(t *testing.T) {
	u := parse(t, whole)
	merge(u.Object, parse(t, `spec: {Project: other}`).Object)
	if app, _ := v1alpha1.DecodeApplication(u); app.Spec.Project != "default" {
		t.Errorf("read the project from the wrong field: %q", app.Spec.Project)
	}
}

func TestDecodeAppProject(t *testing.T) {
	project, problems := v1alpha1.DecodeAppProject(parse(t, `
metadata: {name: shop}
spec:
  sourceRepos: everything
  namespaceResourceWhitelist: []
  clusterResourceWhitelist: [{group: '*', kind: Namespace, name: shop-*}]
`))
	if len(problems) != 1 || problems[0].Path != "spec.sourceRepos" {
		t.Errorf("got %v, want one problem of spec.sourceRepos", problems)
	}
	want := v1alpha1.AppProjectSpec{
		NamespaceResourceWhitelist: []v1alpha1.GroupKind{},
		ClusterResourceWhitelist:   []v1alpha1.ClusterResourceRestriction{{Group: "*", Kind: "Namespace", Name: "shop-*"}},
	}
	if diff := cmp.Diff(want, project.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

// A status is read from its text as from maps; what is wrong in it is a problem of the status,
// and of nothing else.
func TestDecodeApplicationReadsTheTextOfAStatus(t *testing.T) {
	read := func(status string) (*v1alpha1.Application, []*v1alpha1.FieldError) {
		u := parse(t, `{spec: {project: shop}}`)
		u.Object[v1alpha1.Verbatim] = json.RawMessage(status)
		return v1alpha1.DecodeApplication(u)
	}
	app, problems := read(`{"resources":[{"kind":"Service","name":"web"},{"kind":"Secret","health":{"status":"Healthy"}}]}`)
	if listed := app.Status.Resources; len(problems) > 0 || len(listed) != 2 || listed[0].Name != "web" || listed[1].Health.Status != "Healthy" {
		t.Errorf("read %+v, %v", app.Status.Resources, problems)
	}
	app, problems = read(`{"resources":[{"kind":7}],"reconciledAt":"never","sync":{"status":"Synced"}}`)
	if len(problems) != 2 || !problems[1].Within("status.resources") || app.Spec.Project != "shop" || app.Status.Sync.Status != "Synced" {
		t.Errorf("read %+v, %v", app, problems)
	}
	if app, problems = read(`[]`); len(problems) != 1 || !problems[0].Within("status") || app.Spec.Project != "shop" {
		t.Errorf("read %+v, %v", app, problems)
	}
}

package convention_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// contentOf reads what a file says, in JSON.
func contentOf(t testing.TB, text string) map[string]any {
	t.Helper()
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestOverride(t *testing.T) {
	helm := func(h tool.Helm) syncline.Source { return syncline.Source{Path: "app", Helm: &h} }
	kustomize := func(k tool.Kustomize) syncline.Source { return syncline.Source{Path: "app", Kustomize: &k} }
	for name, test := range map[string]struct {
		source  syncline.Source
		content string
		want    syncline.Source
	}{
		"nothing":             {helm(tool.Helm{Values: "a: 1"}), `{}`, helm(tool.Helm{Values: "a: 1"})},
		"one field":           {helm(tool.Helm{Values: "a: 1"}), `{"helm": {"releaseName": "x"}}`, helm(tool.Helm{Values: "a: 1", ReleaseName: "x"})},
		"an object of values": {helm(tool.Helm{Values: "a: 1"}), `{"helm": {"valuesObject": {"b": {"c": 9007199254740992}}}}`, helm(tool.Helm{Values: `{"b":{"c":9007199254740992}}`})},
		"no tool any more":    {helm(tool.Helm{Values: "a: 1"}), `{"helm": null}`, syncline.Source{Path: "app"}},
		"another tool":        {syncline.Source{Path: "app"}, `{"directory": {"recurse": true}}`, syncline.Source{Path: "app", Directory: &tool.Directory{Recurse: true}}},
		"what is rendered":    {syncline.Source{Path: "app"}, `{"path": ["x"], "repoURL": "y", "targetRevision": 1}`, syncline.Source{Path: "app"}},
		"a count":             {kustomize(tool.Kustomize{}), `{"kustomize": {"replicas": [{"name": "a", "count": "5"}, {"name": "b", "count": 6}]}}`, kustomize(tool.Kustomize{Replicas: []tool.KustomizeReplica{{Name: "a", Count: 5}, {Name: "b", Count: 6}}})},
		"a large count stays": {kustomize(tool.Kustomize{Replicas: []tool.KustomizeReplica{{Name: "a", Count: 1 << 40}}}), `{"kustomize": {"namePrefix": "x-"}}`, kustomize(tool.Kustomize{NamePrefix: "x-", Replicas: []tool.KustomizeReplica{{Name: "a", Count: 1 << 40}}})},
		"a label goes":        {kustomize(tool.Kustomize{CommonLabels: map[string]string{"a": "1", "b": "2"}}), `{"kustomize": {"commonLabels": {"a": null}}}`, kustomize(tool.Kustomize{CommonLabels: map[string]string{"b": "2"}})},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := convention.Dialect().Rendering.Overrider.Override(test.source, contentOf(t, test.content))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

// TestWrongOverride names the field and quotes no value.
func TestWrongOverride(t *testing.T) {
	for content, want := range map[string]string{
		`{"plugin": {"name": "../s3cret"}}`:                         "plugin.name: it is the name of a plugin, with - and its version where it has one: letters, digits, ., - and _",
		`{"plugin": {"env": [{"name": "s3cret=", "value": "a"}]}}`:  "plugin.env[0]: it is no variable: the name is empty or has =, or there is a zero byte",
		`{"plugin": {"parameters": "s3cret"}}`:                      "plugin.parameters: a string where a []v1alpha1.PluginParameter is expected",
		`{"helm": "s3cret"}`:                                        "helm: a string where a v1alpha1.ApplicationSourceHelm is expected",
		`{"helm": {"valuesObject": ["s3cret"]}}`:                    "helm.valuesObject: it is not an object",
		`{"helm": {"valuesObject": "s3cret"}}`:                      "helm.valuesObject: it is not an object",
		`{"helm": {"parameters": [{"name": "a", "value": 12345}]}}`: "helm.parameters.value: a number where a string is expected",
		`{"kustomize": {"images": "s3cret"}}`:                       "kustomize.images: a string where a []string is expected",
		`{"kustomize": {"replicas": [{"count": "s3cret"}]}}`:        "kustomize.replicas: a count is not a number",
		`{"kustomize": {"replicas": [{"count": null}]}}`:            "kustomize.replicas: a count is not a number",
		`{"kustomize": {"replicas": [{"count": 1.5}]}}`:             "kustomize.replicas.count: a number where a int32 is expected",
		`{"directory": {"disableExtensionFilter": true}}`:           "directory.disableExtensionFilter is not supported yet: have the names of manifests end in .yaml, .yml, .json or .jsonnet",
		`{"directory": {"jsonnet": {"extVars": {"s3cret": 1}}}}`:    "directory.jsonnet.extVars: a object where a []v1alpha1.JsonnetVar is expected",
	} {
		source := syncline.Source{Path: "app", Helm: &tool.Helm{Values: "a: 1"}}
		if _, err := convention.Dialect().Rendering.Overrider.Override(source, contentOf(t, content)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", content, err, want)
		}
	}
}

// Whatever a file says that overrides a source, and whatever the source says.
func FuzzOverride(f *testing.F) {
	f.Add([]byte(`{"helm": {"valuesObject": {"a": [1]}}, "path": "x"}`), "a: 1")
	f.Add([]byte(`{"kustomize": {"replicas": [{"count": {}}]}, "helm": {"values": null}}`), "")
	f.Fuzz(func(t *testing.T, text []byte, values string) {
		var content map[string]any
		if len(text)+len(values) > 1<<15 || json.Unmarshal(text, &content) != nil {
			return
		}
		bound.Limits{}.Run(t, func() {
			_, _ = convention.Dialect().Rendering.Overrider.Override(syncline.Source{Helm: &tool.Helm{Values: values}}, content)
		})
	})
}

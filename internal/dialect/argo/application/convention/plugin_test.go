package convention_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// TestEnviron tells a plugin what Argo CD does.
func TestEnviron(t *testing.T) {
	text := "a b"
	plugin := &tool.Plugin{
		Name: "cue-v1.0",
		Env:  []tool.PluginVariable{{Name: "PATH", Value: "$ARGOCD_APP_NAME/${KUBE_VERSION}/$$x/$UNKNOWN"}},
		Parameters: []tool.PluginParameter{
			{Name: "image-tag", String: &text},
			{Name: "values.files", Map: map[string]string{"b.c": "2", "a": "1"}},
			{Name: "list", Array: []string{"x", "y"}},
		},
	}
	fact := func(fact syncline.Fact) string { return "<" + string(fact) + ">" }
	got := convention.Dialect().Rendering.Variables.Environ(plugin, syncline.Capabilities{KubeVersion: "1.34.2", APIVersions: []string{"v1", "apps/v1"}}, fact)
	want := []string{
		"ARGOCD_APP_NAME=<instance>", "ARGOCD_APP_NAMESPACE=<namespace>", "ARGOCD_APP_PROJECT_NAME=<project>",
		"ARGOCD_APP_REVISION=<revision>", "ARGOCD_APP_REVISION_SHORT=<revision-7>", "ARGOCD_APP_REVISION_SHORT_8=<revision-8>",
		"ARGOCD_APP_SOURCE_REPO_URL=<source-repository>", "ARGOCD_APP_SOURCE_PATH=<source-path>",
		"ARGOCD_APP_SOURCE_TARGET_REVISION=<source-revision>", "KUBE_VERSION=1.34.2", "KUBE_API_VERSIONS=v1,apps/v1",
		"ARGOCD_ENV_PATH=<instance>/1.34.2/$x/",
		`ARGOCD_APP_PARAMETERS=[{"name":"image-tag","string":"a b"},{"name":"values.files","map":{"a":"1","b.c":"2"}},{"name":"list","array":["x","y"]}]`,
		"PARAM_IMAGE_TAG=a b", "PARAM_VALUES_FILES_A=1", "PARAM_VALUES_FILES_B_C=2", "PARAM_LIST_0=x", "PARAM_LIST_1=y",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, variable := range convention.Dialect().Rendering.Variables.Environ(nil, syncline.Capabilities{}, fact) {
		if strings.HasPrefix(variable, "ARGOCD_ENV_") || strings.Contains(variable, "PARAM") {
			t.Errorf("a source without options of a plugin has %s", variable)
		}
	}
}

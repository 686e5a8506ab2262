package settings_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
)

// Whatever the ConfigMap argocd-cm says.
func FuzzSettings(f *testing.F) {
	f.Add("resource.customizations", "apps/*: {health.lua: x}\n'{a,b}/{c,{d,e}}': {health.lua: y}", "apps", "Deployment")
	f.Add("resource.customizations.health.apps_Deployment", "return {}", "apps", "Deployment")
	f.Add("resource.customizations.useOpenLibs.apps_*", "true", "apps", "Deployment")
	f.Add("resource.customizations", "&a [*a]", "", "")
	f.Fuzz(func(t *testing.T, key, text, group, kind string) {
		bound.Limits{}.Run(t, func() {
			u := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{key: text}}}
			rules, _ := settings.Read(u, settings.Rules{})
			rules.Find(schema.GroupKind{Group: group, Kind: kind})
		})
	})
}

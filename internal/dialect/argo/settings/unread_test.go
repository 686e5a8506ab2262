package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
)

func TestUnread(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		want []string
	}{
		"what changes delivery": {`{
			resource.customizations.ignoreDifferences.apps_Deployment: x, resource.customizations.ignoreDifferences.all: x,
			resource.exclusions: x, kustomize.buildOptions: --load-restrictor LoadRestrictionsNone, kustomize.buildOptions.v5: x,
			application.resourceTrackingMethod: other, kustomize.enable: "false",
			resource.customizations: "apps/Deployment: {ignoreDifferences: x}"}`, []string{
			"application.resourceTrackingMethod", "kustomize.buildOptions", "kustomize.buildOptions.v5",
			"kustomize.enable", "resource.customizations", "resource.customizations.ignoreDifferences.all",
			"resource.customizations.ignoreDifferences.apps_Deployment", "resource.exclusions",
		}},
		"what says how it is": {`{application.resourceTrackingMethod: annotation, helm.enable: "true", resource.exclusions: "",
			application.sync.impersonation.enabled: "false"}`, nil},
		"what is read, and what is not about delivery": {`{url: x, resource.customizations.health.apps_Deployment: x,
			resource.customizations: "apps/Deployment: {health.lua: x}", application.resourceTrackingMethod: annotation+label, application.instanceLabelKey: x, accounts.ann: login, resource.customizations.actions.a_B: x}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, settings.Unread(configMap(t, test.data))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestImpersonation(t *testing.T) {
	for data, want := range map[string][2]bool{
		`{}`: {false, true}, `{application.sync.impersonation.enabled: "true"}`: {true, true},
		`{application.sync.impersonation.enabled: "true", application.sync.impersonation.enforced: "false"}`: {true, false},
	} {
		s := settings.NewStore()
		var told []settings.Rules
		s.Changed = func(rules settings.Rules) { told = append(told, rules) }
		if err := s.Put(configMap(t, data)); err != nil || len(told) != 1 || [2]bool{told[0].Impersonation, told[0].Enforced} != want {
			t.Errorf("%s: told are %+v (%v), want %v", data, told, err, want)
		}
	}
}

func TestLabel(t *testing.T) {
	for data, want := range map[string]string{
		`{}`: "", `{application.resourceTrackingMethod: annotation, application.instanceLabelKey: x}`: "", `{application.instanceLabelKey: x}`: "",
		`{application.resourceTrackingMethod: label}`:                                              "app.kubernetes.io/instance",
		`{application.resourceTrackingMethod: annotation+label}`:                                   "app.kubernetes.io/instance",
		`{application.resourceTrackingMethod: label, application.instanceLabelKey: example.com/x}`: "example.com/x",
	} {
		s := settings.NewStore()
		if err := s.Put(configMap(t, data)); err != nil || s.Label() != want {
			t.Errorf("%s: the label is %q (%v)", data, s.Label(), err)
		}
	}
}

package convention_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/dialect/dialecttest"
	"github.com/syncline-io/syncline/internal/engine/enginetest"
)

// argo is the dialect of Applications.
func argo() dialecttest.Subject {
	return dialecttest.Subject{
		Dialect: convention.Dialect(),
		App: func(namespace, name string) syncline.App {
			return syncline.App{
				ID:      syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: namespace, Name: name},
				Dialect: convention.Dialect(), Instance: name,
				Destination: syncline.Destination{Namespace: "shop"},
			}
		},
		Marks: []string{
			convention.Tracking, convention.Wave, convention.Hook, convention.HookDelete, convention.SyncOptions, convention.Compare,
			near.Meant + convention.SyncOptions, near.Meant + convention.HelmPolicy, v1alpha1.InstanceLabel,
			convention.NoHealth, convention.NoRestart, convention.HelmHook, convention.HelmWeight, convention.HelmHookDelete, convention.HelmPolicy,
		},
		Values: []string{
			"1", "-5", " 3 ", "99999999999999999999", "true", "keep", "PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "Skip", "presync",
			"pre-install", "post-upgrade", "test", "crd-install", "HookSucceeded", "hook-failed", "BeforeHookCreation",
			"Prune=false", "Delete=false", "IgnoreExtraneous", "Replace=true", "a:apps/Deployment:shop/web",
		},
		Overrides: []string{
			`{}`, `{"helm": {"values": "a: 2\n", "parameters": [{"name": "a", "value": "c"}], "valuesObject": {"a": {"b": [1, 1e9, "x"]}}}}`,
			`{"kustomize": {"images": ["a=b:d"], "replicas": [{"name": "a", "count": 3}, {"name": "b", "count": "4"}], "commonLabels": {"a": null}}}`,
			`{"directory": {"recurse": false, "jsonnet": {"tlas": [{"name": "a", "value": "b", "code": true}]}}}`, `{"helm": null, "path": "../x"}`,
			`{"plugin": {"name": "x"}}`, `{"kustomize": {"replicas": [{"name": "a", "count": "many"}]}}`,
		},
		Variables: []string{
			"ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE", "ARGOCD_APP_PROJECT_NAME", "ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT",
			"ARGOCD_APP_REVISION_SHORT_8", "ARGOCD_APP_SOURCE_REPO_URL", "ARGOCD_APP_SOURCE_PATH", "ARGOCD_APP_SOURCE_TARGET_REVISION",
		},
	}
}

// labelled is that of Applications where objects are tracked by a label too.
func labelled() dialecttest.Subject {
	s := argo()
	s.Dialect = convention.Labelling(func() string { return v1alpha1.InstanceLabel })
	return s
}

// labels is the other dialect of the engine's tests.
func labels() dialecttest.Subject {
	return dialecttest.Subject{
		Dialect: enginetest.Labels(),
		App: func(namespace, name string) syncline.App {
			return syncline.App{
				ID:      syncline.AppID{Group: "labels.example", Kind: "Kustomization", Namespace: namespace, Name: name},
				Dialect: enginetest.Labels(), Instance: enginetest.LabelsInstance(namespace, name),
			}
		},
		Marks: []string{enginetest.PruneOption, enginetest.NameLabel}, Values: []string{"disabled", "enabled"},
		Overrides: []string{`{"deep": true}`, `{"deep": false}`, `{}`},
		Variables: []string{"LABELS_APP"},
	}
}

func TestConforms(t *testing.T) { dialecttest.Run(t, argo()) }

func TestLabelledConforms(t *testing.T) { dialecttest.Run(t, labelled()) }

func TestLabelsConform(t *testing.T) { dialecttest.Run(t, labels()) }

func TestBeside(t *testing.T) {
	dialecttest.RunBeside(t, argo(), labels())
	dialecttest.RunBeside(t, labels(), argo())
}

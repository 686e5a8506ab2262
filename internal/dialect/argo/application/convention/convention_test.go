package convention_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/option"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

func TestOwner(t *testing.T) {
	deployment := syncline.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	service := syncline.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	role := syncline.Ref{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "system:shop:reader"}
	for _, test := range []struct {
		ref      syncline.Ref
		tracking string
		want     string
	}{
		{deployment, "a:apps/Deployment:shop/web", "a"},
		{deployment, "team_a:apps/Deployment:shop/web", "team_a"},
		{service, "a:/Service:shop/web", "a"},
		{service, "a:Service:shop/web", ""},
		{deployment, "a:apps/Deployment:shop/other", ""},
		{deployment, "a:apps/Deployment:other/web", ""},
		{deployment, "a:extensions/Deployment:shop/web", ""},
		{deployment, "a:apps/StatefulSet:shop/web", ""},
		{deployment, "a", ""},
		{deployment, "", ""},
		{deployment, strings.Repeat("a", 2048) + ":apps/Deployment:shop/web", ""},
		{role, "a:rbac.authorization.k8s.io/ClusterRole:destination/system:shop:reader", "a"},
		{role, "a:rbac.authorization.k8s.io/ClusterRole:/system:shop:reader", "a"},
	} {
		marks := syncline.Marks{convention.Tracking: test.tracking}
		if got := convention.Dialect().Ownership.Owner(test.ref, marks); got != test.want {
			t.Errorf("the owner of %s by %q is %q, want %q", test.ref, test.tracking, got, test.want)
		}
	}
}

// TestStampedIsOwned holds that what is stamped says so, and that the proof is the mark
// that was written.
func TestStampedIsOwned(t *testing.T) {
	ownership := convention.Dialect().Ownership
	app := syncline.App{Instance: "team_a", Destination: syncline.Destination{Namespace: "shop"}}
	for _, test := range []struct{ version, kind, namespace, want string }{
		{"apps/v1", "Deployment", "shop", "team_a"},
		{"v1", "Service", "shop", "team_a"},
		{"rbac.authorization.k8s.io/v1", "ClusterRole", "", "team_a"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "", ""}, // of nobody, as in Argo CD
	} {
		object, err := syncline.NewObject(map[string]any{
			"apiVersion": test.version, "kind": test.kind, "metadata": map[string]any{"name": "system:web", "namespace": test.namespace},
		}, "file")
		if err != nil {
			t.Fatal(err)
		}
		stamped := ownership.Stamp(object, app)
		if got := ownership.Owner(stamped.Ref(), stamped); got != test.want {
			t.Errorf("a stamped %s is of %q, want %q", test.kind, got, test.want)
		}
		if got := stamped.Annotation(convention.Tracking) != ""; got != (test.want != "") {
			t.Errorf("the annotation of a stamped %s is there: %v", test.kind, got)
		}
	}
	if want := []string{"f:metadata", "f:annotations", "f:" + convention.Tracking}; !reflect.DeepEqual(ownership.Proof(), want) {
		t.Errorf("the proof is %q", ownership.Proof())
	}
}

func TestRead(t *testing.T) {
	before := []syncline.HookPolicy{syncline.BeforeHookCreation}
	for name, test := range map[string]struct {
		marks syncline.Marks
		want  syncline.Directive
	}{
		"nothing":                  {nil, syncline.Directive{}},
		"a wave":                   {syncline.Marks{convention.Wave: " -3 "}, syncline.Directive{Wave: -3}},
		"a wave that is no number": {syncline.Marks{convention.Wave: "1e9"}, syncline.Directive{}},
		"Helm's weight":            {syncline.Marks{convention.HelmWeight: "5"}, syncline.Directive{Wave: 5}},
		"both":                     {syncline.Marks{convention.Wave: "1", convention.HelmWeight: "5"}, syncline.Directive{Wave: 1}},
		"options": {syncline.Marks{convention.SyncOptions: "Prune=false, Replace=true"},
			syncline.Directive{Options: option.List{"Prune=false", "Replace=true"}}},
		"kept":                     {syncline.Marks{convention.HelmPolicy: " Keep"}, syncline.Directive{Keep: "helm.sh/resource-policy: keep"}},
		"extraneous":               {syncline.Marks{convention.Compare: "IgnoreExtraneous"}, syncline.Directive{IgnoreExtraneous: true}},
		"health":                   {syncline.Marks{convention.NoHealth: "true"}, syncline.Directive{IgnoreHealth: true}},
		"health, a slip":           {syncline.Marks{convention.NoHealth: "yes"}, syncline.Directive{}},
		"a label is no annotation": {syncline.Marks{syncline.LabelKey(convention.Hook): "Sync"}, syncline.Directive{}},
		"a hook": {syncline.Marks{convention.Hook: "PostSync,Sync, PostSync"}, syncline.Directive{Hook: &syncline.Hook{
			Phases: []syncline.Phase{syncline.PostSync, syncline.Sync}, Policies: before, Key: convention.Hook, Value: "PostSync,Sync, PostSync"}}},
		"a hook that is skipped": {syncline.Marks{convention.Hook: "Skip"}, syncline.Directive{Hook: &syncline.Hook{
			Policies: before, Key: convention.Hook, Value: "Skip"}}},
		"a hook for the end": {syncline.Marks{convention.Hook: "PreDelete,PostDelete"}, syncline.Directive{Hook: &syncline.Hook{
			PreDelete: true, PostDelete: true, Policies: before, Key: convention.Hook, Value: "PreDelete,PostDelete"}}},
		"a hook with slips": {syncline.Marks{convention.Hook: "Presync,Sync,After,,After"}, syncline.Directive{Hook: &syncline.Hook{
			Phases: []syncline.Phase{syncline.Sync}, Unknown: []string{"After", "Presync"}, Policies: before,
			Key: convention.Hook, Value: "Presync,Sync,After,,After"}}},
		"Helm's hook": {syncline.Marks{convention.HelmHook: "pre-install,pre-upgrade,test", convention.HelmHookDelete: "hook-succeeded"},
			syncline.Directive{Hook: &syncline.Hook{Phases: []syncline.Phase{syncline.PreSync}, Policies: []syncline.HookPolicy{syncline.HookSucceeded},
				Key: convention.HelmHook, Value: "pre-install,pre-upgrade,test"}}},
		"Argo CD's hook counts before Helm's": {syncline.Marks{convention.Hook: "Sync", convention.HelmHook: "post-install"},
			syncline.Directive{Hook: &syncline.Hook{Phases: []syncline.Phase{syncline.Sync}, Policies: before, Key: convention.Hook, Value: "Sync"}}},
		"a definition of kinds of a chart": {syncline.Marks{convention.HelmHook: "crd-install"}, syncline.Directive{}},
		"policies of both": {syncline.Marks{convention.Hook: "Sync", convention.HookDelete: "HookFailed,x", convention.HelmHookDelete: "before-hook-creation,hook-failed"},
			syncline.Directive{Hook: &syncline.Hook{Phases: []syncline.Phase{syncline.Sync},
				Policies: []syncline.HookPolicy{syncline.HookFailed, syncline.BeforeHookCreation}, Key: convention.Hook, Value: "Sync"}}},
		"a hook that is kept": {syncline.Marks{convention.Hook: "Sync", convention.HelmPolicy: "keep"}, syncline.Directive{
			Keep: "helm.sh/resource-policy: keep", Hook: &syncline.Hook{Phases: []syncline.Phase{syncline.Sync}, Key: convention.Hook, Value: "Sync"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, convention.Dialect().Conventions.Read(test.marks)); diff != "" {
				t.Error(diff)
			}
			for key := range test.marks {
				if !convention.Dialect().Conventions.Steers(strings.TrimPrefix(key, syncline.LabelKey("")), false) {
					t.Errorf("%s is read and not remembered", key)
				}
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("PreSync,Sync,PreSync", "HookSucceeded,,x", "pre-install", "hook-failed", "-99999999999999999999", "a:/ConfigMap:x/a")
	f.Add("Skip", "", "crd-install", "", "1e9", "::::")
	f.Fuzz(func(t *testing.T, hook, policy, helm, helmPolicy, wave, tracking string) {
		bound.Limits{}.Run(t, func() {
			marks := syncline.Marks{
				convention.Hook: hook, convention.HookDelete: policy, convention.HelmHook: helm,
				convention.HelmHookDelete: helmPolicy, convention.Wave: wave, convention.Tracking: tracking,
			}
			dialect := convention.Dialect()
			dialect.Conventions.Read(marks)
			dialect.Ownership.Owner(syncline.Ref{Kind: "ConfigMap", Namespace: "x", Name: "a"}, marks)
		})
	})
}

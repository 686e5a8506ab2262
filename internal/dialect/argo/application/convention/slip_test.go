package convention_test

import (
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/near"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

func TestSlip(t *testing.T) {
	for meant, keys := range map[string][]string{
		convention.SyncOptions: {
			"argocd.argoproj.io/sync-option", "argocd.argoproj.io/syncOptions", "argocd.argoproj.io/sync_options", "argocd.argoproj.io/sync-opitons",
			"argoproj.io/sync-options", "argocd.io/sync-options", "argo-cd.argoproj.io/sync-options", "ArgoCD.argoproj.io/Sync-Options", "sync-options",
		},
		convention.Hook:           {"argocd.argoproj.io/hooks", "argocd.argoproj.io/Hook", "argocd.argoproj.io/hok", "argoproj.io/hook"},
		convention.HookDelete:     {"argocd.argoproj.io/hook-delete-policies", "argocd.argoproj.io/hook-delete-plicy"},
		convention.Wave:           {"argocd.argoproj.io/sync-waves", "argocd.argoproj.io/syncwave", "argocd.argoproj.io/sync-wav"},
		convention.Compare:        {"argocd.argoproj.io/compare-option"},
		convention.HelmPolicy:     {"helm.sh/resource-policies", "helm.sh/resourcePolicy", "helm.io/resource-policy", "helm.sh/resource-plicy", "resource-policy"},
		convention.HelmHook:       {"helm.sh/hooks"},
		convention.HelmHookDelete: {"helm.sh/hook-delete-policies"},
		"": {
			convention.SyncOptions, convention.HelmHook, convention.Tracking, "helm.sh/chart", "meta.helm.sh/release-name", "hook", "hooks", "wave",
			"argocd.argoproj.io/refresh", "argocd.argoproj.io/managed-by", "argocd.argoproj.io/instance", "argocd.argoproj.io/ignore-differences",
			"argocd.argoproj.io/manifest-generate-paths", "argocd.argoproj.io/skip-reconcile", "argocd.argoproj.io/ignore-resource-updates",
			"example.com/sync-options", "kustomize.toolkit.fluxcd.io/prune", "kubectl.kubernetes.io/restartedAt", "prometheus.io/scrape",
			"argocd-image-updater.argoproj.io/write-back-method", "notifications.argoproj.io/subscribe.on-sync-failed.slack", "link.argocd.argoproj.io/external-link", "",
		},
	} {
		for _, key := range keys {
			if got := convention.Dialect().Conventions.Slip(key); got != meant {
				t.Errorf("%s is taken for a slip of %q, want %q", key, got, meant)
			}
		}
	}
}

// Every object of an App has this annotation, and every turn looks at it.
func TestNoSlipCostsLittle(t *testing.T) {
	slip := convention.Dialect().Conventions.Slip
	if n := testing.AllocsPerRun(100, func() { slip(convention.Tracking) }); n > 4 {
		t.Errorf("%s takes %v allocations, at most 4 are allowed", convention.Tracking, n)
	}
}

// Of what a slip says counts only what keeps an object.
func TestWhatASlipSays(t *testing.T) {
	for text, keeps := range map[string]bool{
		"Prune=false": true, "Delete=false": true, "Prune=confirm": true, "Replace=true,prune=False": true, "Force=true": false, "Prune=true": false, "": false,
	} {
		asks := convention.Dialect().Conventions.Read(syncline.Marks{near.Meant + convention.SyncOptions: text})
		if (asks.Keep != "") != keeps || asks.Options != nil {
			t.Errorf("%q asks for %+v", text, asks)
		}
	}
	for text, keeps := range map[string]bool{"keep": true, "delete,KEEP": true, "no": false} {
		if asks := convention.Dialect().Conventions.Read(syncline.Marks{near.Meant + convention.HelmPolicy: text}); (asks.Keep != "") != keeps {
			t.Errorf("%q asks for %+v", text, asks)
		}
	}
	hook := convention.Dialect().Conventions.Read(syncline.Marks{convention.Hook: "Sync", near.Meant + convention.HookDelete: "HookFailed"}).Hook
	if hook == nil || len(hook.Policies) != 1 || hook.Policies[0] != syncline.HookFailed {
		t.Errorf("the hook asks for %+v", hook)
	}
}

// Whatever the keys of annotations are.
func FuzzSlip(f *testing.F) {
	f.Add("argocd.argoproj.io/sync-option")
	f.Fuzz(func(t *testing.T, key string) {
		bound.Limits{}.Run(t, func() {
			if meant := convention.Dialect().Conventions.Slip(key); meant == key && key != "" {
				t.Errorf("%q is a slip of itself", key)
			}
		})
	})
}

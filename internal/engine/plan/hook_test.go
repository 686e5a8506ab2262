package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// job is a Job with the given annotations, in flow style.
func job(name, annotations string) string {
	return fmt.Sprintf("apiVersion: batch/v1\nkind: Job\nmetadata: {%s, annotations: {%s}}", name, annotations)
}

func TestHookPhases(t *testing.T) {
	for annotations, want := range map[string][]string{
		"argocd.argoproj.io/hook: PreSync":                                      {"PreSync 0 run batch/Job/shop/j"},
		`argocd.argoproj.io/hook: "PreSync, PostSync"`:                          {"PreSync 0 run batch/Job/shop/j", "PostSync 0 run batch/Job/shop/j"},
		`argocd.argoproj.io/hook: "Sync,Sync"`:                                  {"Sync 0 run batch/Job/shop/j"},
		"argocd.argoproj.io/hook: SyncFail":                                     {"SyncFail 0 run batch/Job/shop/j"},
		`argocd.argoproj.io/hook: PostSync, argocd.argoproj.io/sync-wave: "-3"`: {"PostSync -3 run batch/Job/shop/j"},
		"argocd.argoproj.io/hook: Skip":                                         nil,
		"argocd.argoproj.io/hook: PreDelete":                                    nil,
		"argocd.argoproj.io/hook: Nonsense":                                     nil,
		"helm.sh/hook: pre-install":                                             {"PreSync 0 run batch/Job/shop/j"},
		`helm.sh/hook: "pre-install,pre-upgrade"`:                               {"PreSync 0 run batch/Job/shop/j"},
		`helm.sh/hook: "post-install,post-upgrade", helm.sh/hook-weight: "5"`:   {"PostSync 5 run batch/Job/shop/j"},
		`helm.sh/hook: "post-upgrade,pre-delete"`:                               {"PostSync 0 run batch/Job/shop/j"},
		"helm.sh/hook: test":                                                    nil,
		"helm.sh/hook: pre-rollback":                                            nil,
		"helm.sh/hook: crd-install":                                             {"Sync 0 create batch/Job/shop/j"},
		"helm.sh/hook: pre-install, argocd.argoproj.io/hook: PostSync":          {"PostSync 0 run batch/Job/shop/j"},
		`argocd.argoproj.io/sync-wave: "2", helm.sh/hook-weight: "7"`:           {"Sync 2 create batch/Job/shop/j"},
		"argocd.argoproj.io/sync-wave: many":                                    {"Sync 0 create batch/Job/shop/j"},
	} {
		t.Run(annotations, func(t *testing.T) {
			expectSteps(t, newFixture().plan(t, job("name: j", annotations)), want...)
		})
	}
}

func TestHookDeletePolicies(t *testing.T) {
	for annotations, want := range map[string][]syncline.HookPolicy{
		"argocd.argoproj.io/hook: Sync": {syncline.BeforeHookCreation},
		"argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: HookSucceeded":               {syncline.HookSucceeded},
		`argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: "HookSucceeded, HookFailed"`: {syncline.HookSucceeded, syncline.HookFailed},
		"argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: Never":                       {syncline.BeforeHookCreation},
		`helm.sh/hook: pre-install, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"`:      {syncline.BeforeHookCreation, syncline.HookSucceeded},
		"helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-failed":                                {syncline.HookFailed},
	} {
		t.Run(annotations, func(t *testing.T) {
			p := newFixture().plan(t, job("name: j", annotations))
			if got := p.Changes[0].HookPolicies; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestARunOfAHookIsStamped(t *testing.T) {
	hook := job("name: j", `argocd.argoproj.io/hook: "PreSync,PostSync"`)
	f := newFixture()
	for _, c := range f.plan(t, hook).Changes {
		if stamp := c.Desired.Annotation(syncline.AnnotationOperation); stamp != "" {
			t.Errorf("%s has the stamp %q and there is no operation", c.Phase, stamp)
		}
	}
	started := time.Date(2026, 5, 4, 3, 2, 1, 999, time.FixedZone("here", 3600))
	stamps := map[string]bool{}
	for _, retries := range []int64{0, 1} {
		f.operation = &syncline.OperationState{StartedAt: started, RetryCount: retries}
		for _, c := range f.plan(t, hook).Changes {
			stamps[c.Desired.Annotation(syncline.AnnotationOperation)] = true
			if finalizers, _ := c.Desired.Field("metadata", "finalizers"); !slices.Equal(finalizers.([]any), []any{syncline.FinalizerHook}) {
				t.Errorf("finalizers are %v", finalizers)
			}
		}
	}
	for _, want := range []string{
		"app-1.20260504T020201Z.0.PreSync", "app-1.20260504T020201Z.0.PostSync",
		"app-1.20260504T020201Z.1.PreSync", "app-1.20260504T020201Z.1.PostSync",
	} {
		if !stamps[want] {
			t.Errorf("no run is called %s: %v", want, stamps)
		}
	}
}

func TestNamesOfGeneratedHooks(t *testing.T) {
	f := newFixture()
	hook := job("generateName: j-", "argocd.argoproj.io/hook: PreSync")
	expectSteps(t, f.plan(t, hook), "PreSync 0 run batch/Job/shop/j-0123456-presync")
	f.operation = &syncline.OperationState{StartedAt: time.Unix(1700000000, 5)}
	expectSteps(t, f.plan(t, together(hook, hook)),
		"PreSync 0 run batch/Job/shop/j-0123456-presync-1700000000",
		"PreSync 0 run batch/Job/shop/j-0123456-presync-1700000000-2",
	)
}

// TestNamesOfGeneratedHooksOfOtherSources are names, whatever revisions are called.
func TestNamesOfGeneratedHooksOfOtherSources(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for revision, want := range map[string]string{
		"1.2.3@" + digest: "1.2.3", "10.20.30@" + digest: "10.20.3", "1.2+B_1@" + digest: "1.2b1", digest: "0123456",
	} {
		f := newFixture()
		f.revisions = []string{revision}
		expectSteps(t, f.plan(t, job("generateName: j-", "argocd.argoproj.io/hook: PreSync")), "PreSync 0 run batch/Job/shop/j-"+want+"-presync")
	}
}

func TestARepeatedHookRunsOnce(t *testing.T) {
	f := newFixture()
	hook := job("name: j", "argocd.argoproj.io/hook: PreSync")
	p := f.plan(t, together(hook, hook))
	expectSteps(t, p, "PreSync 0 run batch/Job/shop/j")
	expectWarning(t, p, syncline.RepeatedWarning, "Job/shop/j appeared 2 times")
}

func TestHooksAreNotPruned(t *testing.T) {
	f := newFixture()
	ref := f.Put(t, job("name: j, namespace: shop", `argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/tracking-id: "web:batch/Job:shop/j"`))
	expectSteps(t, f.plan(t, configA), "Sync 0 create ConfigMap/shop/a")
	t.Run("but may go when somebody deletes them", func(t *testing.T) {
		f.Edit(t, ref, func(u metadata) { u.SetFinalizers([]string{syncline.FinalizerHook}) })
		f.Delete(ref)
		p := f.plan(t, configA)
		expectSteps(t, p, "Sync 0 create ConfigMap/shop/a", "Sync 0 prune batch/Job/shop/j")
		if c := change(t, p, "j"); c.Role != syncline.RoleHook || c.Differs() {
			t.Errorf("it counts as a resource: %+v", c)
		}
		if digest := p.PruneDigest(); digest != "" {
			t.Errorf("it asks for an approval of %s", digest)
		}
	})
}

func TestHooksWithoutAnyName(t *testing.T) {
	f := newFixture()
	hook := "apiVersion: batch/v1\nkind: Job\nmetadata: {annotations: {argocd.argoproj.io/hook: PreSync}}"
	expectSteps(t, f.plan(t, hook), "PreSync 0 run batch/Job/shop/0123456-presync")
	f.operation = &syncline.OperationState{StartedAt: time.Unix(1700000000, 5)}
	expectSteps(t, f.plan(t, together(hook, hook)),
		"PreSync 0 run batch/Job/shop/0123456-presync-1700000000",
		"PreSync 0 run batch/Job/shop/0123456-presync-1700000000-2",
	)
	for _, wrong := range []string{"name: 1", "generateName: [a]", "name: [a], generateName: b-"} {
		content := map[string]any{}
		text := "{apiVersion: v1, kind: ConfigMap, metadata: {" + wrong + ", annotations: {argocd.argoproj.io/hook: PreSync}}}"
		if err := yaml.Unmarshal([]byte(text), &content); err != nil {
			t.Fatal(err)
		}
		if o, err := syncline.NewObject(content, ""); err == nil && o.GenerateName() == "" {
			t.Errorf("%s is taken for no name", wrong)
		}
	}
}

// TestOnlyBeforeHookCreationDeletes holds that the object of an earlier run has no
// UID to be applied over only where its policy deletes it.
func TestOnlyBeforeHookCreationDeletes(t *testing.T) {
	for annotations, over := range map[string]bool{
		"argocd.argoproj.io/hook: Sync": false,
		"argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: HookFailed":                              true,
		`argocd.argoproj.io/hook: Sync, argocd.argoproj.io/hook-delete-policy: "HookSucceeded,BeforeHookCreation"`:      false,
		"helm.sh/hook: pre-install, helm.sh/hook-delete-policy: hook-failed":                                            true,
		"helm.sh/hook: pre-install, helm.sh/resource-policy: keep":                                                      true,
		"helm.sh/hook: pre-install, helm.sh/resource-policy: keep, helm.sh/hook-delete-policy: before-hook-creation":    false,
		"helm.sh/hook: pre-install, helm.sh/resource-policy: keep, argocd.argoproj.io/hook-delete-policy: no-such-name": true,
	} {
		t.Run(annotations, func(t *testing.T) {
			f := newFixture()
			f.Put(t, job("name: j, namespace: shop", annotations))
			if c := f.plan(t, job("name: j", annotations)).Changes[0]; (c.UID != "") != over {
				t.Errorf("it is planned against %q", c.UID)
			}
		})
	}
}

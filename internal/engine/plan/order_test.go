package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/option"
)

func TestOrder(t *testing.T) {
	f := newFixture()
	object := func(kind, name, annotations string) string {
		version := map[string]string{"Deployment": "apps/v1", "Job": "batch/v1", "Ingress": "networking.k8s.io/v1"}[kind]
		if version == "" {
			version = "v1"
		}
		return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, annotations: {%s}}", version, kind, name, annotations)
	}
	expectSteps(t, f.plan(t, together(
		object("Job", "fail", "argocd.argoproj.io/hook: SyncFail"),
		object("Job", "after", "argocd.argoproj.io/hook: PostSync"),
		object("Ingress", "i", ""),
		object("Deployment", "b", ""),
		object("Deployment", "a", ""),
		object("ConfigMap", "late", `argocd.argoproj.io/sync-wave: "1"`),
		object("ServiceAccount", "s", ""),
		object("Secret", "s", ""),
		object("ConfigMap", "early", `argocd.argoproj.io/sync-wave: "-1"`),
		object("Job", "before", "argocd.argoproj.io/hook: PreSync"),
	)),
		"PreSync 0 run batch/Job/shop/before",
		"Sync -1 create ConfigMap/shop/early",
		"Sync 0 create ServiceAccount/shop/s",
		"Sync 0 create Secret/shop/s",
		"Sync 0 create apps/Deployment/shop/a",
		"Sync 0 create apps/Deployment/shop/b",
		"Sync 0 create networking.k8s.io/Ingress/shop/i",
		"Sync 1 create ConfigMap/shop/late",
		"PostSync 0 run batch/Job/shop/after",
		"SyncFail 0 run batch/Job/shop/fail",
	)
}

func TestPrunesHappenInReverse(t *testing.T) {
	waves := func(name, wave, options string) string {
		return strings.ReplaceAll(left(fmt.Sprintf(`, argocd.argoproj.io/sync-wave: %q, argocd.argoproj.io/sync-options: %q`, wave, options)), "left", name)
	}
	for name, test := range map[string]struct {
		live string
		want []string
	}{
		"distinct waves are swapped": {
			together(waves("a", "0", ""), waves("b", "1", ""), waves("c", "5", ""), waves("c2", "5", "")),
			[]string{"Sync 0 prune ConfigMap/shop/c", "Sync 0 prune ConfigMap/shop/c2", "Sync 1 prune ConfigMap/shop/b", "Sync 2 create ConfigMap/shop/kept", "Sync 5 prune ConfigMap/shop/a"},
		},
		"PruneLast comes after everything": {
			together(waves("a", "0", "PruneLast=true"), waves("b", "1", "")),
			[]string{"Sync 0 prune ConfigMap/shop/b", "Sync 2 create ConfigMap/shop/kept", "Sync 3 prune ConfigMap/shop/a"},
		},
		"what is retained takes no part": {
			together(waves("a", "0", ""), waves("b", "9", "Prune=false")),
			[]string{"Sync 0 prune ConfigMap/shop/a", "Sync 2 create ConfigMap/shop/kept", "Sync 9 retain ConfigMap/shop/b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Put(t, test.live)
			kept := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {argocd.argoproj.io/sync-wave: \"2\"}}"
			expectSteps(t, f.plan(t, kept), test.want...)
		})
	}
	t.Run("PruneLast in the App", func(t *testing.T) {
		f := newFixture()
		f.Put(t, left(""))
		f.app.Policy.Options = option.List{"PruneLast=true"}
		expectSteps(t, f.plan(t, configA), "Sync 0 create ConfigMap/shop/a", "Sync 1 prune ConfigMap/shop/left")
	})
}

func TestWhatOthersNeedComesFirst(t *testing.T) {
	namespace := `
apiVersion: v1
kind: Namespace
metadata: {name: other, annotations: {argocd.argoproj.io/sync-wave: "4"}}`
	inside := `
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: other, annotations: {argocd.argoproj.io/sync-wave: "-2"}}`
	hook := `
apiVersion: v1
kind: ConfigMap
metadata: {name: h, namespace: other, annotations: {argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/sync-wave: "3"}}`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a namespace": {together(namespace, inside), []string{"Sync -2 create Namespace/other", "Sync -2 create ConfigMap/other/a"}},
		"a namespace that a hook needs": {together(namespace, inside, hook), []string{
			"PreSync 3 create Namespace/other", "PreSync 3 run ConfigMap/other/h", "Sync -2 create ConfigMap/other/a",
		}},
		"a definition": {together(strings.Replace(wheel, "front", `front, annotations: {argocd.argoproj.io/sync-wave: "-1"}`, 1), definition), []string{
			"Sync -1 create apiextensions.k8s.io/CustomResourceDefinition/wheels.example.com", "Sync -1 create example.com/Wheel/front",
		}},
		"a hook stays in its phase": {together(strings.Replace(namespace, "sync-wave", "hook: PostSync, x", 1), inside), []string{
			"Sync -2 create ConfigMap/other/a", "PostSync 0 run Namespace/other",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newFixture().plan(t, test.text)
			expectSteps(t, p, test.want...)
			for _, c := range p.Changes {
				needs := c.Ref.Kind == "ConfigMap" || c.Ref.Kind == "Wheel"
				if name != "a hook stays in its phase" && needs != (len(c.Needs) == 1) {
					t.Errorf("%s needs %v", c.Ref, c.Needs)
				}
			}
		})
	}
}

// TestAppsThatComeAreMadeBeforeOthersGo has a child that gets another name, in a
// later wave than it had.
func TestAppsThatComeAreMadeBeforeOthersGo(t *testing.T) {
	const child = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s, namespace: shop, annotations: {argocd.argoproj.io/sync-wave: %q%s}}"
	f := newFixture()
	f.Put(t, fmt.Sprintf(child, "one", "1", `, argocd.argoproj.io/tracking-id: "web:argoproj.io/Application:shop/one"`))
	expectSteps(t, f.plan(t, fmt.Sprintf(child, "uno", "3", "")),
		"Sync 3 prune argoproj.io/Application/shop/one", "Sync 3 create argoproj.io/Application/shop/uno")
}

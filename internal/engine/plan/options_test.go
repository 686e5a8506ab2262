package plan_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// What asks to be kept is kept whatever its case, and a sync option that there is not
// is told.
func TestOptionsWithASlip(t *testing.T) {
	const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {%s}}\n"
	for annotation, keeps := range map[string]bool{
		`argocd.argoproj.io/sync-options: Prune=False`:    true,
		`argocd.argoproj.io/sync-options: "prune= false"`: true,
		`helm.sh/resource-policy: KEEP`:                   true,
		`helm.sh/resource-policy: " Keep"`:                true,
		`argocd.argoproj.io/sync-options: Prune=no`:       true,
		`argocd.argoproj.io/sync-options: Prunes=no`:      true,
		`argocd.argoproj.io/sync-options: Pruned=no`:      false,
		`helm.sh/resource-policy: kept`:                   false,
	} {
		f := newFixture()
		declared := strings.Replace(text, "%s", annotation, 1)
		warns := strings.Contains(annotation, "=no")
		if p := f.plan(t, declared); len(p.Warnings) > 0 != warns || warns && !strings.Contains(p.Warnings[0].Message, "ConfigMap/shop/a (Prune") {
			t.Errorf("%s: %v", annotation, p.Warnings)
		}
		f.sync(t, declared)
		if c := change(t, f.plan(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"), "a"); (c.Action == syncline.Retain) != keeps {
			t.Errorf("%s: %s, %s", annotation, c.Action, c.Why)
		}
	}
}

// An annotation with a slip in its key is told with the right key, and what it was to keep
// is kept: from a prune, and a hook's object from its next run.
func TestAnnotationsWithASlip(t *testing.T) {
	const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {%s}}\n"
	for annotation, want := range map[string]struct {
		told  string
		keeps bool
	}{
		`argocd.argoproj.io/sync-option: Prune=false`: {"ConfigMap/shop/a (argocd.argoproj.io/sync-option: did you mean argocd.argoproj.io/sync-options?)", true},
		`argoproj.io/sync-options: Prune=False`:       {"ConfigMap/shop/a (argoproj.io/sync-options: did you mean argocd.argoproj.io/sync-options?)", true},
		`helm.sh/resource-policies: keep`:             {"ConfigMap/shop/a (helm.sh/resource-policies: did you mean helm.sh/resource-policy?)", true},
		`argocd.argoproj.io/sync-waves: "3"`:          {"ConfigMap/shop/a (argocd.argoproj.io/sync-waves: did you mean argocd.argoproj.io/sync-wave?)", false},
		`example.com/sync-options: Prune=false`:       {"", false},
	} {
		f := newFixture()
		declared := strings.Replace(text, "%s", annotation, 1)
		if want.told == "" {
			if p := f.plan(t, declared); len(p.Warnings) > 0 {
				t.Errorf("%s: %v", annotation, p.Warnings)
			}
		} else {
			expectWarning(t, f.plan(t, declared), syncline.AnnotationWarning, want.told)
		}
		f.sync(t, declared)
		if c := change(t, f.plan(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"), "a"); (c.Action == syncline.Retain) != want.keeps {
			t.Errorf("%s: %s, %s", annotation, c.Action, c.Why)
		}
	}
}

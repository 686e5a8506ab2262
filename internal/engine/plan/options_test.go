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
		`argocd.argoproj.io/sync-options: Prune=no`:       false,
		`helm.sh/resource-policy: kept`:                   false,
	} {
		f := newFixture()
		declared := strings.Replace(text, "%s", annotation, 1)
		warns := strings.Contains(annotation, "=no")
		if p := f.plan(t, declared); len(p.Warnings) > 0 != warns || warns && !strings.Contains(p.Warnings[0].Message, "ConfigMap/shop/a (Prune=no)") {
			t.Errorf("%s: %v", annotation, p.Warnings)
		}
		f.sync(t, declared)
		if c := change(t, f.plan(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"), "a"); (c.Action == syncline.Retain) != keeps {
			t.Errorf("%s: %s, %s", annotation, c.Action, c.Why)
		}
	}
}

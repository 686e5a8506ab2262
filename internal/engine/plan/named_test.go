package plan_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// What Argo CD tracked by the label alone is shown when it has left the source, as far as the
// App's status lists it, and is never pruned: the label proves nothing.
func TestWhatOnlyALabelNames(t *testing.T) {
	const labelled = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left, namespace: shop, labels: {app.kubernetes.io/instance: web}}"
	ref := syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "left"}
	for name, test := range map[string]struct {
		live     string
		recorded bool
		declared string
		shown    bool
	}{
		"is shown":                       {live: labelled, recorded: true, shown: true},
		"but is declared":                {live: labelled, recorded: true, declared: labelled},
		"but was never the App's":        {live: labelled},
		"but is another's by its label":  {live: strings.Replace(labelled, "web", "other", 1), recorded: true},
		"but is another's by annotation": {live: strings.Replace(labelled, "labels", `annotations: {argocd.argoproj.io/tracking-id: "other:/ConfigMap:shop/left"}, labels`, 1), recorded: true},
		"but is a hook":                  {live: strings.Replace(labelled, "labels", `annotations: {argocd.argoproj.io/hook: Sync}, labels`, 1), recorded: true},
		"but bears no mark":              {live: strings.Replace(labelled, "app.kubernetes.io/instance", "app", 1), recorded: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.Put(t, test.live)
			if test.recorded {
				f.app.Past.Objects = []syncline.ObjectReport{{Ref: ref, Version: "v1"}, {Ref: ref, Version: "v1"}}
			}
			f.app.Policy.Prune = true
			count := 0
			for _, c := range f.plan(t, test.declared).Changes {
				if c.Ref != ref || !c.Desired.IsZero() {
					continue
				}
				if count++; c.Action != syncline.Retain || !c.Claimed || c.Differs() || !strings.Contains(c.Why, "only a person can tell") {
					t.Errorf("got %+v", c)
				}
			}
			if want := map[bool]int{true: 1}[test.shown]; count != want {
				t.Errorf("it is shown %d times", count)
			}
		})
	}
}

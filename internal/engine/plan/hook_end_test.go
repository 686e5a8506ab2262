package plan_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
)

// What a hook asks for and is not done is told.
func TestHooksThatDoNotRunAreTold(t *testing.T) {
	for annotations, test := range map[string]struct {
		warning   string
		pre, post int
	}{
		"argocd.argoproj.io/hook: PreDelete":                      {"PreDelete are not supported yet: batch/Job/shop/j", 1, 0},
		"argocd.argoproj.io/hook: PostDelete":                     {"PostDelete are not supported yet: batch/Job/shop/j", 0, 1},
		`argocd.argoproj.io/hook: "PreSync, PreDelete"`:           {"PreDelete are not supported yet: batch/Job/shop/j", 1, 0},
		"helm.sh/hook: pre-delete":                                {"PreDelete are not supported yet: batch/Job/shop/j", 1, 0},
		`helm.sh/hook: "post-install,post-delete"`:                {"PostDelete are not supported yet: batch/Job/shop/j", 0, 1},
		"argocd.argoproj.io/hook: Presync":                        {"batch/Job/shop/j (argocd.argoproj.io/hook: Presync)", 0, 0},
		`argocd.argoproj.io/hook: "PostSync,post-sync"`:           {"batch/Job/shop/j (argocd.argoproj.io/hook: post-sync)", 0, 0},
		"argocd.argoproj.io/hook: " + strings.Repeat("x", 1000):   {"xxx…)", 0, 0},
		"helm.sh/hook: preinstall":                                {"batch/Job/shop/j (helm.sh/hook: preinstall)", 0, 0},
		"argocd.argoproj.io/hook: PostSync":                       {},
		"argocd.argoproj.io/hook: Skip":                           {},
		"argocd.argoproj.io/hook: Skip, helm.sh/hook: pre-delete": {},
		"helm.sh/hook: test":                                      {},
		"helm.sh/hook: pre-rollback":                              {},
		`helm.sh/hook: "pre-install,crd-install"`:                 {},
	} {
		t.Run(annotations[:min(60, len(annotations))], func(t *testing.T) {
			p := newFixture().plan(t, job("name: j", annotations))
			if len(p.PreDelete) != test.pre || len(p.PostDelete) != test.post {
				t.Errorf("hooks of PreDelete are %v, of PostDelete %v", p.PreDelete, p.PostDelete)
			}
			if test.warning != "" {
				expectWarning(t, p, syncline.HookWarning, test.warning)
			} else if len(p.Warnings) > 0 {
				t.Errorf("it warns: %+v", p.Warnings)
			}
		})
	}
}

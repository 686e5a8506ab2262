package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
)

// What the control plane writes by definition is not declared: each manifest has
// to ask for the same as the one beside it.
func TestWhatTheControlPlaneWritesIsNotDeclared(t *testing.T) {
	webhook := func(bundle string) string {
		return `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: a},
			webhooks: [{name: a.example.com, clientConfig: {url: "https://a"` + bundle + `}}]}`
	}
	role := func(text string) string {
		return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: a}` + text + `}`
	}
	service := func(text string) string {
		return `{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {` + text + `}}`
	}
	token := func(text string) string {
		return `{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: a}` + text + `}`
	}
	for name, test := range map[string]struct{ declared, same string }{
		"rules of an aggregated role":       {role(`, aggregationRule: {clusterRoleSelectors: [{}]}, rules: []`), role(`, aggregationRule: {clusterRoleSelectors: [{}]}`)},
		"null rules of an aggregated role":  {role(`, aggregationRule: {clusterRoleSelectors: [{}]}, rules: [{verbs: [get]}]`), role(`, aggregationRule: {clusterRoleSelectors: [{}]}`)},
		"rules of a role":                   {role(`, rules: []`), role(`, rules: []`)},
		"an address to come":                {service(`clusterIP: "", clusterIPs: [], ports: [{port: 80, nodePort: 0}]`), service(`ports: [{port: 80}]`)},
		"an address that is asked for":      {service(`clusterIP: None, ports: [{port: 80, nodePort: 30080}]`), service(`clusterIP: None, ports: [{port: 80, nodePort: 30080}]`)},
		"a certificate to come":             {webhook(`, caBundle: ""`), webhook(``)},
		"a line break for a certificate":    {webhook(`, caBundle: Cg==`), webhook(``)},
		"a certificate that is declared":    {webhook(`, caBundle: YQ==`), webhook(`, caBundle: YQ==`)},
		"a token":                           {token(`, data: {token: YQ==, extra: YQ==}`), token(`, data: {extra: YQ==}`)},
		"a key of another Secret":           {`{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {token: YQ==}}`, `{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {token: YQ==}}`},
		"the moment of an earlier deletion": {`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 0}}`, `{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}`},
		"a count of rollouts": {
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, annotations: {deployment.kubernetes.io/revision: "7", b: c}}}`,
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, annotations: {b: c}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			desired := func(text string) map[string]any {
				f := newFixture()
				f.Serve(schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}, syncline.ClusterScoped)
				return f.plan(t, text).Changes[0].Desired.Reveal().Object
			}
			if diff := cmp.Diff(desired(test.same), desired(test.declared)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

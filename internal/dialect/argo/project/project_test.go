package project_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRead(t *testing.T) {
	got, err := project.Read(parse(t, `
metadata: {name: shop, namespace: argocd}
spec:
  description: the shop
  sourceRepos: ['https://git.example.com/*', '!https://git.example.com/secret']
  sourceNamespaces: [shop-*]
  destinations: [{server: '*', namespace: shop}, {name: in-cluster, namespace: '!kube-system'}]
  clusterResourceWhitelist: [{group: '', kind: Namespace, name: shop-*}]
  clusterResourceBlacklist: [{group: rbac.authorization.k8s.io, kind: '*'}]
  namespaceResourceWhitelist: [{group: apps, kind: '*'}]
  namespaceResourceBlacklist: [{group: '', kind: Secret}]
  roles: [{name: dev, policies: ['p, proj:shop:dev, applications, get, shop/*, allow'], jwtTokens: [{iat: 1}]}]
  orphanedResources: {warn: false, ignore: [{kind: ConfigMap}]}
status: {jwtTokensByRole: {dev: {items: [{iat: 1}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := syncline.Project{
		Name:        "shop",
		SourceRepos: []upstream.Pattern{upstream.PatternOf("https://git.example.com/*"), upstream.PatternOf("!https://git.example.com/secret")},
		Destinations: []syncline.DestinationRule{
			syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "shop"}),
			syncline.NewDestinationRule(syncline.Destination{Name: "in-cluster", Namespace: "!kube-system"}),
		},
		ClusterAllow:   []syncline.KindRule{syncline.NewKindRule("", "Namespace", "shop-*")},
		ClusterDeny:    []syncline.KindRule{syncline.NewKindRule("rbac.authorization.k8s.io", "*", "")},
		NamespaceAllow: []syncline.KindRule{syncline.NewKindRule("apps", "*", "")},
		NamespaceDeny:  []syncline.KindRule{syncline.NewKindRule("", "Secret", "")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}

// TestAServerWithASlash is the same cluster, also where it is denied.
func TestAServerWithASlash(t *testing.T) {
	for _, server := range []string{"https://kubernetes.default.svc/", "https://kubernetes.default.svc", "!https://kubernetes.default.svc/"} {
		read, err := project.Read(&unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "p", "namespace": "argocd"},
			"spec":     map[string]any{"destinations": []any{map[string]any{"server": server, "namespace": "*"}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if rule := read.Destinations[0]; !rule.Server.Matches("https://kubernetes.default.svc") || rule.Denies != (server[0] == '!') {
			t.Errorf("%s: the rule is %+v", server, rule)
		}
	}
}

// An absent namespaceResourceWhitelist allows all kinds, an empty one none.
func TestReadKeepsEmptyApartFromAbsent(t *testing.T) {
	absent, _ := project.Read(parse(t, `{metadata: {name: a}, spec: {}}`))
	empty, _ := project.Read(parse(t, `{metadata: {name: a}, spec: {namespaceResourceWhitelist: []}}`))
	if absent.NamespaceAllow != nil || empty.NamespaceAllow == nil {
		t.Errorf("absent is %#v, want nil; empty is %#v, want empty", absent.NamespaceAllow, empty.NamespaceAllow)
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct{ name, spec, want string }{
		{"a list that is none", `sourceRepos: '*'`, "AppProject shop: spec.sourceRepos is a text: it has to be a list"},
		{"a rule that is none", `clusterResourceBlacklist: [Namespace]`, "spec.clusterResourceBlacklist is a text: it has to be an object"},
		{"a schedule", `syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h}, {kind: deny, schedule: '* * * *', duration: 1h}]`, `AppProject shop: spec.syncWindows[1]: schedule "* * * *"`},
		{"a window that neither allows nor denies", `syncWindows: [{schedule: '* * * * *', duration: 1h}]`, `spec.syncWindows[0]: kind "" is neither allow nor deny`},
		{"a time zone", `syncWindows: [{kind: allow, schedule: '* * * * *', duration: 1h, timeZone: Berlin}]`, `spec.syncWindows[0]: time zone "Berlin" is not known`},
		{"a pattern of a window", `syncWindows: [{kind: allow, schedule: '* * * * *', duration: 1h, applications: ['{']}]`, "has what cannot be read"},
		{"no service account", `destinationServiceAccounts: [{server: '*'}]`, `AppProject shop: spec.destinationServiceAccounts[0]: "" is neither the name`},
		{"a name that is none", `destinationServiceAccounts: [{server: '*', defaultServiceAccount: a}, {server: '*', defaultServiceAccount: '*'}]`, "spec.destinationServiceAccounts[1]"},
		{"three parts", `destinationServiceAccounts: [{server: '*', defaultServiceAccount: 'a:b:c'}]`, "spec.destinationServiceAccounts[0]"},
		{"a path", `destinationServiceAccounts: [{server: '*', defaultServiceAccount: '../x'}]`, "spec.destinationServiceAccounts[0]"},
		{"a denial of accounts", `destinationServiceAccounts: [{server: '!x', defaultServiceAccount: a}]`, `"!" denies nothing here`},
		{"a pattern of accounts", `destinationServiceAccounts: [{server: '{', defaultServiceAccount: a}]`, "has what cannot be read"},
		{"a short key ID", `signatureKeys: [{keyID: '3AFDEB23'}]`, `spec.signatureKeys: "3AFDEB23" is no name of a key`},
		{"a mode that is none", `sourceIntegrity: {git: {policies: [{repos: [{url: '*'}], gpg: {mode: all}}]}}`, `spec.sourceIntegrity.git.policies[0]: mode "all" is neither none, head nor strict`},
		{"no way to verify", `sourceIntegrity: {git: {policies: [{repos: [{url: '*'}]}]}}`, `policies[0]: mode "" is neither`},
		{"a pattern of a policy", `sourceIntegrity: {git: {policies: [{repos: [{url: 'https://x/{'}], gpg: {mode: none}}]}}`, "is not a pattern of repositories"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := parse(t, `metadata: {name: shop}`)
			u.Object["spec"] = parse(t, test.spec).Object
			got, err := project.Read(u)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if kind := syncline.KindOf(err); kind != syncline.Invalid {
				t.Errorf("kind is %q, want %q", kind, syncline.Invalid)
			}
			if diff := cmp.Diff(syncline.Project{}, got); diff != "" {
				t.Errorf("a refused project allows something: %s", diff)
			}
		})
	}
}

func TestDefaultAllowsEverything(t *testing.T) {
	u := project.Default("argocd")
	if u.GetNamespace() != "argocd" || u.GetAPIVersion() != "argoproj.io/v1alpha1" || u.GetKind() != "AppProject" {
		t.Errorf("made %s %s in %s", u.GetAPIVersion(), u.GetKind(), u.GetNamespace())
	}
	got, err := project.Read(u)
	if err != nil {
		t.Fatal(err)
	}
	want := syncline.Project{
		Name:         "default",
		SourceRepos:  []upstream.Pattern{upstream.PatternOf("*")},
		Destinations: []syncline.DestinationRule{syncline.NewDestinationRule(syncline.Destination{Server: "*", Namespace: "*"})},
		ClusterAllow: []syncline.KindRule{syncline.NewKindRule("*", "*", "")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("default project (-want +got):\n%s", diff)
	}
}

// A sync window is read field by field.
func TestWindows(t *testing.T) {
	u := parse(t, `metadata: {name: shop}`)
	u.Object["spec"] = parse(t, `{syncWindows: [
		{kind: allow, schedule: '0 8 * * 1-5', duration: 10h, timeZone: Europe/Berlin, applications: ['*-web'], manualSync: true},
		{kind: deny, schedule: '0 0 * * *', duration: 30m, namespaces: [shop], clusters: [in-cluster], andOperator: true, syncOverrun: true}]}`).Object
	got, err := project.Read(u)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Windows) != 2 {
		t.Fatalf("got %d windows", len(got.Windows))
	}
	allow, deny := got.Windows[0], got.Windows[1]
	if open, until := allow.At(time.Date(2026, 7, 1, 6, 0, 0, 0, time.UTC)); !open || !until.Equal(time.Date(2026, 7, 1, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("at 8 in Berlin it is open: %t until %s", open, until)
	}
	if allow.Denies || !allow.Manual || allow.Overrun || !allow.Concerns("shop-web", "x", "y") || allow.Concerns("shop-api", "x", "y") {
		t.Errorf("the one that allows is %+v", allow)
	}
	if !deny.Denies || deny.Manual || !deny.Overrun || !deny.Concerns("x", "shop", "in-cluster", "y") || deny.Concerns("x", "shop", "y") {
		t.Errorf("the one that denies is %+v", deny)
	}
}

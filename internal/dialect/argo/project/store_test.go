package project_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/dialect/argo/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Kind{
		Open: func(changed func()) storetest.Opened {
			store := project.NewStore()
			store.Changed = func(name string) {
				if name != "shop" {
					t.Errorf("a change of %q is told", name)
				}
				changed()
			}
			return storetest.Opened{Store: store, Held: store.Held, Read: func() string {
				found, err := store.Project("shop")
				return fmt.Sprint(found.SourceRepos, err)
			}}
		},
		One:    parse(t, `{metadata: {name: shop, namespace: argocd}, spec: {sourceRepos: ['https://git.example.com/*']}}`),
		Other:  parse(t, `{metadata: {name: shop, namespace: argocd}, spec: {sourceRepos: ['https://git.example.com/shop']}}`),
		Broken: parse(t, `{metadata: {name: shop, namespace: argocd}, spec: {sourceRepos: '*'}}`),
	})
}

// What the engine does not read of a project makes nobody due.
func TestAStatusIsNoChange(t *testing.T) {
	store := project.NewStore()
	told := 0
	store.Changed = func(string) { told++ }
	for _, status := range []string{``, `, status: {jwtTokensByRole: {dev: {items: [{iat: 1}]}}}`} {
		if err := store.Put(parse(t, `{metadata: {name: shop}, spec: {description: d}`+status+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	if told != 1 {
		t.Errorf("%d changes are told, want that it came", told)
	}
}

// The accounts of projects count when they are to, and all projects are told of that.
func TestImpersonate(t *testing.T) {
	store := project.NewStore()
	told := 0
	store.Changed = func(string) { told++ }
	u := parse(t, `metadata: {name: shop, namespace: argocd}`)
	u.Object["spec"] = parse(t, `destinationServiceAccounts: [{server: '*', namespace: '*', defaultServiceAccount: dev}]`).Object
	if err := store.Put(u); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		mode     project.Impersonation
		accounts int
		only     bool
		told     int
	}{
		{project.Impersonation{}, 0, false, 1},
		{project.Impersonation{Enforced: true}, 0, false, 2},
		{project.Impersonation{Enabled: true, Enforced: true}, 1, true, 3},
		{project.Impersonation{Enabled: true, Enforced: true}, 1, true, 3},
		{project.Impersonation{Enabled: true}, 1, false, 4},
	} {
		store.Impersonate(step.mode)
		got, err := store.Project("shop")
		if err != nil || len(got.Accounts) != step.accounts || got.AccountsOnly != step.only || told != step.told {
			t.Errorf("%+v: %d accounts, only these: %t, told %d times (%v), want %+v", step.mode, len(got.Accounts), got.AccountsOnly, told, err, step)
		}
	}
}

// Projects inherit the lists of a global project, and are told of what changes there.
func TestInherit(t *testing.T) {
	store := project.NewStore()
	told := map[string]int{}
	store.Changed = func(name string) { told[name]++ }
	put := func(name, labels, spec string) {
		t.Helper()
		u := parse(t, `metadata: {name: `+name+`, namespace: argocd, labels: `+labels+`}`)
		u.Object["spec"] = parse(t, spec).Object
		_ = store.Put(u) // a broken one says so below
	}
	put("shop", `{team: a}`, `{sourceRepos: ['https://git.example/shop'], clusterResourceWhitelist: [{group: '', kind: Namespace}]}`)
	put("other", `{team: b}`, `{}`)
	global := `{sourceRepos: ['https://git.example/common'], destinations: [{server: '*', namespace: common}],
		clusterResourceBlacklist: [{group: '*', kind: Secret}], namespaceResourceWhitelist: [{group: '', kind: ConfigMap}],
		syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h, applications: ['*']}]}`
	put("global", `{team: a}`, global)
	if err := store.Inherit(`[{projectName: global, labelSelector: {matchLabels: {team: a}}}]`); err != nil {
		t.Fatal(err)
	}

	got, err := store.Project("shop")
	if err != nil || len(got.SourceRepos) != 2 || len(got.Destinations) != 1 || len(got.ClusterAllow) != 1 || len(got.ClusterDeny) != 1 ||
		len(got.NamespaceAllow) != 1 || len(got.NamespaceDeny) != 0 || len(got.Windows) != 1 {
		t.Errorf("it inherits %+v (%v)", got, err)
	}
	if got, err := store.Project("other"); err != nil || len(got.SourceRepos) != 0 || got.NamespaceAllow != nil {
		t.Errorf("who is not selected inherits %+v (%v)", got, err)
	}
	if got, err := store.Project("global"); err != nil || len(got.SourceRepos) != 1 {
		t.Errorf("it inherits from itself: %+v (%v)", got, err)
	}

	clear(told)
	put("global", `{team: a}`, `{sourceRepos: 7}`)
	if _, err := store.Project("shop"); syncline.KindOf(err) != syncline.Invalid || told["shop"] != 1 {
		t.Errorf("a global project that cannot be read: %v, told %v", err, told)
	}
	clear(told)
	store.Delete(types.NamespacedName{Namespace: "argocd", Name: "global"})
	if _, err := store.Project("shop"); syncline.KindOf(err) != syncline.Invalid || told["shop"] != 1 {
		t.Errorf("a global project that is gone: %v, told %v", err, told)
	}
	if _, err := store.Project("other"); err != nil {
		t.Error(err)
	}
	for _, broken := range []string{`7`, `[{projectName: ''}]`, `[{projectName: a, labelSelectors: {}}]`, `[{projectName: a, labelSelector: {matchExpressions: [{key: a, operator: Like}]}}]`} {
		clear(told)
		if err := store.Inherit(broken); syncline.KindOf(err) != syncline.Invalid || told["other"] != 1 {
			t.Errorf("%s: %v, told %v", broken, err, told)
		}
		if _, err := store.Project("other"); syncline.KindOf(err) != syncline.Invalid {
			t.Errorf("%s: of a project that may inherit something is delivered: %v", broken, err)
		}
	}
	if err := store.Inherit(""); err != nil {
		t.Fatal(err)
	}
	if got, err := store.Project("shop"); err != nil || len(got.SourceRepos) != 1 {
		t.Errorf("nothing is inherited any more, but %+v (%v)", got, err)
	}
}

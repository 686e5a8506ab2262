package project_test

import (
	"fmt"
	"testing"

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

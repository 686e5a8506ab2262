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

package repository_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Kind{
		Open: func(changed func()) storetest.Opened {
			store := repository.NewStore()
			store.Changed = func([]repository.Concern) { changed() }
			return storetest.Opened{Store: store, Held: store.Held, Read: func() string {
				found := store.For(upstream.AddressOf("https://git.example/team/app"), "")
				return fmt.Sprint(found.Username, found.Declared)
			}}
		},
		One:    secret("s", "repository", map[string]string{"url": "https://git.example/team/app", "username": "one", "password": "p"}),
		Other:  secret("s", "repo-creds", map[string]string{"url": "https://git.example/team", "username": "other", "password": "p"}),
		Broken: secret("s", "repository", map[string]string{"url": "\x00"}),
	})
}

// A Secret that is about something else now is told with both.
func TestConcerns(t *testing.T) {
	store := repository.NewStore()
	var told []repository.Concern
	store.Changed = func(concerns []repository.Concern) { told = append(told, concerns...) }
	for _, step := range []struct {
		name string
		do   func() error
		want []repository.Concern
	}{
		{"it comes", func() error {
			return store.Put(secret("s", "repository", map[string]string{"url": "https://git.example/a"}))
		}, []repository.Concern{{Repository: "https://git.example/a"}}},
		{"it is about something else", func() error {
			return store.Put(secret("s", "repo-creds", map[string]string{"url": "https://git.example/b"}))
		}, []repository.Concern{{Repository: "https://git.example/a"}, {Repository: "https://git.example/b/", Template: true}}},
		{"it goes", func() error {
			store.Delete(types.NamespacedName{Namespace: "argocd", Name: "s"})
			return nil
		}, []repository.Concern{{Repository: "https://git.example/b/", Template: true}}},
	} {
		told = nil
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, step.want) {
			t.Errorf("%s: told are %v, want %v", step.name, told, step.want)
		}
	}
}

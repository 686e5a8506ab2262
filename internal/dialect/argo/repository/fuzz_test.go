package repository_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
)

// Whatever a Secret says of a repository, and whatever an App calls it.
func FuzzRepositorySecret(f *testing.F) {
	f.Add("repo-creds", "https://git.example/team", "red", "username", "x", "https://git.example/team/app")
	f.Add("repository", "https://u:p@git.example:99999/../a", "", "sshPrivateKey", "-----BEGIN", "git@git.example:a")
	f.Add("repository", "\x00", "*", "proxy", "http://%zz", "")
	f.Fuzz(func(t *testing.T, kind, url, project, field, value, address string) {
		bound.Limits{}.Run(t, func() {
			store := repository.NewStore()
			u := secret("s", kind, map[string]string{"url": url, "project": project, field: value})
			if err := store.Put(u); err == nil {
				store.For(upstream.AddressOf(address), project)
			}
			store.Delete(types.NamespacedName{Namespace: "argocd", Name: "s"})
		})
	})
}

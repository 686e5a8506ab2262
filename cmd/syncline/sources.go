package main

import (
	"slices"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// newSources joins what yields the files of sources: Git repositories, reached
// as their Secrets say.
func newSources(store *git.Store, repositories *repository.Store, options source.Options) (*source.Stage, *source.Resolver) {
	resolver := source.NewResolver(store, options)
	return source.New(resolver, store, credentials{repositories}), resolver
}

// credentials are those of the repository Secrets.
type credentials struct{ repositories *repository.Store }

// Repository returns how an App of the project reaches the repository at url.
func (c credentials) Repository(project, url string) (syncline.Repository, error) {
	return c.repositories.For(url, project), nil
}

// uses reports whether an App reads the repository of that key.
func uses(app syncline.App, repoKey string) bool {
	return slices.ContainsFunc(app.Sources, func(s syncline.Source) bool { return syncline.RepoKey(s.RepoURL) == repoKey })
}

// usesPrefix reports whether an App reads a repository whose key begins so.
func usesPrefix(app syncline.App, prefix string) bool {
	return slices.ContainsFunc(app.Sources, func(s syncline.Source) bool {
		return strings.HasPrefix(syncline.RepoKey(s.RepoURL), prefix)
	})
}

package main

import (
	"slices"

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

// Repository returns how an App of the project reaches the repository at an address.
func (c credentials) Repository(project string, address syncline.Address) (syncline.Repository, error) {
	return c.repositories.For(address, project), nil
}

// polls reports whether the repository of that key is to be asked by itself: an
// App reads it that its project lets.
func (a *agent) polls(key string) bool {
	return slices.ContainsFunc(a.apps.OfRepository(key), func(id syncline.AppID) bool {
		app, known := a.apps.App(id)
		return known && a.loop.Engine.Permits(app)
	})
}

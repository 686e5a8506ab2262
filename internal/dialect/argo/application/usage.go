package application

import (
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/catalog"
)

// Usage says who needs which repositories, for whoever asks them for news.
type Usage struct {
	Apps *catalog.Apps
	// Reach returns how a project reaches the repository at an address, with what is
	// known of it now.
	Reach func(address upstream.Address, project string) upstream.Repository
	// Permits reports whether its project lets an App be.
	Permits func(app syncline.App) bool
}

// Owners returns the projects whose Apps reach a repository in that way.
func (u Usage) Owners(repo upstream.Repository) []string {
	var projects []string
	for _, way := range u.Apps.Ways(repo.Address.Key()) {
		if u.takes(way, repo.Access()) && !slices.Contains(projects, way.Project) {
			projects = append(projects, way.Project)
		}
	}
	return projects
}

// takes reports whether a way reaches its repository so.
func (u Usage) takes(way catalog.Way, access upstream.Access) bool {
	return u.Reach(way.Address, way.Project).Access() == access
}

// Uses reports whether an App that its project lets reaches a repository in that way.
func (u Usage) Uses(repo upstream.Repository) bool {
	access, key := repo.Access(), repo.Address.Key()
	same := func(way catalog.Way) bool { return u.takes(way, access) }
	if !slices.ContainsFunc(u.Apps.Ways(key), same) {
		return false
	}
	return slices.ContainsFunc(u.Apps.OfRepository(key), func(id syncline.AppID) bool {
		app, known := u.Apps.App(id)
		return known && u.Permits(app) && slices.ContainsFunc(u.Apps.Reads(id), func(source syncline.Source) bool {
			address := source.Address()
			return address.Key() == key && same(catalog.Way{Project: app.Project, Address: address})
		})
	})
}

// Declared returns the sources that Apps declare in the repository of that key, or are
// given from there.
func (u Usage) Declared(repoKey string) []syncline.Source {
	var sources []syncline.Source
	for _, id := range u.Apps.OfRepository(repoKey) {
		for _, source := range u.Apps.Reads(id) {
			if address := source.Address(); address.Key() == repoKey {
				sources = append(sources, source)
			}
		}
	}
	return sources
}

package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// newSources joins what yields the files of sources: Git repositories, reached
// as their Secrets say.
func newSources(store *git.Store, known *credentials, options source.Options) (*source.Stage, *source.Resolver) {
	fetchers := source.Fetchers{syncline.SourceGit: source.NewGit(store, store)}
	resolver := source.NewResolver(fetchers, options)
	return source.New(resolver, known), resolver
}

var _ source.Refresher = (*credentials)(nil)

// credentials are those of the repository Secrets.
type credentials struct {
	repositories *repository.Store
	// list looks at all Secrets again. Default: what is known is all there is.
	list func(ctx context.Context) error

	mu     sync.Mutex
	listed time.Time
}

// Repository returns how an App of the project reaches the repository at an address.
func (c *credentials) Repository(project string, address syncline.Address) (syncline.Repository, error) {
	return c.repositories.For(address, project), nil
}

// refreshPause is how long after a list the next one comes at the earliest: the
// watch tells what is made in between, and whoever may name addresses cannot keep
// the API server busy.
const refreshPause = 2 * time.Second

// Refresh lists the Secrets anew: one that was made before an Application may be
// told by its watch after the Application is told by another.
func (c *credentials) Refresh(ctx context.Context) {
	if c.list == nil {
		return
	}
	c.mu.Lock()
	began := time.Now()
	if began.Sub(c.listed) < refreshPause {
		c.mu.Unlock()
		return
	}
	c.listed = began
	c.mu.Unlock()
	if err := c.list(ctx); err != nil {
		slog.Warn("the repository Secrets could not be listed", "err", err)
	}
}

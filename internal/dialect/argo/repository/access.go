package repository

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/policy"
)

// Projects knows the projects.
type Projects interface {
	// Project returns the project of that name, or a NotFound error.
	Project(name string) (syncline.Project, error)
}

// Access says how Apps reach repositories, by the Secrets of a Store.
type Access struct {
	Store *Store
	// Trust says which servers are trusted. Default: those that the system trusts.
	Trust *Trust
	// Projects say which repositories may be read that others name. Default: all.
	Projects Projects
	// List puts all Secrets into the Store anew. Default: what is known is all there is.
	List func(ctx context.Context) error

	mu     sync.Mutex
	listed time.Time
}

// Repository returns how an App of the project reaches the repository at an address, and
// by its Others those that this one names: with what their own Secrets say.
func (a *Access) Repository(project string, address upstream.Address) (upstream.Repository, error) {
	repository := a.Store.For(address, project)
	if a.Trust != nil {
		repository = a.Trust.of(repository)
	}
	repository.Others = func(address upstream.Address) (upstream.Repository, error) {
		if err := a.permits(project, address); err != nil {
			return upstream.Repository{}, err
		}
		return a.Repository(project, address)
	}
	return repository, nil
}

// permits says why a project may not read a repository that another one names.
func (a *Access) permits(name string, address upstream.Address) error {
	if a.Projects == nil {
		return nil
	}
	project, err := a.Projects.Project(name)
	if err != nil {
		return err
	}
	return policy.CheckSource(project, address)
}

// refreshPause is how long after a list the next one comes at the earliest: the
// watch tells what is made in between, and whoever may name addresses cannot keep
// the API server busy.
const refreshPause = 2 * time.Second

// Refresh lists the Secrets anew: one that was made before an Application may be
// told by its watch after the Application is told by another.
func (a *Access) Refresh(ctx context.Context) {
	if a.List == nil {
		return
	}
	a.mu.Lock()
	began := time.Now()
	if began.Sub(a.listed) < refreshPause {
		a.mu.Unlock()
		return
	}
	a.listed = began
	a.mu.Unlock()
	if err := a.List(ctx); err != nil {
		slog.Warn("the repository Secrets could not be listed", "err", err)
	}
}

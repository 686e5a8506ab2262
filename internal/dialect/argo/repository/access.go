package repository

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Access says how Apps reach repositories, by the Secrets of a Store.
type Access struct {
	Store *Store
	// List puts all Secrets into the Store anew. Default: what is known is all there is.
	List func(ctx context.Context) error

	mu     sync.Mutex
	listed time.Time
}

// Repository returns how an App of the project reaches the repository at an address.
func (a *Access) Repository(project string, address upstream.Address) (upstream.Repository, error) {
	return a.Store.For(address, project), nil
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

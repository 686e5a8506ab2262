// Package contender runs what is compared: bare server-side apply, Syncline, and
// its peers. A contender delivers what a workload asks for; it measures nothing.
package contender

import (
	"context"
	"time"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// The names of the contenders.
const (
	NameFloor      = "floor"
	NameSyncline   = "syncline"
	NameFlux       = "flux"
	NameFluxNoWait = "flux-no-wait"
	NameArgo       = "argocd"
	NameArgoWide   = "argocd-50-25"
)

// Names returns them all.
func Names() []string {
	return []string{NameFloor, NameSyncline, NameFlux, NameFluxNoWait, NameArgo, NameArgoWide}
}

// Contender is a way to deliver apps.
type Contender interface {
	// Name is one of the names above.
	Name() string
	// Version says what was built.
	Version() string
	// Flags are those that it is started with.
	Flags() []string
	// Start starts it on a stage. It is ready and idle when Start returns.
	Start(ctx context.Context, s *stage.Stage) (Session, error)
}

// Session is a running contender.
type Session interface {
	// Agents are what the audit log calls it.
	Agents() []string
	// Processes are what it runs as; none when it runs in the driver.
	Processes() procfs.Forest
	// Declare asks for the apps to be delivered.
	Declare(ctx context.Context, apps []input.App) error
	// Synced waits until it says of each of the apps that the cluster is as
	// declared, and returns when the last was said.
	Synced(ctx context.Context, apps []input.App) (time.Time, error)
	// Settled waits until it has nothing left to say of the apps.
	Settled(ctx context.Context, apps []input.App) error
	// Stop ends it.
	Stop() error
}

// Refresher is a Session that can be told of a commit, as a webhook does.
type Refresher interface {
	Session
	// Refresh asks to look at the app's repository now.
	Refresh(ctx context.Context, app input.App) error
	// At waits until every one of the apps says that it is at the commit.
	At(ctx context.Context, apps []input.App, commit string) error
}

// Restarter is a Session that can be ended and started again.
type Restarter interface {
	Session
	// Known waits until so many apps are known to be synced, since the start.
	Known(ctx context.Context, apps int) (time.Time, error)
}

package cli

import (
	"context"

	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// Deps is what the command line is given by the program. A field that is nil
// makes the commands that need it say so.
type Deps struct {
	// Connect opens the way in.
	Connect func(ctx context.Context, connection access.Connection) (access.Backend, error)
	// Engine starts an engine of its own for one command.
	Engine   func(ctx context.Context, connection access.Connection) (access.Engine, error)
	Renderer access.Renderer
	// Server runs the agent until ctx is done.
	Server func(ctx context.Context, options access.ServerOptions) error
	// RenderWorker renders, JQWorker runs jq expressions, LuaWorker health rules.
	RenderWorker, JQWorker, LuaWorker Worker
	Version                           Version
	// Getenv looks up an environment variable; nil means that there are none.
	Getenv func(name string) string
}

// Version says what was built.
type Version struct {
	// Version is a release such as "v0.3.0", or "devel".
	Version string `json:"version"`
	// Commit is that of the source; empty when unknown.
	Commit string `json:"commit,omitempty"`
	// Go is the version of the compiler; Platform is OS/ARCH.
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

package main

import (
	"context"
	"io"
	"os"

	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/front/cli"
)

// dependencies is what the command line is given.
func dependencies() cli.Deps {
	return cli.Deps{
		Connect:  connectBackend,
		Engine:   startLocalEngine,
		Renderer: localRenderer{},
		Server:   serve,
		RenderWorker: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return render.Serve(ctx, in, out, tools())
		},
		JQWorker:  jq.Serve,
		LuaWorker: lua.Serve,
		Version:   version(),
		Getenv:    os.Getenv,
	}
}

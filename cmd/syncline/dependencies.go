package main

import (
	"context"
	"io"
	"os"

	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/render/worker"
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
		JQWorker: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return worker.Serve(ctx, in, out, removeFields)
		},
		LuaWorker: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return worker.Serve(ctx, in, out, newJudge())
		},
		Version: version(),
		Getenv:  os.Getenv,
	}
}

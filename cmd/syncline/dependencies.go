package main

import (
	"context"
	"io"
	"os"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/backend"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/helm"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/jsonnet"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kustomize"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/front/cli"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// dependencies is what the command line is given. Program is this program.
func dependencies(program string) cli.Deps {
	return cli.Deps{
		Connect: func(_ context.Context, connection access.Connection) (access.Backend, error) {
			cluster, err := connect(connection, "syncline-cli")
			if err != nil {
				return nil, err
			}
			return backend.New(cluster, connection.ControlPlane), nil
		},
		Engine: func(ctx context.Context, connection access.Connection) (access.Engine, error) {
			cluster, err := connect(connection, "syncline-cli")
			if err != nil {
				return nil, err
			}
			return backend.StartEngine(ctx, cluster, connection.ControlPlane, program)
		},
		Renderer: backend.Renderer{Program: program, Getenv: os.Getenv},
		Server:   func(ctx context.Context, options access.ServerOptions) error { return serve(ctx, options, program) },
		RenderWorker: func(ctx context.Context, in io.Reader, out io.Writer) error {
			return render.Serve(ctx, in, out, render.Tools{
				Helm: helm.Renderer{}, Kustomize: &kustomize.Renderer{}, Jsonnet: jsonnet.Renderer{}, Dialects: dialects(),
			})
		},
		JQWorker:  jq.Serve,
		LuaWorker: lua.Serve,
		Version:   version(),
		Getenv:    os.Getenv,
	}
}

// connect prepares the API server of a connection; it sends no request.
func connect(connection access.Connection, agent string) (*kube.Client, error) {
	config, err := kube.ReadConfig(connection.Kubeconfig, connection.Context)
	if err != nil {
		return nil, err
	}
	return kube.Connect(config, kube.Options{UserAgent: agent, Dialects: dialects()})
}

// dialects are those in which Apps are declared.
func dialects() syncline.Dialects { return syncline.Dialects{convention.Dialect()} }

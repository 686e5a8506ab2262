package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/helm"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/jsonnet"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/kustomize"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/health/rules"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/front/cli"
)

// gcPercent is how much may be allocated, of what is in use, until garbage is
// collected, unless GOGC says otherwise. Go's default of 100 takes a tenth less
// of processor time, and up to a tenth more memory.
const gcPercent = 50

// serve runs the agent until ctx is done.
func serve(ctx context.Context, options cli.ServerOptions) (err error) {
	if err := startLog(options); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	limitMemory(options)
	stopProfiles, err := startProfiles(options.ProfileDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfiles()) }()
	dir, remove, err := dataDir(options.DataDir)
	if err != nil {
		return err
	}
	defer remove()
	store, err := openMirrors(dir, options.Git)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	cluster, err := connect(options.Connection, "syncline")
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	pool := newRenderPool(program, options)
	defer pool.Close()
	if err := tellConfinement(ctx, pool); err != nil {
		return err
	}
	expressions := jq.NewPool(confined.Options{Command: []string{program, "jq-worker"}, Unconfined: options.AllowUnconfined})
	defer expressions.Close()
	scripts := lua.NewPool(confined.Options{Command: []string{program, "lua-worker"}, Unconfined: options.AllowUnconfined})
	defer scripts.Close()
	a := newAgent(options, cluster, store, workers{render.Confined{Pool: pool}, expressions, scripts})
	defer a.target.Close()
	defer a.resolver.Close()
	return a.run(ctx)
}

// newRenderPool returns the processes that render.
func newRenderPool(program string, options cli.ServerOptions) *confined.Pool {
	return confined.NewPool(confined.Options{
		Command: []string{program, "render-worker"}, Size: options.RenderWorkers,
		Memory: int64(options.RenderMemoryMiB) << 20, Timeout: time.Duration(options.RenderSeconds) * time.Second,
		Unconfined: options.AllowUnconfined,
		Remedies: confined.Remedies{
			Time:   "look for a loop that does not end, or raise --render-seconds of syncline server",
			Memory: "look for a loop or a repetition without a bound, or raise --render-memory-mib of syncline server",
			Stack:  "look for a template or a function that calls itself",
		},
	})
}

// tellConfinement logs how processes are kept apart that work on what others
// wrote. It is an error when the kernel does not do it and nobody allowed that.
func tellConfinement(ctx context.Context, pool *confined.Pool) error {
	confinement, err := pool.Check(ctx)
	if err != nil {
		return err
	}
	log := slog.Info
	if !confinement.Filtered {
		log = slog.Warn
	}
	log("what others wrote is worked on in processes apart", "systemCallsForbidden", confinement.Filtered, "ownNetwork", confinement.Network)
	return nil
}

// openMirrors opens the mirrors of an agent, in which many may name addresses.
func openMirrors(dir string, limits cli.GitLimits) (*git.Store, error) {
	options := git.Options{
		Dir: dir, HideReasons: true,
		MaxMemory: int64(limits.MemoryMiB) << 20, MaxPack: int64(limits.PackMiB) << 20, MaxDisk: int64(limits.DiskMiB) << 20,
	}
	for _, text := range limits.AllowAddresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "addresses of Git servers: %w", err)
		}
		options.AllowAddresses = append(options.AllowAddresses, prefix)
	}
	return git.Open(options)
}

// workers work on input that is not trusted, in child processes.
type workers struct {
	builder     render.Builder
	expressions plan.Expressions
	scripts     rules.Runner
}

// newAgent joins the parts of the agent.
func newAgent(options cli.ServerOptions, cluster *kube.Cluster, store *git.Store, pools workers) *agent {
	repositories := repository.NewStore()
	a := &agent{
		namespace: options.ControlPlane, cluster: cluster,
		projects: newProjects(), repositories: repositories,
		apps:    application.NewStore(resources{cluster}, options.ControlPlane),
		catalog: catalog.New(),
		queue:   queue.New(queue.Backoff{}),

		commits: make(chan string, maxCommits), recordAfter: time.Duration(options.RecordSeconds) * time.Second,
	}
	poll := time.Duration(options.PollSeconds) * time.Second
	sources, resolver := newSources(store, &credentials{repositories: repositories, list: a.listRepositories}, source.Options{
		Interval: poll, Changed: a.onCommit, Uses: a.uses, Owners: a.owners, Declared: a.declared, Refs: options.Git.Refs,
	})
	a.resolver = resolver
	a.apps.Later, a.apps.Changed, a.apps.Left = a.queue.AddAt, a.onApplication, a.onUnused
	a.loop = &engine.Loop{Apps: a.apps, Audience: a, Queue: a.queue} // before the watches, which call it
	checks, own := newChecks(pools.scripts, a.projectOf, a.judgeAgain)
	a.rules = &healthRules{set: own, changed: a.judgeAgain}
	a.target = kube.NewTarget(cluster, live.Options{
		Assess: checks.Quick, Slow: checks.Slow, Judge: checks.Of,
		OnChange: a.onLive, OnReady: a.onKind, OnSwept: a.loop.ClusterReady,
	})
	renderer := render.New(pools.builder, render.Options{Version: version().Version, MemoBytes: int64(options.MemoMiB) << 20})
	a.loop.Engine = engine.New(sources, renderer, a.projects, clusters{destination{a.target}}, engine.Options{
		Poll:  2 * poll, // the resolver asks every poll by itself
		Guard: plan.Guard{Share: options.PruneShare, Number: options.PruneCount, Every: options.PruneShare == 0 && options.PruneCount == 0},

		Expressions: pools.expressions, Others: others{a.apps, a.catalog, a.namespace, a.mark}, Limit: time.Duration(options.TurnSeconds) * time.Second,
	})
	return a
}

// tools are what renders, in the process that calls them.
func tools() render.Tools {
	return render.Tools{Helm: helm.Renderer{}, Kustomize: &kustomize.Renderer{}, Jsonnet: jsonnet.Renderer{}}
}

// dataDir makes the folder for mirrors. A temporary one is removed in the end.
func dataDir(path string) (dir string, remove func(), err error) {
	if path != "" {
		return path, func() {}, os.MkdirAll(path, 0o700)
	}
	dir, err = os.MkdirTemp("", "syncline-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// startLog makes the log that the options ask for the default one.
func startLog(options cli.ServerOptions) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(options.LogLevel)); err != nil {
		return syncline.Errorf(syncline.Invalid, "log level %q is neither info nor debug", options.LogLevel)
	}
	lines := visible.Log(os.Stderr)
	handling := &slog.HandlerOptions{Level: level}
	switch options.LogFormat {
	case "json":
		slog.SetDefault(slog.New(slog.NewJSONHandler(lines, handling)))
	case "text":
		slog.SetDefault(slog.New(slog.NewTextHandler(lines, handling)))
	default:
		return fmt.Errorf("log format %q is neither json nor text", options.LogFormat)
	}
	return nil
}

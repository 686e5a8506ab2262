package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/automation/coalesce"
	"github.com/syncline-io/syncline/internal/automation/journal"
	"github.com/syncline-io/syncline/internal/automation/wake"
	"github.com/syncline-io/syncline/internal/backend"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/profile"
	"github.com/syncline-io/syncline/internal/base/visible"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/destination"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/cluster"
	"github.com/syncline-io/syncline/internal/dialect/argo/keys"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/lua"
	"github.com/syncline-io/syncline/internal/edge/plugin"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/health"
	"github.com/syncline-io/syncline/internal/engine/health/rules"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/fetch"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
	"github.com/syncline-io/syncline/internal/front/cli/access"
	"github.com/syncline-io/syncline/internal/loop"
)

// gcPercent is how much may be allocated, of what is in use, until garbage is
// collected, unless GOGC says otherwise. Go's default of 100 takes a quarter less of
// processor time, and up to a tenth more memory.
const gcPercent = 40

// userAgent names the agent to API servers.
const userAgent = "syncline"

// serve runs the agent until ctx is done. Program is this program, which works on what
// others wrote in processes of its own.
func serve(ctx context.Context, options access.ServerOptions, program string) (err error) {
	if err := visible.StartLog(os.Stderr, options.LogFormat, options.LogLevel); err != nil {
		return syncline.Errorf(syncline.Invalid, "%w", err)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	limitMemory(options)
	stopProfiles, err := profile.Start(options.ProfileDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfiles()) }()
	dir, remove, err := dataDir(options.DataDir)
	if err != nil {
		return err
	}
	defer remove()
	store, err := openStores(dir, options.Git)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	local, err := connect(options.Connection, userAgent)
	if err != nil {
		return err
	}
	pool := newRenderPool(program, options)
	defer pool.Close()
	if err := pool.Announce(ctx); err != nil {
		return err
	}
	expressions := jq.NewPool(confined.Options{Command: []string{program, "jq-worker"}, Unconfined: options.AllowUnconfined})
	defer expressions.Close()
	scripts := lua.NewPool(confined.Options{Command: []string{program, "lua-worker"}, Unconfined: options.AllowUnconfined})
	defer scripts.Close()
	a, err := newAgent(options, local, store, workers{render.Plugged{
		Builder: render.Confined{Pool: pool},
		Plugins: plugin.Folder{Path: options.PluginDir, Expected: options.Plugins, Timeout: time.Duration(options.PluginSeconds) * time.Second},
	}, expressions, scripts})
	if err != nil {
		return err
	}
	defer a.fleet.Close()
	defer a.resolver.Close()
	return a.run(ctx)
}

// newRenderPool returns the processes that render.
func newRenderPool(program string, options access.ServerOptions) *confined.Pool {
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

// openStores opens what an agent keeps of sources, in which many may name addresses.
func openStores(dir string, limits access.GitLimits) (*fetch.Stores, error) {
	options := git.Options{
		Dir: dir, HideReasons: true, NoSubmodules: !limits.Submodules,
		MaxMemory: int64(limits.MemoryMiB) << 20, MaxPack: int64(limits.PackMiB) << 20, MaxDisk: int64(limits.DiskMiB) << 20,
	}
	for _, text := range limits.AllowAddresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "addresses of Git servers: %w", err)
		}
		options.AllowAddresses = append(options.AllowAddresses, prefix)
	}
	return fetch.Open(options)
}

// workers work on input that is not trusted, in child processes.
type workers struct {
	builder     render.Builder
	expressions plan.Expressions
	scripts     rules.Runner
}

// newAgent joins the parts of the agent.
func newAgent(options access.ServerOptions, local *kube.Client, store *fetch.Stores, workers workers) (*agent, error) {
	a := &agent{
		namespace: options.ControlPlane, cluster: local,
		projects: project.NewStore(), repositories: repository.NewStore(), trust: &repository.Trust{}, settings: settings.NewStore(),
		catalog: catalog.New(), teller: journal.NewTeller(resources{local}),
	}
	a.apps = a.catalog.Apps
	a.applications = application.NewStore(resources{local}, options.ControlPlane, a.apps)
	reports, due := coalesce.New(a.applications), queue.New(queue.Backoff{})
	reports.Later = due.AddAt
	due.Weigh = func(id syncline.AppID) int {
		app, _ := a.apps.App(id)
		return app.Past.Bytes
	}
	a.loop = &loop.Loop{Apps: a.apps, Reports: reports, Audience: a, Queue: due, Requests: a.applications}
	a.waker = &wake.Waker{
		Queue: due, Turns: a.loop, Apps: a.apps, Declarations: a.apps, Plans: a.catalog, Departures: a.catalog,
		RecordAfter: time.Duration(options.RecordSeconds) * time.Second, Pending: make(chan string, wake.MaxPending),
	}
	a.keys = keyring.New(keyring.Options{Changed: a.waker.Keys})
	a.releaser = &project.Releaser{Projects: a.projects, Apps: a.apps, Resources: resources{local}}
	usage := application.Usage{Apps: a.apps, Reach: a.repositories.For, Permits: func(app syncline.App) bool { return a.engine.Permits(app) }}
	poll := time.Duration(options.PollSeconds) * time.Second
	a.resolver = source.NewResolver(store.Fetchers(), source.Options{
		Interval: poll, Changed: a.waker.Commit, Uses: usage.Uses, Owners: usage.Owners, Declared: usage.Declared, Kept: options.Git.Refs,
	})
	checks, own := newChecks(workers.scripts, a.apps.ProjectOf, func(kind schema.GroupKind) { a.fleet.Reread(kind) })
	a.fleet = kube.NewFleet(kube.FleetOptions{Changed: a.waker.Cluster, Live: func(id syncline.ClusterID) live.Options {
		return live.Options{
			Assess: checks.Quick, Slow: checks.Slow, Judge: checks.Of,
			OnChange: func(change live.Change) { a.waker.Live(id, change) },
			OnReady:  func(kind schema.GroupKind) { a.waker.Kind(id, kind, a.fleet.Instances(id, kind)) },
			OnSwept:  func() { a.loop.ClusterReady(id) },
		}
	}})
	a.waker.Clusters = a.fleet
	joiner := destination.Joiner{Fleet: a.fleet, Own: local, Options: kube.Options{UserAgent: userAgent, Dialects: dialects()}}
	a.clusters = cluster.NewStore(backend.Clusters{Joiner: joiner})
	access, trusted := &repository.Access{Store: a.repositories, Trust: a.trust, Projects: a.projects, List: a.listRepositories}, &fetch.Keys{}
	a.signers = &keys.Store{Verifier: trusted, Changed: func() { a.waker.Projects(a.projects.Signed()) }}
	stage := source.New(a.resolver, access, a.keys)
	stage.Named = a.apps.Name
	a.engine = engine.New(
		store.Signed(a.resolver, access, stage, a.projects, trusted),
		render.New(workers.builder, render.Options{Version: version().Version, MemoBytes: int64(options.MemoMiB) << 20, Ciphertext: sops.HasCiphertext}),
		a.projects, destination.Clusters{Fleet: a.fleet}, engine.Options{
			Poll:        2 * poll, // the resolver asks every poll by itself
			Guard:       plan.Guard{Share: options.PruneShare, Number: options.PruneCount, Every: options.PruneShare == 0 && options.PruneCount == 0},
			Others:      catalog.Others{Catalog: a.catalog, Namespace: a.namespace, Projects: project.Kind(), Mark: a.waker.Mark},
			Dialects:    dialects(),
			Expressions: workers.expressions, Limit: time.Duration(options.TurnSeconds) * time.Second, Follows: a.apps.Follow,
		})
	a.loop.Engine, a.waker.Commits = a.engine, a.engine
	a.listen(own)
	return a, joiner.Local()
}

// listen has what the stores know tell whom it concerns.
func (a *agent) listen(own *rules.Set) {
	a.applications.Changed, a.applications.Label = a.onApplication, a.settings.Label
	a.apps.Left = func(id syncline.AppID, way catalog.Way) {
		a.loop.Interrupt(id)
		a.resolver.Review(way.Address.Key())
	}
	a.projects.Changed, a.repositories.Changed, a.trust.Changed = a.waker.Project, a.onRepository, a.onRepository
	a.settings.Changed = func(found settings.Rules) {
		a.projects.Impersonate(project.Impersonation{Enabled: found.Impersonation, Enforced: found.Enforced})
		if err := a.projects.Inherit(found.GlobalProjects); err != nil {
			slog.Warn("nothing is delivered", "err", syncline.Explain(err))
		}
		for _, kind := range own.Replace(found.Find) {
			a.fleet.Reread(kind)
		}
	}
	a.settings.Unread = func(key string) {
		slog.Warn("a setting of Argo CD is not supported, and has no effect", "configmap", settings.Name, "key", key)
	}
}

// newChecks returns what objects are judged by, and of that the rules of the
// installation, of which there are none yet. Project returns that of the App which
// an object says it belongs to. Again is told the kinds whose objects are worth
// judging again.
func newChecks(runner rules.Runner, project func(string) string, again func(schema.GroupKind)) (checks health.Checks, own *rules.Set) {
	options := rules.Options{Runner: runner, Dialects: dialects(), Owner: project, Again: again}
	own = rules.New(options)
	options.Find = settings.Replaceable(lua.Check)
	return health.Checks{Own: own, Library: rules.New(options), Dialects: dialects()}, own
}

// dataDir makes the folder for mirrors. A temporary one is removed in the end.
func dataDir(path string) (dir string, remove func(), err error) {
	if path != "" {
		return path, func() {}, os.MkdirAll(path, 0o700)
	}
	dir, err = os.MkdirTemp("", "syncline-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

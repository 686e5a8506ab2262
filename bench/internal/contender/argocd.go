package contender

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/stage"
)

// Argo is Argo CD's application controller and repo-server, with Redis. Its
// server, which serves people only, does not run.
type Argo struct {
	// Wide gives the controller more processors and requests than by default.
	Wide bool
	// Logs is a folder that keeps their logs. Default: they are not kept.
	Logs string

	argo  program
	redis string
}

// BuildArgo builds Argo CD into a folder, and finds Redis.
func BuildArgo(ctx context.Context, peers, into string) (Argo, error) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return Argo{}, fmt.Errorf("looking for Redis, which Argo CD needs (on Debian, `apt-get install redis-server` installs it): %w", err)
	}
	const module = "github.com/argoproj/argo-cd/v3"
	argo, err := pinned{folder: "argocd", module: module, main: module + "/cmd"}.build(ctx, peers, into)
	return Argo{argo: argo, redis: redis}, err
}

// Name returns "argocd" or "argocd-50-25".
func (a Argo) Name() string {
	if a.Wide {
		return NameArgoWide
	}
	return NameArgo
}

// Version returns that of Argo CD.
func (a Argo) Version() string { return a.argo.version }

// Flags returns what differs from the defaults.
func (a Argo) Flags() []string { return append(a.flags(), a.environment()...) }

func (a Argo) flags() []string {
	if a.Wide {
		return []string{"--status-processors=50", "--operation-processors=25"}
	}
	return nil
}

func (a Argo) environment() []string {
	if a.Wide {
		return []string{"ARGOCD_K8S_CLIENT_QPS=500"}
	}
	return nil
}

// Start installs Argo CD's own configuration, starts its processes, and waits
// until they are ready.
func (a Argo) Start(ctx context.Context, on *stage.Stage) (Session, error) {
	manifests := filepath.Join(a.argo.source, "manifests")
	if err := on.Define(ctx, filepath.Join(manifests, "crds")); err != nil {
		return nil, err
	}
	if err := on.Create(ctx, filepath.Join(manifests, "base", "config")); err != nil {
		return nil, err
	}
	if _, err := on.API.Create(ctx, v1alpha1.AppProjectResource(), defaultProject()); err != nil {
		return nil, err
	}
	running := &argo{stage: on, folder: filepath.Join(on.Folder, "argocd")}
	if err := running.start(ctx, a); err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	return running, nil
}

// defaultProject is what Argo CD's server creates when it starts.
func defaultProject() *unstructured.Unstructured {
	anything := []any{map[string]any{"group": "*", "kind": "*"}}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.AppProjectResource().GroupVersion().String(),
		"kind":       "AppProject",
		"metadata":   map[string]any{"name": "default", "namespace": input.ControlNamespace},
		"spec": map[string]any{
			"sourceRepos":              []any{"*"},
			"destinations":             []any{map[string]any{"server": "*", "namespace": "*"}},
			"clusterResourceWhitelist": anything,
		},
	}}
}

type argo struct {
	stage        *stage.Stage
	folder       string
	processes    group
	applications *stage.Watch
	apps         []input.App
}

func (a *argo) start(ctx context.Context, with Argo) (err error) {
	if a.applications, err = a.stage.Watch(ctx, stage.Applications()); err != nil {
		return err
	}
	if err := a.prepare(with.argo.source); err != nil {
		return err
	}
	ports, err := freePorts(ctx, 4)
	if err != nil {
		return err
	}
	redis, repos, reposHealth, health := ports[0], ports[1], ports[2], ports[3]
	err = a.run(ctx, with.Logs, exec.Command(with.redis, "--bind", "127.0.0.1", "--port", strconv.Itoa(redis),
		"--save", "", "--appendonly", "no", "--dir", a.folder), loopback(redis)) // not kept, as in Argo CD's manifests
	if err != nil {
		return err
	}
	err = a.run(ctx, with.Logs, a.command(with, "argocd-repo-server", "--disable-tls", "--client-ca-path=", "--redis="+loopback(redis),
		"--address=127.0.0.1", "--port="+strconv.Itoa(repos), "--metrics-address=127.0.0.1", "--metrics-port="+strconv.Itoa(reposHealth)),
		"http://"+loopback(reposHealth)+"/healthz?full=true")
	if err != nil {
		return err
	}
	return a.run(ctx, with.Logs, a.command(with, "argocd-application-controller", append(with.flags(),
		"--namespace="+input.ControlNamespace, "--repo-server="+loopback(repos), "--repo-server-plaintext", "--redis="+loopback(redis),
		"--metrics-port="+strconv.Itoa(health))...), "http://"+loopback(health)+"/healthz")
}

// prepare puts the script by which the repo-server asks for signatures, which
// Argo CD's image has on the path, into a folder of its own.
func (a *argo) prepare(source string) error {
	const script = "git-verify-wrapper.sh"
	text, err := os.ReadFile(filepath.Join(source, "hack", script))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(a.folder, "bin"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.folder, "bin", script), text, 0o755)
}

// command is one of Argo CD's programs, which are all the same executable.
func (a *argo) command(with Argo, name string, args ...string) *exec.Cmd {
	command := exec.Command(with.argo.path, args...)
	command.Args[0] = name
	command.Env = append(append(os.Environ(), with.environment()...),
		"PATH="+filepath.Join(a.folder, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"TMPDIR="+a.folder,
		"KUBECONFIG="+a.stage.Kubeconfig,
		"ARGOCD_FAKE_IN_CLUSTER=true", // the cluster is the kubeconfig's
		"ARGOCD_GPG_ENABLED=false",    // no signature is demanded
		"ARGOCD_ASK_PASS_SOCK="+filepath.Join(a.folder, "ask-pass.sock"),
		"ARGOCD_TLS_DATA_PATH="+a.folder,
		"ARGOCD_SSH_DATA_PATH="+a.folder,
	)
	return command
}

// run starts a process and waits until it answers.
func (a *argo) run(ctx context.Context, logs string, command *exec.Cmd, address string) error {
	log, err := openLog(logs, filepath.Base(a.stage.Folder)+"-"+filepath.Base(command.Args[0]))
	if err != nil {
		return err
	}
	c, err := startChild(log, command)
	if err != nil {
		return err
	}
	a.processes = append(a.processes, c)
	return c.answers(ctx, address)
}

// Agents returns the user agent of the application controller; the repo-server
// does not talk to the API server.
func (a *argo) Agents() []string { return []string{"argocd-application-controller"} }

func (a *argo) Processes() procfs.Forest { return a.processes.forest() }

// Declare creates the Applications.
func (a *argo) Declare(ctx context.Context, apps []input.App) error {
	a.apps = apps
	return declareApplications(ctx, a.stage, apps)
}

// Synced waits for status.sync.status.
func (a *argo) Synced(ctx context.Context, apps []input.App) (time.Time, error) {
	return a.await(ctx, apps, isSynced)
}

// Settled waits until every app is synced and healthy, and its operation done.
func (a *argo) Settled(ctx context.Context, apps []input.App) error {
	_, err := a.await(ctx, apps, isSettled)
	return err
}

// Refresh refreshes every app, which is what Argo CD does when a webhook tells
// it of a commit to their repository.
func (a *argo) Refresh(ctx context.Context, _ input.App) error {
	return stage.Each(ctx, a.apps, func(ctx context.Context, app input.App) error {
		return refreshApplication(ctx, a.stage, app)
	})
}

// At waits for status.sync.revision.
func (a *argo) At(ctx context.Context, apps []input.App, commit string) error {
	_, err := a.await(ctx, apps, isAt(commit))
	return err
}

func (a *argo) await(ctx context.Context, apps []input.App, holds func(*unstructured.Unstructured) bool) (time.Time, error) {
	ctx, done := a.processes.within(ctx)
	defer done()
	return awaitApps(ctx, a.applications, apps, holds)
}

func (a *argo) Stop() error {
	if a.applications != nil {
		a.applications.Stop()
	}
	return a.processes.stop()
}

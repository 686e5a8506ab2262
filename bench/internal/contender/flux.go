package contender

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/bench/internal/procfs"
	"github.com/syncline-io/syncline/bench/internal/stage"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// Flux is Flux's source-controller and kustomize-controller.
type Flux struct {
	// Wait makes Flux wait for the health of what it applied, as its own
	// benchmark does, before it says that an app is ready.
	Wait bool
	// Logs is a folder that keeps their logs. Default: they are not kept.
	Logs string

	source, kustomize program
}

// BuildFlux builds both controllers into a folder.
func BuildFlux(ctx context.Context, peers, into string) (Flux, error) {
	var flux Flux
	var err error
	for to, name := range map[*program]string{&flux.source: "source-controller", &flux.kustomize: "kustomize-controller"} {
		module := "github.com/fluxcd/" + name
		if *to, err = (pinned{folder: name, module: module, main: module}).build(ctx, peers, into); err != nil {
			return Flux{}, err
		}
	}
	return flux, nil
}

// Name returns "flux" or "flux-no-wait".
func (f Flux) Name() string {
	if f.Wait {
		return NameFlux
	}
	return NameFluxNoWait
}

// Version returns those of the controllers.
func (f Flux) Version() string { return f.source.version + ", " + f.kustomize.version }

// Flags returns those of kustomize-controller that differ from the defaults, as
// in Flux's own benchmark, and what its Kustomizations say.
func (f Flux) Flags() []string {
	return append(f.flags(), fmt.Sprintf("spec.wait=%t", f.Wait), "spec.interval="+fluxInterval)
}

func (f Flux) flags() []string { return []string{"--concurrent=20", "--requeue-dependency=5s"} }

// Start starts the controllers, and waits until they are ready.
func (f Flux) Start(ctx context.Context, on *stage.Stage) (Session, error) {
	for _, p := range []program{f.source, f.kustomize} {
		if err := on.Define(ctx, filepath.Join(p.source, "config", "crd", "bases")); err != nil {
			return nil, err
		}
	}
	running := &flux{stage: on, wait: f.Wait}
	if err := running.start(ctx, f); err != nil {
		return nil, errors.Join(err, running.Stop())
	}
	return running, nil
}

type flux struct {
	stage          *stage.Stage
	wait           bool
	processes      group
	kustomizations *stage.Watch
}

func (f *flux) start(ctx context.Context, with Flux) (err error) {
	if f.kustomizations, err = f.stage.Watch(ctx, kustomizations()); err != nil {
		return err
	}
	storage := filepath.Join(f.stage.Folder, "flux")
	if err := os.MkdirAll(storage, 0o755); err != nil {
		return err
	}
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return err
	}
	err = f.startController(ctx, with.Logs, with.source, "--storage-path="+storage,
		"--storage-addr="+loopback(ports[0]), "--storage-adv-addr="+loopback(ports[0]))
	if err != nil {
		return err
	}
	return f.startController(ctx, with.Logs, with.kustomize, with.flags()...)
}

func (f *flux) startController(ctx context.Context, logs string, p program, flags ...string) error {
	ports, err := freePorts(ctx, 2)
	if err != nil {
		return err
	}
	log, err := openLog(logs, filepath.Base(f.stage.Folder)+"-"+filepath.Base(p.path))
	if err != nil {
		return err
	}
	health := loopback(ports[0])
	command := exec.Command(p.path, append(flags, "--health-addr="+health, "--metrics-addr="+loopback(ports[1]))...)
	command.Env = append(os.Environ(), "KUBECONFIG="+f.stage.Kubeconfig, "RUNTIME_NAMESPACE="+input.ControlNamespace, "TMPDIR="+f.stage.Folder)
	c, err := startChild(log, command)
	if err != nil {
		return err
	}
	f.processes = append(f.processes, c)
	return c.answers(ctx, "http://"+health+"/readyz")
}

// Agents returns the user agents of both controllers.
func (f *flux) Agents() []string { return []string{"source-controller", "kustomize-controller"} }

func (f *flux) Processes() procfs.Forest { return f.processes.forest() }

// fluxRepository is the name of the GitRepository.
const fluxRepository = "bench"

// The intervals: Flux looks at the repository as often as Argo CD does by
// default, and at each app every ten minutes.
const (
	fluxPolling  = "2m"
	fluxInterval = "10m"
)

// Declare creates a GitRepository, and a Kustomization for each app.
func (f *flux) Declare(ctx context.Context, apps []input.App) error {
	if slices.ContainsFunc(apps, func(app input.App) bool { return app.Chart != "" }) {
		return errors.New("flux delivers charts by its helm-controller, which is not built here: leave it out of W10")
	}
	repository := fluxObject(gitRepositories(), "GitRepository", fluxRepository, map[string]any{
		"url": f.stage.Repo.URL, "ref": map[string]any{"branch": "main"}, "interval": fluxPolling,
	})
	if _, err := f.stage.API.Create(ctx, gitRepositories(), repository); err != nil {
		return err
	}
	return stage.Each(ctx, apps, func(ctx context.Context, app input.App) error {
		_, err := f.stage.API.Create(ctx, kustomizations(), f.kustomization(app))
		return err
	})
}

func (f *flux) kustomization(app input.App) *unstructured.Unstructured {
	return fluxObject(kustomizations(), "Kustomization", app.Name, map[string]any{
		"sourceRef": map[string]any{"kind": "GitRepository", "name": fluxRepository},
		"path":      "./" + app.Path, "targetNamespace": app.Namespace,
		"prune": true, "wait": f.wait, "interval": fluxInterval, "retryInterval": fluxPolling, "timeout": "5m",
	})
}

func fluxObject(resource schema.GroupVersionResource, kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(), "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": input.ControlNamespace},
		"spec":     spec,
	}}
}

func gitRepositories() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "gitrepositories"}
}

func kustomizations() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"}
}

// Synced waits until every Kustomization is ready.
func (f *flux) Synced(ctx context.Context, apps []input.App) (time.Time, error) {
	return f.await(ctx, apps, isReady)
}

// Settled waits for the same: Flux writes the status of an app once it is done.
func (f *flux) Settled(ctx context.Context, apps []input.App) error {
	_, err := f.await(ctx, apps, isReady)
	return err
}

func (f *flux) await(ctx context.Context, apps []input.App, holds func(*unstructured.Unstructured) bool) (time.Time, error) {
	ctx, done := f.processes.within(ctx)
	defer done()
	return awaitApps(ctx, f.kustomizations, apps, holds)
}

// isReady reports whether a Kustomization is ready in its present form.
func isReady(u *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, condition := range conditions {
		c, ok := condition.(map[string]any)
		if ok && c["type"] == "Ready" {
			return c["status"] == "True" && c["observedGeneration"] == u.GetGeneration()
		}
	}
	return false
}

// Refresh sets the annotation that Flux's receiver of webhooks sets on the
// repository. Flux then looks at every app of it.
func (f *flux) Refresh(ctx context.Context, _ input.App) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, time.Now().Format(time.RFC3339Nano))
	_, err := f.stage.API.Patch(ctx, gitRepositories(), types.NamespacedName{Namespace: input.ControlNamespace, Name: fluxRepository},
		kube.Patch{Type: types.MergePatchType, Data: patch})
	return err
}

// At waits for status.lastAppliedRevision, such as "main@sha1:COMMIT".
func (f *flux) At(ctx context.Context, apps []input.App, commit string) error {
	_, err := f.await(ctx, apps, func(u *unstructured.Unstructured) bool {
		return strings.HasSuffix(field(u, "status", "lastAppliedRevision"), ":"+commit)
	})
	return err
}

func (f *flux) Stop() error {
	if f.kustomizations != nil {
		f.kustomizations.Stop()
	}
	return f.processes.stop()
}

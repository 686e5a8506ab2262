package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

const (
	// readyLimit bounds what takes moments on an idle machine; deliverLimit a whole delivery, images and all.
	readyLimit   = 2 * time.Minute
	deliverLimit = 10 * time.Minute
	// gitUser is who Syncline is to the Git server.
	gitUser = "syncline"
)

// stage is what the demo starts, and what it needs to act on it.
type stage struct {
	options Options
	say     *narrator
	fail    context.CancelCauseFunc // ends the demo for a reason
	closers []func(context.Context) error

	tree    fs.FS
	folder  string // temporary
	cluster *testenv.Cluster
	api     *kube.Client
	eyes    *observer
	before  view // of definitions and namespaces
	git     *testenv.GitServer
	repo    *testenv.GitRepo
	server  *server
	// charts and registry are the addresses of the Helm repository and of the OCI registry.
	charts, registry string

	apps     map[string]*unstructured.Unstructured // the declared Applications
	revision string                                // of the last commit
}

// closing remembers what to undo at the end; the last is undone first.
func (s *stage) closing(undo func(context.Context) error) { s.closers = append(s.closers, undo) }

// stop undoes everything that start did.
func (s *stage) stop(ctx context.Context) error {
	s.say.title("stopping")
	var failures []error
	for _, undo := range slices.Backward(s.closers) {
		failures = append(failures, undo(ctx))
	}
	return errors.Join(failures...)
}

// start brings everything up, to the point where Syncline runs and has nothing to do yet.
func (s *stage) start(ctx context.Context) (err error) {
	s.say.title("starting a control plane, a Git server and Syncline")
	if s.tree, err = sourceTree(); err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "syncline-demo-"); err != nil {
		return err
	}
	s.closing(func(context.Context) error { return os.RemoveAll(s.folder) })
	var upstream map[string]string
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		upstream, err = loadUpstreams(both, upstreams())
		return err
	})
	group.Go(func() error { return s.startCluster(both) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		s.install,
		func(ctx context.Context) error { return s.startCharts(ctx, upstream) },
		func(ctx context.Context) error { return s.startGit(ctx, upstream) },
		s.startSyncline,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) startCluster(ctx context.Context) (err error) {
	s.cluster, err = testenv.StartCluster(ctx, testenv.ClusterOptions{Name: "syncline-demo", Progress: s.say})
	if err != nil {
		return err
	}
	s.closing(func(context.Context) error { return s.cluster.Stop() })
	config, err := clientcmd.BuildConfigFromFlags("", s.cluster.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading kubeconfig %s: %w", s.cluster.Kubeconfig, err)
	}
	if s.api, err = kube.Connect(config, kube.Options{UserAgent: "syncline-demo"}); err != nil {
		return err
	}
	s.closing(func(context.Context) error { s.api.Close(); return nil })
	s.say.sayf("a Kubernetes API server is at %s", s.cluster.Server)
	return s.mayUse(ctx)
}

// startGit serves a repository with the examples and the upstream projects. It wants a password, which Syncline finds
// in a Secret.
func (s *stage) startGit(ctx context.Context, upstream map[string]string) (err error) {
	password := rand.Text()
	s.git, err = testenv.StartGit(context.WithoutCancel(ctx), testenv.GitOptions{
		Dir: filepath.Join(s.folder, "git"), Username: gitUser, Password: password,
	})
	if err != nil {
		return err
	}
	s.closing(func(context.Context) error { return s.git.Close() })
	if s.repo, err = s.git.Create(ctx, "team/examples"); err != nil {
		return err
	}
	files, err := content(s.tree, upstream, strings.NewReplacer(exampleURL, s.repo.URL, exampleCharts, s.charts, exampleRegistry, s.registry))
	if err != nil {
		return err
	}
	if s.apps, err = declaredApps(files); err != nil {
		return err
	}
	if err := s.push(ctx, testenv.GitCommit{Message: "Begin with the examples and their upstream", Files: files}); err != nil {
		return err
	}
	s.say.sayf("a Git server is at %s: %d files, %d Applications, from podinfo, cert-manager, Argo Rollouts and examples/", s.repo.URL, len(files), len(s.apps))
	s.say.sayf("as released, the chart of cert-manager has its version where the sources say v0.0.0; all else is as upstream has it")
	return s.createSecrets(ctx, password)
}

// push commits a change and remembers its name.
func (s *stage) push(ctx context.Context, change testenv.GitCommit) (err error) {
	s.revision, err = s.repo.Commit(ctx, change)
	return err
}

// createSecrets tells Syncline how to reach the repository, and by which key to read what is encrypted in it, as people
// do.
func (s *stage) createSecrets(ctx context.Context, password string) error {
	namespace := object("v1", "Namespace", "", controlNamespace)
	if err := s.create(ctx, namespaces(), namespace); err != nil {
		return err
	}
	secret := object("v1", "Secret", controlNamespace, "examples-repository")
	secret.SetLabels(map[string]string{"argocd.argoproj.io/secret-type": "repository"})
	secret.Object["stringData"] = map[string]any{
		"type": "git", "url": s.repo.URL, "username": gitUser, "password": password,
	}
	if err := s.create(ctx, secrets(), secret); err != nil {
		return err
	}
	registry := object("v1", "Secret", controlNamespace, "examples-registry")
	registry.SetLabels(map[string]string{"argocd.argoproj.io/secret-type": "repository"})
	registry.Object["stringData"] = map[string]any{"type": "oci", "url": s.registry + "/charts", "insecureOCIForceHttp": "true"}
	if err := s.create(ctx, secrets(), registry); err != nil {
		return err
	}
	text, err := fs.ReadFile(s.tree, keysFile)
	if err != nil {
		return err
	}
	keys, err := parse(keysFile, string(text))
	if err != nil {
		return err
	}
	return s.create(ctx, secrets(), keys)
}

// install makes the API server know Applications, and begins to look at everything.
func (s *stage) install(ctx context.Context) error {
	names, err := fs.Glob(s.tree, "deploy/crds/*.yaml")
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no resource definitions in deploy/crds (%w)", errors.Join(err, fs.ErrNotExist))
	}
	s.eyes = newObserver(s.api)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx)) // they see the end, too
	s.closing(func(context.Context) error { stop(); s.eyes.wait(); return nil })
	if err := s.eyes.watch(watching, namespaces(), definitions()); err != nil {
		return err
	}
	s.before, _ = s.eyes.now()
	for _, name := range names {
		text, err := fs.ReadFile(s.tree, name)
		if err != nil {
			return err
		}
		definition, err := parse(name, string(text))
		if err != nil {
			return err
		}
		if err := s.create(ctx, definitions(), definition); err != nil {
			return err
		}
		if err := s.eyes.await(ctx, readyLimit, established(definition.GetName())); err != nil {
			return err
		}
	}
	return s.eyes.watch(watching, applications(), projects(), deployments(), services(), configMaps(), jobs())
}

// startSyncline starts the server, and waits until it has created the default project, which is its first act.
func (s *stage) startSyncline(ctx context.Context) error {
	logPath := filepath.Join(s.folder, "server.log")
	server, err := startServer(s.options.Syncline, []string{
		"--kubeconfig", s.cluster.Kubeconfig,
		"--control-plane", controlNamespace,
		"--poll-seconds", "1", "--record-seconds", "1",
		"--data-dir", filepath.Join(s.folder, "data"), "--log-format", "text",
	}, logPath, s.fail)
	if err != nil {
		return err
	}
	s.server = server
	s.closing(func(context.Context) error { return server.stop() })
	if s.given() {
		s.closing(s.uninstall)
	}
	if err := s.eyes.await(ctx, readyLimit, present(projects(), controlNamespace, "default")); err != nil {
		return fmt.Errorf("syncline server does not get to work: %w; the end of its log:\n%s", err, server.tail())
	}
	s.say.sayf("syncline server runs, with its log in %s; it polls every %s here, so that nobody has to wait", logPath, pollInterval)
	return nil
}

// create creates an object unless it is there. In a cluster that was given it is deleted at the end.
func (s *stage) create(ctx context.Context, resource schema.GroupVersionResource, u *unstructured.Unstructured) error {
	created, err := s.api.Create(ctx, resource, u)
	switch {
	case syncline.KindOf(err) == syncline.Conflict:
		return nil
	case err != nil:
		return err
	}
	if s.given() {
		s.closing(func(ctx context.Context) error { return s.remove(ctx, view{{resource, nameOf(created)}: created}) })
	}
	return nil
}

// object returns an object that has nothing but a name.
func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

func nameOf(u *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}
}

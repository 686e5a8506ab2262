package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/automation/journal"
	"github.com/syncline-io/syncline/internal/automation/wake"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/logger"
	"github.com/syncline-io/syncline/internal/base/relief"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/destination"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/cluster"
	"github.com/syncline-io/syncline/internal/dialect/argo/keys"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/source"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
	"github.com/syncline-io/syncline/internal/loop"
)

// agent joins what the engine needs with the watches that bring it events.
type agent struct {
	namespace    string
	cluster      *kube.Client
	fleet        *kube.Fleet
	projects     *project.Store
	releaser     *project.Releaser
	repositories *repository.Store
	trust        *repository.Trust
	signers      *keys.Store
	keys         *keyring.Ring
	settings     *settings.Store
	clusters     *cluster.Store
	applications *application.Store
	apps         *catalog.Apps
	catalog      *catalog.Catalog
	resolver     *source.Resolver
	engine       *engine.Engine
	loop         *loop.Loop
	waker        *wake.Waker
	teller       *journal.Teller
}

// resources writes what the control plane is told by, under a field manager of its own.
type resources struct{ cluster *kube.Client }

// PatchApplication applies a merge patch.
func (r resources) PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	return r.patch(ctx, v1alpha1.ApplicationResource(), id.NamespacedName(), patch)
}

// PatchProject applies a merge patch.
func (r resources) PatchProject(ctx context.Context, name types.NamespacedName, patch []byte) error {
	_, err := r.patch(ctx, v1alpha1.AppProjectResource(), name, patch)
	return err
}

// Tell writes an event of an Application.
func (r resources) Tell(ctx context.Context, id syncline.AppID, uid types.UID, event journal.Event) error {
	about := corev1.ObjectReference{
		APIVersion: v1alpha1.ApplicationResource().GroupVersion().String(), Kind: v1alpha1.ApplicationKind,
		Namespace: id.Namespace, Name: id.Name, UID: uid,
	}
	return r.cluster.Tell(ctx, kube.Happening{About: about, Reason: event.Reason, Message: event.Message, Warning: event.Warning, At: time.Now()})
}

func (r resources) patch(
	ctx context.Context, resource schema.GroupVersionResource, name types.NamespacedName, patch []byte,
) (*unstructured.Unstructured, error) {
	return r.cluster.Patch(ctx, resource, name, kube.Patch{
		Type: types.MergePatchType, Data: patch, Manager: fieldmanager.Status, Verbatim: v1alpha1.Verbatim,
	})
}

// run watches and runs turns until ctx is done.
func (a *agent) run(ctx context.Context) error {
	if err := a.cluster.CreateMissing(ctx, v1alpha1.AppProjectResource(), project.Default(a.namespace)); err != nil {
		hint := "install the CRDs in deploy/crds, create the namespace, and check the permissions of the service account"
		if syncline.KindOf(err) == syncline.Transient {
			hint = "the API server does not answer: check that it runs, and what --kubeconfig, $KUBECONFIG and --context name"
		}
		return syncline.WithHint(fmt.Errorf("create the AppProject %q in namespace %s: %w", project.DefaultName, a.namespace, err), hint)
	}
	var group sync.WaitGroup
	defer group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	secrets, configMaps := corev1.SchemeGroupVersion.WithResource("secrets"), corev1.SchemeGroupVersion.WithResource("configmaps")
	trusted := noting(a.trust, "something in a ConfigMap of trusted servers")
	signers := noting(a.signers, "a key of who signs")
	known := []<-chan struct{}{
		a.watch(ctx, &group, v1alpha1.AppProjectResource(), kube.WatchOptions{}, noting(a.projects, "an AppProject")),
		a.watch(ctx, &group, secrets, kube.WatchOptions{LabelSelector: repository.Selector}, noting(a.repositories, "a repository Secret")),
		a.watch(ctx, &group, secrets, kube.WatchOptions{LabelSelector: keyring.Selector}, noting(a.keys, "a Secret with keys")),
		a.watch(ctx, &group, secrets, kube.WatchOptions{LabelSelector: cluster.Selector}, noting(a.clusters, "a cluster Secret")),
		a.watch(ctx, &group, configMaps, kube.WatchOptions{Name: settings.Name}, noting(a.settings, "a health rule")),
		a.watch(ctx, &group, configMaps, kube.WatchOptions{Name: repository.KnownHostsName}, trusted),
		a.watch(ctx, &group, configMaps, kube.WatchOptions{Name: repository.CertificatesName}, trusted),
		a.watch(ctx, &group, configMaps, kube.WatchOptions{Name: keys.GPGName}, signers),
		a.watch(ctx, &group, configMaps, kube.WatchOptions{Name: keys.SSHName}, signers),
	}
	for _, settings := range known {
		select {
		case <-settings:
		case <-ctx.Done():
			return nil
		}
	}
	a.fleet.Sweep()
	all := a.watch(ctx, &group, v1alpha1.ApplicationResource(), kube.WatchOptions{Verbatim: v1alpha1.Verbatim}, kube.Handler{
		Set:  func(u *unstructured.Unstructured) { a.onApplication(a.applications.Put(u)) },
		Gone: a.onApplicationGone,
	})
	group.Go(func() { a.releaser.Run(ctx, all) })
	group.Go(func() { _ = a.resolver.Poll(ctx) }) // it ends with ctx only
	group.Go(func() { a.waker.Follow(ctx) })
	group.Go(func() { a.teller.Run(ctx) })
	needed := func(target syncline.Target) bool { return len(a.apps.OfTarget(target)) > 0 }
	group.Go(func() { destination.LetGo(ctx, a.fleet, needed, a.catalog.Kinds) })
	group.Go(func() { relief.Run(ctx) })
	slog.Info("syncline is running", "namespace", a.namespace)
	a.loop.Run(ctx)
	return nil
}

// watch watches resources of the control plane, and returns what is closed when all
// are known. A watch that fails is tried again by itself.
func (a *agent) watch(
	ctx context.Context, group *sync.WaitGroup, resource schema.GroupVersionResource, of kube.WatchOptions, handler kube.Handler,
) <-chan struct{} {
	synced := make(chan struct{})
	handler.Synced = func() { close(synced) }
	handler.Failed = func(err error) { slog.Warn("watch failed, trying again", "resource", resource.Resource, "err", err) }
	of.Namespace = a.namespace
	group.Go(func() { a.cluster.WatchObjects(ctx, resource, of, handler) })
	return synced
}

// noting has a store take note of what is seen, and logs what of it is of no use.
func noting(store interface {
	Put(u *unstructured.Unstructured) error
	Delete(name types.NamespacedName)
}, what string) kube.Handler {
	return kube.Handler{Gone: store.Delete, Set: func(u *unstructured.Unstructured) {
		if err := store.Put(u); err != nil {
			slog.Warn("something is of no use", "what", what, "name", u.GetNamespace()+"/"+u.GetName(), "err", syncline.Explain(err))
		}
	}}
}

// listRepositories looks at all repository Secrets.
func (a *agent) listRepositories(ctx context.Context) error {
	listed, err := a.cluster.ListObjects(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), kube.WatchOptions{Namespace: a.namespace, LabelSelector: repository.Selector})
	for i := range listed {
		_ = a.repositories.Put(&listed[i]) // the watch says what is wrong
	}
	return err
}

func (a *agent) onRepository(concerns []repository.Concern) {
	for _, concern := range concerns {
		a.resolver.Outdate(concern.Covers)
		a.waker.Repository(concern.Repository, concern.Template)
	}
}

func (a *agent) onApplication(app syncline.App, change catalog.Change) {
	switch change {
	case catalog.Declared:
		a.releaser.Look()
		a.waker.Declared(app)
	case catalog.Asked:
		a.waker.Asked(app)
	}
}

func (a *agent) onApplicationGone(name types.NamespacedName) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: name.Namespace, Name: name.Name}
	a.waker.Gone(id, a.catalog.Delete(id))
	a.applications.Forget(id)
	a.releaser.Look()
	a.teller.Forget(id)
}

// Publish tells what became of an App.
func (a *agent) Publish(ctx context.Context, app syncline.App) {
	before, now := a.apps.Told(app.ID)
	journal.Log(logger.From(ctx), before, now)
	a.teller.See(app, before, now)
}

// Unsaved logs what people cannot read in the App's resource.
func (a *agent) Unsaved(ctx context.Context, report syncline.Report, err error) {
	journal.LogUnsaved(logger.From(ctx), report, err)
}

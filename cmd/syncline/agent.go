package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/queue"
	"github.com/syncline-io/syncline/internal/engine/source"
)

func secrets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
}

func configMaps() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
}

// agent joins what the engine needs, and brings it the events that make turns
// due.
type agent struct {
	namespace    string
	cluster      *kube.Cluster
	fleet        *kube.Fleet
	rules        *healthRules
	resolver     *source.Resolver
	projects     *projects
	repositories *repository.Store
	apps         *application.Store
	catalog      *catalog.Catalog
	queue        *queue.Queue
	loop         *engine.Loop
	// commits are the keys of repositories whose refs changed.
	commits chan string
	// recordAfter is how long after a commit an App that it does not touch records
	// the revision; negative means with the next change.
	recordAfter time.Duration
}

// resources writes Applications through the API server.
type resources struct{ cluster *kube.Cluster }

// PatchApplication applies a merge patch under a field manager of its own.
func (r resources) PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error) {
	return r.cluster.Patch(ctx, v1alpha1.ApplicationResource(), types.NamespacedName{Namespace: id.Namespace, Name: id.Name},
		kube.Patch{Type: types.MergePatchType, Data: patch, Manager: syncline.StatusManager})
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
	known := a.watchSettings(ctx, &group)
	for _, settings := range known {
		select {
		case <-settings:
		case <-ctx.Done():
			return nil
		}
	}
	a.fleet.Live(syncline.LocalCluster).Sweep()
	applications := make(chan struct{})
	group.Go(func() {
		handler := a.applicationHandler()
		handler.Synced = func() { close(applications) }
		a.cluster.WatchObjects(ctx, v1alpha1.ApplicationResource(), kube.WatchOptions{Namespace: a.namespace}, handler)
	})
	group.Go(func() { a.releaseProjects(ctx, applications) })
	group.Go(func() { _ = a.resolver.Poll(ctx) }) // it ends with ctx only
	group.Go(func() { a.followCommits(ctx, &group) })
	group.Go(func() { a.letGo(ctx) })
	slog.Info("syncline is running", "namespace", a.namespace)
	a.loop.Run(ctx)
	return nil
}

// watchSettings watches projects, repository Secrets and the rules for health, and
// returns what is closed when all of them are known.
func (a *agent) watchSettings(ctx context.Context, group *sync.WaitGroup) []chan struct{} {
	watch := func(resource schema.GroupVersionResource, of kube.WatchOptions, handler kube.Handler) chan struct{} {
		synced := make(chan struct{})
		handler.Synced = func() { close(synced) }
		handler.Failed = a.reportWatch(resource)
		of.Namespace = a.namespace
		group.Go(func() { a.cluster.WatchObjects(ctx, resource, of, handler) })
		return synced
	}
	return []chan struct{}{
		watch(v1alpha1.AppProjectResource(), kube.WatchOptions{}, kube.Handler{
			Set:  func(u *unstructured.Unstructured) { a.projects.put(u); a.onProject(u.GetName()) },
			Gone: func(name types.NamespacedName) { a.projects.delete(name.Name); a.onProject(name.Name) },
		}),
		watch(secrets(), kube.WatchOptions{LabelSelector: repository.Selector}, kube.Handler{
			Set:  a.putRepository,
			Gone: func(name types.NamespacedName) { a.onRepository(a.repositories.Delete(name.String())) },
		}),
		watch(configMaps(), kube.WatchOptions{Name: settings.Name}, kube.Handler{
			Set:  a.rules.put,
			Gone: func(types.NamespacedName) { a.rules.delete() },
		}),
	}
}

// letGoEvery is how often clusters and kinds are looked for that no App needs any more.
const letGoEvery = 5 * time.Minute

// letGo ends the connections to clusters and the watches of kinds that no App needs
// any more, until ctx is done.
func (a *agent) letGo(ctx context.Context) {
	ticker := time.NewTicker(letGoEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a.fleet.LetGo(func(target syncline.Target) bool { return len(a.apps.OfTarget(target)) > 0 })
			for id, connection := range a.fleet.Connections() {
				wanted := a.catalog.Kinds(id)
				wanted[schema.GroupKind{Kind: "Namespace"}] = struct{}{} // which every turn asks for
				connection.Live.LetGo(func(kind schema.GroupKind) bool { _, ok := wanted[kind]; return ok })
			}
		case <-ctx.Done():
			return
		}
	}
}

// listRepositories looks at all repository Secrets.
func (a *agent) listRepositories(ctx context.Context) error {
	listed, err := a.cluster.ListObjects(ctx, secrets(), kube.WatchOptions{Namespace: a.namespace, LabelSelector: repository.Selector})
	for i := range listed {
		a.putRepository(&listed[i])
	}
	return err
}

// reportWatch logs that a watch fails; it goes on trying by itself.
func (a *agent) reportWatch(resource schema.GroupVersionResource) func(error) {
	return func(err error) {
		slog.Warn("watch failed, trying again", "resource", resource.Resource, "err", err)
	}
}

func (a *agent) applicationHandler() kube.Handler {
	return kube.Handler{
		Set: func(u *unstructured.Unstructured) { a.onApplication(a.apps.Put(u)) },
		Gone: func(name types.NamespacedName) {
			id := syncline.AppID{Kind: syncline.KindApplication, Namespace: name.Namespace, Name: name.Name}
			a.apps.Delete(id)
			a.onApplicationLeft()
			a.mark(a.catalog.Delete(id))
			a.loop.Interrupt(id)
			a.queue.Add(id, "", queue.Resync)
		},
		Failed: a.reportWatch(v1alpha1.ApplicationResource()),
	}
}

// onApplication makes an App due by how much it matters what became of it.
func (a *agent) onApplication(app syncline.App, change application.Change) {
	switch change {
	case application.Declared:
		a.onApplicationLeft()
		a.loop.Engine.Expect(app)
		a.loop.Interrupt(app.ID)
		a.queue.Add(app.ID, app.Project, queue.Commit)
	case application.Asked:
		if app.Deleting != nil { // which waits for no repository
			a.loop.Interrupt(app.ID)
		}
		a.queue.Add(app.ID, app.Project, queue.Person)
	}
}

// onApplicationLeft looks anew at what Applications need and what is to go: one is
// gone, or may name another project now.
func (a *agent) onApplicationLeft() {
	a.projects.applicationLeft()
	a.mark(a.catalog.LeavingServing())
}

// onProject makes the Apps of a project due.
func (a *agent) onProject(name string) {
	a.mark(a.apps.OfProject(name))
}

// onRepository makes the Apps due that may reach their repository otherwise now.
func (a *agent) onRepository(concerns []repository.Concern) {
	for _, concern := range concerns {
		a.resolver.Outdate(concern.Covers)
		if concern.Template {
			a.mark(a.apps.OfRepositories(concern.Repository))
		} else {
			a.mark(a.apps.OfRepository(concern.Repository))
		}
	}
}

// putRepository takes note of a repository Secret.
func (a *agent) putRepository(u *unstructured.Unstructured) {
	concerns, err := a.repositories.Put(u)
	if err != nil {
		slog.Warn("a repository Secret is of no use", "secret", u.GetNamespace()+"/"+u.GetName(), "err", syncline.Explain(err))
	}
	a.onRepository(concerns)
}

// onCommit makes the Apps of a repository due whose refs changed.
func (a *agent) onCommit(repoKey string) {
	select {
	case a.commits <- repoKey:
	default: // so many at once that nobody looks which Apps they touch
		for _, id := range a.apps.OfRepository(repoKey) {
			if app, ok := a.apps.App(id); ok {
				a.loop.Engine.Expect(app)
			}
			a.mark([]syncline.AppID{id})
		}
	}
}

// onUnused ends what is asked of a repository that nobody needs any more.
func (a *agent) onUnused(id syncline.AppID, way application.Way) {
	a.loop.Interrupt(id)
	a.resolver.Review(way.Address.Key())
}

// owners returns the projects whose Apps reach a repository in that way.
func (a *agent) owners(repo syncline.Repository) []string {
	var projects []string
	for _, way := range a.apps.Ways(repo.Address.Key()) {
		if a.takes(way, repo.Access()) && !slices.Contains(projects, way.Project) {
			projects = append(projects, way.Project)
		}
	}
	return projects
}

// takes reports whether a way reaches its repository so, with what the project
// knows of it now.
func (a *agent) takes(way application.Way, access syncline.Access) bool {
	return a.repositories.For(way.Address, way.Project).Access() == access
}

// uses reports whether an App that its project lets reaches a repository in that
// way.
func (a *agent) uses(repo syncline.Repository) bool {
	access, key := repo.Access(), repo.Address.Key()
	same := func(way application.Way) bool { return a.takes(way, access) }
	if !slices.ContainsFunc(a.apps.Ways(key), same) {
		return false
	}
	return slices.ContainsFunc(a.apps.OfRepository(key), func(id syncline.AppID) bool {
		app, known := a.apps.App(id)
		return known && a.loop.Engine.Permits(app) && slices.ContainsFunc(app.Sources, func(source syncline.Source) bool {
			address := source.Address()
			return address.Key() == key && same(application.Way{Project: app.Project, Address: address})
		})
	})
}

// declared returns the sources that Apps declare in the repository of that key.
func (a *agent) declared(repoKey string) []syncline.Source {
	var sources []syncline.Source
	for _, id := range a.apps.OfRepository(repoKey) {
		app, _ := a.apps.App(id)
		for _, source := range app.Sources {
			if address := source.Address(); address.Key() == repoKey {
				sources = append(sources, source)
			}
		}
	}
	return sources
}

// maxCommits is how many repositories may wait to be looked at.
const maxCommits = 1000

// followCommits looks which Apps are touched by commits, until ctx is done.
func (a *agent) followCommits(ctx context.Context, group *sync.WaitGroup) {
	for {
		select {
		case repoKey := <-a.commits:
			group.Go(func() { a.followCommit(ctx, repoKey) })
		case <-ctx.Done():
			return
		}
	}
}

// followCommit makes those Apps of a repository due now that its new revisions
// touch. Of the others only the revision in their status is to be changed, which
// is not urgent: several commits are recorded at once.
func (a *agent) followCommit(ctx context.Context, repoKey string) {
	touched := map[syncline.AppID]bool{}
	for _, id := range a.loop.Engine.Touched(ctx, repoKey) {
		touched[id] = true
		if app, ok := a.apps.App(id); ok {
			a.queue.Add(id, app.Project, queue.Commit)
		}
	}
	if a.recordAfter < 0 {
		return
	}
	due := time.Now().Add(a.recordAfter)
	for _, id := range a.loop.Engine.Followers(repoKey) {
		if !touched[id] {
			a.queue.AddAt(id, due)
		}
	}
}

// judgeAgain has the objects of a kind judged again: the rules for it changed, or
// one that had to be stopped is worth another try.
func (a *agent) judgeAgain(kind schema.GroupKind) {
	for _, connection := range a.fleet.Connections() {
		connection.Live.Reread(kind)
	}
}

// projectOf returns the project of the App that tracking calls so, "" when there
// is none.
func (a *agent) projectOf(instance string) string {
	app, _ := a.apps.ByInstance(instance)
	return app.Project
}

// mark makes Apps due as by a commit.
func (a *agent) mark(ids []syncline.AppID) {
	for _, id := range ids {
		if app, ok := a.apps.App(id); ok {
			a.queue.Add(id, app.Project, queue.Commit)
		}
	}
}

// onLive makes the Apps due of a cluster that an object belongs to or that want it.
// Whoever wrote the change itself knows it already.
func (a *agent) onLive(on syncline.ClusterID, change live.Change) {
	writer := cmp.Or(change.After, change.Before)
	for _, instance := range []string{change.Before, change.After} {
		if app, ok := a.deliversTo(on, instance); ok && !(change.Ours && instance == writer) {
			a.changed(app, on, change)
		}
	}
	a.onLeft(on, change)
	for _, id := range a.catalog.Wanting(on, change.Ref) {
		if app, ok := a.apps.App(id); ok && !(change.Ours && app.Instance == writer) {
			a.changed(app, on, change)
		}
	}
}

// deliversTo returns the App that tracking calls so, if it delivers to the cluster.
func (a *agent) deliversTo(on syncline.ClusterID, instance string) (syncline.App, bool) {
	app, ok := a.apps.ByInstance(instance)
	if !ok {
		return syncline.App{}, false
	}
	target, err := a.fleet.Target(app.Destination)
	return app, err == nil && target.ID == on
}

// onCluster makes the Apps due that deliver to a cluster, which came, went or can be
// reached otherwise now.
func (a *agent) onCluster(target syncline.Target) {
	a.loop.ClusterReady(target.ID)
	a.mark(a.apps.OfTarget(target))
}

// claimPause is how long an App takes no notice of an object that is only claimed to
// be its own.
const claimPause = 5 * time.Second

// changed makes an App due of which an object changed: later, when it does not declare
// the object and nothing but an annotation says that it is its own. Anybody can have
// such objects come and go, and nothing is done about them.
func (a *agent) changed(app syncline.App, on syncline.ClusterID, change live.Change) {
	if change.Claim && !slices.Contains(a.catalog.Declaring(on, change.Ref), app.ID) {
		a.queue.AddAt(app.ID, time.Now().Add(claimPause))
		return
	}
	a.queue.Add(app.ID, app.Project, urgency(app, change.What))
}

// onLeft makes the Apps due that would delete the namespace or the definition of an
// object of a cluster which is gone, or somebody else's now: it may have been the last.
func (a *agent) onLeft(on syncline.ClusterID, change live.Change) {
	if change.Before == "" || !change.What.Has(live.Existence|live.Tracking|live.Terminating) {
		return
	}
	for _, container := range change.Ref.Containers() {
		a.mark(a.catalog.Leaving(on, container))
	}
}

// onKind makes the Apps due that wait for a kind of a cluster to be known, and those
// that want or own objects of it: what happened to them while it was not known was not
// told. The first turn of an App needs no telling.
func (a *agent) onKind(on syncline.ClusterID, kind schema.GroupKind) {
	a.loop.ClusterReady(on)
	if remembered := a.fleet.Live(on); remembered != nil { // it may be let go just now
		for _, instance := range remembered.Instances(kind) {
			if app, ok := a.deliversTo(on, instance); ok && a.catalog.Planned(app.ID) {
				a.queue.Add(app.ID, app.Project, queue.Drift)
			}
		}
	}
	for _, id := range a.catalog.WantingKind(on, kind) {
		if app, ok := a.apps.App(id); ok {
			a.queue.Add(id, app.Project, queue.Drift)
		}
	}
}

// Publish takes note of what a turn came to, and logs what people want to know.
func (a *agent) Publish(app syncline.App, result engine.Result) {
	before := a.catalog.Put(catalog.Entry{App: app, Report: result.Report})
	if result.Report == nil {
		return
	}
	if before.Report == nil {
		before.Report = &syncline.Report{}
	}
	journal(slog.With("app", app.ID.String()), *before.Report, *result.Report)
}

// journal logs how a report differs from the one before.
func journal(log *slog.Logger, before, after syncline.Report) {
	if before.Sync != after.Sync || before.Health.Status != after.Health.Status {
		log.Info("status changed", "sync", after.Sync, "health", after.Health.Status, "revisions", after.Revisions)
	}
	if op := after.Operation; op != nil && !sameStage(before.Operation, op) {
		log.Info("operation", "phase", op.Phase, "message", op.Message, "took", elapsed(op).String())
	}
	for _, condition := range after.Conditions {
		if !slices.Contains(before.Conditions, condition) {
			log.Warn("condition", "type", condition.Type, "message", condition.Message)
		}
	}
}

// sameStage reports whether an operation is the one before, and in the same
// phase. In a status its times are in seconds.
func sameStage(before, after *syncline.OperationState) bool {
	return before != nil && before.Phase == after.Phase &&
		before.StartedAt.Truncate(time.Second).Equal(after.StartedAt.Truncate(time.Second))
}

func elapsed(op *syncline.OperationState) time.Duration {
	if op.FinishedAt.IsZero() {
		return 0
	}
	return op.FinishedAt.Sub(op.StartedAt)
}

package backend

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/destination"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/dialect/argo/cluster"
	"github.com/syncline-io/syncline/internal/dialect/argo/keys"
	"github.com/syncline-io/syncline/internal/dialect/argo/project"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
	"github.com/syncline-io/syncline/internal/dialect/argo/settings"
	"github.com/syncline-io/syncline/internal/edge/jq"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/edge/kube/live"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/plan"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/fetch"
	"github.com/syncline-io/syncline/internal/fetch/keyring"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// Engine is the agent's engine, run for one command. It satisfies [access.Engine].
type Engine struct {
	*preview
	close func()
}

var _ access.Engine = Engine{}

// Close ends the watches and the processes, and removes the mirrors.
func (e Engine) Close() error {
	e.close()
	return nil
}

// StartEngine reads the settings of a control plane and starts an engine on them.
// Program is this program, of which the commands render-worker and jq-worker work on
// what others wrote.
func StartEngine(ctx context.Context, own *kube.Client, namespace, program string) (Engine, error) {
	e := Engine{preview: &preview{ready: make(chan struct{}, 1)}}
	// What it plans does not depend on health, so it judges none.
	fleet := kube.NewFleet(kube.FleetOptions{Changed: func(syncline.Target) { e.known() }, Live: func(syncline.ClusterID) live.Options {
		return live.Options{OnReady: func(schema.GroupKind) { e.known() }, OnSwept: e.known}
	}})
	joiner := destination.Joiner{Fleet: fleet, Own: own, Options: kube.Options{UserAgent: manager, Dialects: syncline.Dialects{convention.Dialect()}}}
	known, err := readControlPlane(ctx, joiner, namespace)
	if err != nil {
		fleet.Close()
		return Engine{}, err
	}
	sources, err := temporarySources(known.access, known.keys, false)
	if err != nil {
		fleet.Close()
		return Engine{}, err
	}
	fleet.Sweep()
	e.dialect = convention.Labelling(known.settings.Label)
	pool := confined.NewPool(confined.Options{Command: []string{program, "render-worker"}})
	expressions := jq.NewPool(confined.Options{Command: []string{program, "jq-worker"}})
	e.memory = plan.New(expressions)
	e.reach = func(on syncline.ClusterID, as syncline.Identity) (reader, error) { return fleet.Access(on, as) }
	checked := sources.store.Signed(sources.resolver, known.access, sources.Stage, known.projects, known.signers)
	e.planner = engine.New(checked, render.New(render.Confined{Pool: pool}, render.Options{MemoBytes: -1, Ciphertext: sops.HasCiphertext}), known.projects,
		destination.Clusters{Fleet: fleet}, engine.Options{Others: known.others, Dialects: syncline.Dialects{convention.Dialect()}})
	e.close = func() {
		fleet.Close()
		pool.Close()
		expressions.Close()
		sources.done()
	}
	return e, nil
}

// controlPlane is what is read once of a control plane.
type controlPlane struct {
	projects *project.Store
	access   *repository.Access
	signers  *fetch.Keys
	keys     *keyring.Ring
	others   catalog.Others
	settings *settings.Store
}

// readControlPlane reads the projects, the clusters, the repositories, the keys and what
// Applications declare, by what their statuses say. Who may not read credentials may still look at
// public repositories, and for who may not read Applications there are none.
func readControlPlane(ctx context.Context, joiner destination.Joiner, namespace string) (controlPlane, error) {
	if err := joiner.Local(); err != nil {
		return controlPlane{}, err
	}
	known := controlPlane{
		projects: project.NewStore(), access: &repository.Access{Store: repository.NewStore(), Trust: &repository.Trust{}},
		signers: &fetch.Keys{}, keys: keyring.New(keyring.Options{}), settings: settings.NewStore(),
		others: catalog.Others{Catalog: catalog.New(), Namespace: namespace, Projects: project.Kind()},
	}
	known.settings.Changed = func(found settings.Rules) { _ = known.projects.Inherit(found.GlobalProjects) } // its Apps say what is wrong
	own, clusters := joiner.Own, cluster.NewStore(Clusters{joiner})
	listed, err := own.ListObjects(ctx, v1alpha1.AppProjectResource(), kube.WatchOptions{Namespace: namespace})
	if err != nil {
		return known, err
	}
	for i := range listed {
		_ = known.projects.Put(&listed[i]) // its Apps say what is wrong
	}
	for selector, put := range map[string]func(*unstructured.Unstructured) error{
		repository.Selector: known.access.Store.Put, keyring.Selector: known.keys.Put, cluster.Selector: clusters.Put,
	} {
		listed, err = own.ListObjects(ctx, corev1.SchemeGroupVersion.WithResource("secrets"), kube.WatchOptions{Namespace: namespace, LabelSelector: selector})
		if err != nil && syncline.KindOf(err) != syncline.Denied {
			return known, err
		}
		for i := range listed {
			_ = put(&listed[i]) // what cannot be read concerns nothing
		}
	}
	if err := readSettings(ctx, own, namespace, known); err != nil {
		return known, err
	}
	return known, known.readApps(ctx, joiner, namespace)
}

// readApps reads what Applications declare.
func (c controlPlane) readApps(ctx context.Context, joiner destination.Joiner, namespace string) error {
	listed, err := joiner.Own.ListObjects(ctx, v1alpha1.ApplicationResource(), kube.WatchOptions{Namespace: namespace})
	if err != nil && syncline.KindOf(err) != syncline.Denied {
		return err
	}
	apps := application.NewStore(nil, namespace, c.others.Catalog.Apps)
	for i := range listed {
		app, _ := apps.Put(&listed[i])
		if target, err := joiner.Fleet.Target(app.Destination); err == nil {
			c.others.Catalog.Restore(app, target.ID)
		}
	}
	return nil
}

// readSettings reads which servers of repositories and which keys of who signs are
// trusted, and how objects are tracked, if that may be read.
func readSettings(ctx context.Context, own *kube.Client, namespace string, known controlPlane) error {
	signers := &keys.Store{Verifier: known.signers}
	for name, put := range map[string]func(*unstructured.Unstructured) error{
		repository.KnownHostsName: known.access.Trust.Put, repository.CertificatesName: known.access.Trust.Put, settings.Name: known.settings.Put,
		keys.GPGName: signers.Put, keys.SSHName: signers.Put,
	} {
		listed, err := own.ListObjects(ctx, corev1.SchemeGroupVersion.WithResource("configmaps"), kube.WatchOptions{Namespace: namespace, Name: name})
		if err != nil && syncline.KindOf(err) != syncline.Denied {
			return err
		}
		for i := range listed {
			_ = put(&listed[i]) // what cannot be read trusts nobody, and changes nothing
		}
	}
	return nil
}

// Package backend is the command line's way in through the Kubernetes API alone: it
// reads and writes the resources that declare Apps. It needs no agent to look and none
// to ask, and decides nothing.
package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/command"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
	"github.com/syncline-io/syncline/internal/dialect/argo/request"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/front/cli/access"
)

// Backend is a way in. It satisfies [access.Backend].
type Backend struct {
	cluster      *kube.Client
	controlPlane string
	writer       request.Writer
}

var _ access.Backend = (*Backend)(nil)

// New returns the way in through an API server. Apps in the namespace of the control
// plane are tracked by their bare name.
func New(cluster *kube.Client, controlPlane string) *Backend {
	return &Backend{
		cluster: cluster, controlPlane: controlPlane,
		writer: request.Writer{Applications: applications{cluster}, ControlPlane: controlPlane},
	}
}

// Get returns one App as it is now.
func (b *Backend) Get(ctx context.Context, id syncline.AppID) (access.App, error) {
	u, err := b.cluster.GetObject(ctx, v1alpha1.ApplicationResource(), id.NamespacedName())
	if err != nil {
		return access.App{}, explain(id, err)
	}
	return b.app(u), nil
}

// List returns the chosen Apps as they are now.
func (b *Backend) List(ctx context.Context, query access.Query) ([]access.App, error) {
	if query.Name != "" {
		app, err := b.Get(ctx, syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: query.Namespace, Name: query.Name})
		if syncline.KindOf(err) == syncline.NotFound {
			return nil, nil
		}
		return []access.App{app}, err
	}
	items, err := b.cluster.ListObjects(ctx, v1alpha1.ApplicationResource(), watchOptions(query))
	if err != nil {
		return nil, explain(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: query.Namespace}, err)
	}
	apps := make([]access.App, 0, len(items))
	for i := range items {
		apps = append(apps, b.app(&items[i]))
	}
	slices.SortFunc(apps, compareApps)
	return apps, nil
}

// Watch tells all of the chosen Apps, again and again.
func (b *Backend) Watch(ctx context.Context, query access.Query, see func([]access.App) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &appWatch{query: query, translate: b.app, see: see, end: cancel, known: map[types.NamespacedName]access.App{}}
	b.cluster.WatchObjects(ctx, v1alpha1.ApplicationResource(), watchOptions(query), kube.Handler{
		Set: w.set, Gone: w.gone, Synced: w.complete, Failed: w.failed,
	})
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSeen):
		return nil
	case w.fatal != nil:
		return explain(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: query.Namespace, Name: query.Name}, w.fatal)
	default:
		return cause
	}
}

// Check says what is wrong with a command whatever there is.
func (b *Backend) Check(c command.Command) error { return b.writer.Check(c) }

// Do carries out a command.
func (b *Backend) Do(ctx context.Context, c command.Command) (access.Outcome, error) {
	u, effect, err := b.writer.Do(ctx, c)
	switch {
	case err != nil:
		return access.Outcome{}, explain(c.App, err)
	case u == nil:
		return access.Outcome{Effect: effect}, nil
	}
	return access.Outcome{App: b.app(u), Effect: effect}, nil
}

// app translates a resource.
func (b *Backend) app(u *unstructured.Unstructured) access.App {
	app, _ := application.Read(u, b.controlPlane)
	return access.App{App: app, Report: application.ReportOf(app), Manifest: withoutManagedFields(u)}
}

// withoutManagedFields leaves out what only the API server reads.
func withoutManagedFields(u *unstructured.Unstructured) map[string]any {
	unstructured.RemoveNestedField(u.Object, "metadata", "managedFields")
	return u.Object
}

func watchOptions(query access.Query) kube.WatchOptions {
	return kube.WatchOptions{Namespace: query.Namespace, LabelSelector: query.Selector, Name: query.Name}
}

func compareApps(a, b access.App) int {
	return cmp.Or(cmp.Compare(a.ID.Namespace, b.ID.Namespace), cmp.Compare(a.ID.Name, b.ID.Name))
}

// errSeen is the cause of a watch that ended because enough was seen.
var errSeen = errors.New("seen")

// appWatch turns single changes into pictures of all Apps.
type appWatch struct {
	query     access.Query
	translate func(*unstructured.Unstructured) access.App
	see       func([]access.App) bool
	end       context.CancelCauseFunc
	known     map[types.NamespacedName]access.App
	synced    bool
	ended     bool
	fatal     error
}

func (w *appWatch) set(u *unstructured.Unstructured) {
	if w.query.Name != "" && w.query.Name != u.GetName() {
		return
	}
	w.known[types.NamespacedName{Namespace: u.GetNamespace(), Name: u.GetName()}] = w.translate(u)
	w.show()
}

func (w *appWatch) gone(name types.NamespacedName) {
	if _, known := w.known[name]; known {
		delete(w.known, name)
		w.show()
	}
}

func (w *appWatch) complete() {
	w.synced = true
	w.show()
}

// failed ends the watch when trying again is in vain.
func (w *appWatch) failed(err error) {
	switch syncline.KindOf(err) {
	case syncline.Denied, syncline.NotFound, syncline.Invalid:
		w.ended, w.fatal = true, err
		w.end(err)
	}
}

// show tells all Apps, once all are known, until that is enough.
func (w *appWatch) show() {
	if !w.synced || w.ended {
		return
	}
	apps := make([]access.App, 0, len(w.known))
	for _, app := range w.known {
		apps = append(apps, app)
	}
	slices.SortFunc(apps, compareApps)
	if w.see(apps) {
		w.ended = true
		w.end(errSeen)
	}
}

// explain says what an error of the API server means for an App.
func explain(id syncline.AppID, err error) error {
	var answer apierrors.APIStatus
	answered := errors.As(err, &answer)
	switch syncline.KindOf(err) {
	case syncline.NotFound:
		if !answered {
			return err
		}
		return missing(id, answer.Status(), err)
	case syncline.Denied:
		return syncline.WithHint(err, "the kubeconfig's user may not do this: ask \"kubectl auth can-i\" what it may")
	case syncline.Transient:
		if answered || syncline.HintOf(err) != "" {
			return err
		}
		return syncline.WithHint(err, "check that the API server can be reached, and --kubeconfig and --context")
	default:
		return err
	}
}

// missing tells apart what was not found: the App, its namespace or the whole
// resource.
func missing(id syncline.AppID, answer metav1.Status, err error) error {
	switch details := answer.Details; {
	case details != nil && details.Kind == "namespaces":
		return syncline.WithHint(syncline.Errorf(syncline.NotFound, "namespace %s does not exist", id.Namespace),
			"create it, or choose another by --namespace")
	case details != nil && details.Name == id.Name && id.Name != "":
		return syncline.Errorf(syncline.NotFound, "app %s does not exist", id)
	}
	return syncline.WithHint(fmt.Errorf("the cluster does not know Applications: %w", err),
		"install the resource definitions of deploy/crds, or choose another cluster by --context")
}

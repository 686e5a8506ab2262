// Package application translates Argo CD's Application into an App, and a
// Report back into the Application's status. It translates only: it reads no
// cluster, writes nothing, and decides nothing that the engine decides.
package application

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/base/glob"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// defaultHistoryLimit is how many deployments are remembered when the spec does
// not say.
const defaultHistoryLimit = 10

// Read decodes an Application and translates it. A field that cannot be decoded
// becomes an InvalidSpecError of the App, as everything else that is wrong with
// it; a status that cannot be decoded is passed over, because the next turn
// writes it. See [ToApp].
func Read(u *unstructured.Unstructured, controlPlane string) (syncline.App, *v1alpha1.Application) {
	return readAgain(u, controlPlane, syncline.App{}, &v1alpha1.Application{})
}

// readAgain is Read of an Application that was read before: what it says again is held once.
func readAgain(
	u *unstructured.Unstructured, controlPlane string, before syncline.App, wrote *v1alpha1.Application,
) (syncline.App, *v1alpha1.Application) {
	cr, fields := v1alpha1.DecodeApplication(u)
	holdOnce(cr, wrote)
	app := ToApp(cr, controlPlane)
	holdSourcesOnce(&app, before)
	var found problems
	for _, field := range fields {
		if !field.Within("status") {
			found.add("%s", field.Error())
		}
	}
	app.Invalid = append(found, app.Invalid...)
	return app, cr
}

// ToApp translates an Application. What is wrong with its spec, or with the
// operation that it asks for, is in the App's Invalid; what can be read is
// translated all the same. The namespace controlPlane is the one where
// Applications are tracked by their bare name.
func ToApp(cr *v1alpha1.Application, controlPlane string) syncline.App {
	var found problems
	cr = shorten(cr, &found)
	app := syncline.App{
		ID:           syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: cr.Namespace, Name: cr.Name},
		UID:          cr.UID,
		Dialect:      convention.Dialect(),
		Instance:     instance(cr, controlPlane),
		Project:      cr.Spec.Project,
		Sources:      toSources(cr.Spec.Source, cr.Spec.Sources),
		Destination:  toDestination(cr.Spec.Destination),
		Policy:       toPolicy(cr.Spec.SyncPolicy, &found),
		Ignore:       toIgnoreRules(cr.Spec.IgnoreDifferences),
		HistoryLimit: historyLimit(cr),
		Refresh:      refresh(cr),
		Deleting:     deletion(cr),
		Paused:       cr.Annotations[v1alpha1.SkipReconcileAnnotation] == "true",
		Past:         toPast(syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: cr.Namespace, Name: cr.Name}, cr),
	}
	readApprovals(cr, &app)
	checkSpec(cr.Spec, &found)
	switch {
	case cr.Operation == nil:
	case isRequested(cr):
		app.Past.Requested = true
		checkRequest(cr, &found)
	default:
		request := toOperation(*cr.Operation, &found)
		app.Request = &request
		checkOperation(*cr.Operation, len(app.Sources), &found)
		checkRequest(cr, &found)
	}
	app.Invalid = found
	return app
}

// isRequested reports whether .operation is the one that goes on by the status, which
// Argo CD wrote there: it takes the request away at the end only, and Syncline at the
// beginning. Who wrote when it started began it: its phase is also a person's to write,
// who terminates it. What it resolved is in the status alone.
func isRequested(cr *v1alpha1.Application) bool {
	state := toOperationState(cr.Status.OperationState)
	if state == nil || state.Phase.Done() {
		return false
	}
	writers, err := writersOf(cr.ManagedFields, "f:status", "f:operationState", "f:startedAt")
	if err != nil || slices.Contains(writers, fieldmanager.Status) {
		return false
	}
	asked, going := toOperation(*cr.Operation, &problems{}), state.Operation
	asked.Revisions, asked.Sources, going.Revisions, going.Sources = nil, nil, nil, nil
	return reflect.DeepEqual(asked, going)
}

func instance(cr *v1alpha1.Application, controlPlane string) string {
	if cr.Namespace == controlPlane {
		return cr.Name
	}
	return cr.Namespace + "_" + cr.Name
}

// toSources translates a source and sources: when there are sources, the source
// does not count.
func toSources(source *v1alpha1.ApplicationSource, sources []v1alpha1.ApplicationSource) []syncline.Source {
	if len(sources) == 0 && source != nil {
		sources = []v1alpha1.ApplicationSource{*source}
	}
	return each(sources, convention.ToSource)
}

// toDestination takes the address of a cluster with and without a slash at its end for one,
// as Argo CD does where it keeps clusters.
func toDestination(d v1alpha1.ApplicationDestination) syncline.Destination {
	return syncline.Destination{Server: strings.TrimRight(d.Server, "/"), Name: d.Name, Namespace: d.Namespace}
}

func toIgnoreRules(rules []v1alpha1.ResourceIgnoreDifferences) []syncline.IgnoreRule {
	return each(rules, func(r v1alpha1.ResourceIgnoreDifferences) syncline.IgnoreRule {
		return syncline.IgnoreRule{
			Group: glob.Compile(r.Group), Kind: glob.Compile(r.Kind), Name: r.Name, Namespace: r.Namespace,
			JSONPointers:      r.JSONPointers,
			JQPathExpressions: r.JQPathExpressions,
			Managers:          r.ManagedFieldsManagers,
		}
	})
}

func historyLimit(cr *v1alpha1.Application) int {
	if cr.Spec.RevisionHistoryLimit == nil {
		return defaultHistoryLimit
	}
	return int(max(0, *cr.Spec.RevisionHistoryLimit))
}

// refresh reads the annotation as Argo CD does: any value but "hard" is normal. One that
// was taken up is what it was before.
func refresh(cr *v1alpha1.Application) syncline.Refresh {
	value, ok := cr.Annotations[v1alpha1.RefreshAnnotation]
	switch {
	case !ok:
		return syncline.NoRefresh
	case value == string(syncline.RefreshHard), value == v1alpha1.HardRefreshTaken:
		return syncline.RefreshHard
	default:
		return syncline.RefreshNormal
	}
}

func deletion(cr *v1alpha1.Application) *syncline.Deletion {
	if cr.DeletionTimestamp.IsZero() {
		return nil
	}
	d := &syncline.Deletion{
		Since:      cr.DeletionTimestamp.UTC(),
		PreDelete:  slices.Contains(cr.Finalizers, convention.PreDeleteFinalizer),
		PostDelete: slices.Contains(cr.Finalizers, convention.PostDeleteFinalizer),
	}
	switch {
	case slices.Contains(cr.Finalizers, v1alpha1.ResourcesBackgroundFinalizer):
		d.Cascade, d.Propagation = true, "background"
	case slices.ContainsFunc(cr.Finalizers, isResourcesFinalizer):
		d.Cascade, d.Propagation = true, "foreground"
	}
	return d
}

// isResourcesFinalizer reports whether a finalizer asks that the objects be
// deleted first.
func isResourcesFinalizer(finalizer string) bool {
	switch finalizer {
	case v1alpha1.ResourcesFinalizer, v1alpha1.ResourcesForegroundFinalizer, v1alpha1.ResourcesBackgroundFinalizer:
		return true
	}
	return false
}

// problems are what is wrong with an Application.
type problems []syncline.Condition

func (p *problems) add(format string, args ...any) {
	*p = append(*p, syncline.Condition{Type: syncline.InvalidSpecError, Message: fmt.Sprintf(format, args...)})
}

// each translates a list; an empty one becomes nil.
func each[A, B any](list []A, translate func(A) B) []B {
	if len(list) == 0 {
		return nil
	}
	translated := make([]B, len(list))
	for i, entry := range list {
		translated[i] = translate(entry)
	}
	return translated
}

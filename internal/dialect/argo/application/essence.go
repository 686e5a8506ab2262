package application

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// essence returns what [Patch] reads of an Application. The rest may be large, and
// is not kept: people's annotations, what they tell each other, and who wrote which
// field.
func essence(cr *v1alpha1.Application) *v1alpha1.Application {
	cr = shorten(cr, &problems{})
	kept := &v1alpha1.Application{Operation: cr.Operation, Status: cr.Status}
	fit(&kept.Status.Resources)
	fit(&kept.Status.History)
	fit(&kept.Status.Conditions)
	if state := kept.Status.OperationState; state != nil && state.SyncResult != nil {
		fit(&state.SyncResult.Resources)
	}
	kept.Namespace, kept.Name, kept.UID, kept.ResourceVersion = cr.Namespace, cr.Name, cr.UID, cr.ResourceVersion
	kept.Finalizers, kept.DeletionTimestamp = cr.Finalizers, cr.DeletionTimestamp
	for _, name := range answerable() {
		if _, asked := cr.Annotations[name]; asked {
			metav1.SetMetaDataAnnotation(&kept.ObjectMeta, name, "")
		}
	}
	kept.Spec.Source, kept.Spec.Sources, kept.Spec.IgnoreDifferences = cr.Spec.Source, cr.Spec.Sources, cr.Spec.IgnoreDifferences
	return kept
}

// fit gives back the room of a list that was left for more, as by who decodes JSON: for
// one entry of the history as much again as three take.
func fit[T any](list *[]T) {
	if len(*list) < cap(*list) {
		*list = append(make([]T, 0, len(*list)), *list...)
	}
}

// maxName is how long what names something in a spec may be, in bytes: as a path
// of Linux. It would be in every status and in every message.
const maxName = 4096

// shorten returns the Application with the beginnings of names that are too long
// to be any, and says which those are. The given one is not changed.
func shorten(cr *v1alpha1.Application, found *problems) *v1alpha1.Application {
	short := *cr
	spec := &short.Spec
	shortenName("spec.project", &spec.Project, found)
	shortenName("spec.destination.server", &spec.Destination.Server, found)
	shortenName("spec.destination.name", &spec.Destination.Name, found)
	shortenName("spec.destination.namespace", &spec.Destination.Namespace, found)
	if spec.Source != nil {
		source := shortenSource(*spec.Source, found)
		spec.Source = &source
	}
	spec.Sources = each(spec.Sources, func(s v1alpha1.ApplicationSource) v1alpha1.ApplicationSource { return shortenSource(s, found) })
	return &short
}

func shortenSource(source v1alpha1.ApplicationSource, found *problems) v1alpha1.ApplicationSource {
	shortenName("the source's repoURL", &source.RepoURL, found)
	shortenName("the source's path", &source.Path, found)
	shortenName("the source's targetRevision", &source.TargetRevision, found)
	shortenName("the source's chart", &source.Chart, found)
	shortenName("the source's ref", &source.Ref, found)
	return source
}

// shortenName leaves the beginning of a name that is too long, with what no name
// ends in.
func shortenName(what string, name *string, found *problems) {
	const told = 48
	if len(*name) > maxName {
		*name = strings.ToValidUTF8((*name)[:told], "") + "…"
		found.add("%s %q is longer than %d bytes", what, *name, maxName)
	}
}

package application

import (
	"reflect"
	"slices"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// holdOnce has the sources that an Application repeats be the same ones, and those that it
// said before: its status says them up to a dozen times with all of their values, and others
// still have what it said before.
func holdOnce(cr, before *v1alpha1.Application) {
	var known []*v1alpha1.ApplicationSource
	for _, source := range slices.Concat(declared(before), declared(cr), repeated(cr)) {
		same := slices.IndexFunc(known, func(k *v1alpha1.ApplicationSource) bool { return reflect.DeepEqual(k, source) })
		if same < 0 {
			known = append(known, source)
			continue
		}
		*source = *known[same]
	}
}

// declared returns the sources that an Application declares.
func declared(cr *v1alpha1.Application) []*v1alpha1.ApplicationSource {
	return eachOf(cr.Spec.Source, cr.Spec.Sources)
}

// repeated returns the sources that an Application says beside those that it declares.
func repeated(cr *v1alpha1.Application) []*v1alpha1.ApplicationSource {
	said := eachOf(cr.Status.Sync.ComparedTo.Source, cr.Status.Sync.ComparedTo.Sources)
	operations := []*v1alpha1.Operation{cr.Operation}
	if state := cr.Status.OperationState; state != nil {
		operations = append(operations, &state.Operation)
		if state.SyncResult != nil {
			said = append(said, eachOf(state.SyncResult.Source, state.SyncResult.Sources)...)
		}
	}
	for _, operation := range operations {
		if operation != nil && operation.Sync != nil {
			said = append(said, eachOf(operation.Sync.Source, operation.Sync.Sources)...)
		}
	}
	for _, entry := range cr.Status.History {
		said = append(said, eachOf(entry.Source, entry.Sources)...)
	}
	return said
}

// eachOf returns a source, if there is one, and sources.
func eachOf(source *v1alpha1.ApplicationSource, sources []v1alpha1.ApplicationSource) []*v1alpha1.ApplicationSource {
	var all []*v1alpha1.ApplicationSource
	if source != nil {
		all = append(all, source)
	}
	for i := range sources {
		all = append(all, &sources[i])
	}
	return all
}

// holdSourcesOnce does for an App what [holdOnce] does for what it is read from.
func holdSourcesOnce(app *syncline.App, before syncline.App) {
	all := []*[]syncline.Source{&before.Sources, &app.Sources, &app.Past.Sources}
	if app.Request != nil {
		all = append(all, &app.Request.Sources)
	}
	if state := app.Past.Operation; state != nil {
		all = append(all, &state.Sources, &state.Operation.Sources)
	}
	for i := range app.Past.History {
		all = append(all, &app.Past.History[i].Sources)
	}
	for i, sources := range all {
		same := slices.IndexFunc(all[:i], func(k *[]syncline.Source) bool { return reflect.DeepEqual(k, sources) })
		if same >= 0 {
			*sources = *all[same]
		}
	}
}

package application

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/automation/coalesce"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// Resources writes Applications.
type Resources interface {
	// PatchApplication applies a JSON merge patch and returns what came of it. It
	// is a NotFound error when there is none any more.
	PatchApplication(ctx context.Context, id syncline.AppID, patch []byte) (*unstructured.Unstructured, error)
}

// Store reads Applications into Apps, and writes reports into them. It is safe for
// concurrent use.
type Store struct {
	// Changed is told what somebody changed between the last sighting and our
	// write, whose answer shows it first: the watch has nothing new to tell then.
	// Set it before the first WriteDraft. Default: nobody is told.
	Changed func(app syncline.App, change catalog.Change)

	// Label returns the label by which Argo CD is to track objects, which they are given
	// too. Set it before the first Put. Default: there is none.
	Label func() string

	apps         *catalog.Apps
	resources    Resources
	controlPlane string
	// dialect is that of every App.
	dialect *syncline.Dialect
	budget  budget
}

var _ coalesce.Resources = (*Store)(nil)

// record is what a patch of one Application is made from.
type record struct {
	// cr is what [Patch] reads of it; see essence. It is not changed.
	cr *v1alpha1.Application
	// taken says that the refresh which it asks for was taken up.
	taken bool
}

// NewStore returns a Store of the Applications among apps, which declares there what it
// reads. The namespace controlPlane is the one where Applications are tracked by their
// bare name.
func NewStore(resources Resources, controlPlane string, apps *catalog.Apps) *Store {
	s := &Store{apps: apps, resources: resources, controlPlane: controlPlane, Label: func() string { return "" }}
	s.dialect = convention.Labelling(func() string { return s.Label() })
	return s
}

// Put takes note of an Application as it was seen. What is not newer than what
// is known is passed over: a watch tells again what our own writes came to. The
// object is not kept, and may be changed.
func (s *Store) Put(u *unstructured.Unstructured) (syncline.App, catalog.Change) {
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: u.GetNamespace(), Name: u.GetName()}
	if app, known := s.apps.Seen(id, u.GetUID(), u.GetResourceVersion()); known {
		return app, catalog.Same
	}
	return s.apps.Declare(s.read(u))
}

// read returns the App that an Application declares, and what a patch of it is made from.
func (s *Store) read(u *unstructured.Unstructured) (syncline.App, any) {
	bytes := bytesOf(u.Object)
	unstructured.RemoveNestedField(u.Object, "spec", "info") // what people tell each other is not for us
	id := syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Namespace: u.GetNamespace(), Name: u.GetName()}
	unaffordable := s.afford(u, id)
	before, wrote := s.known(id)
	app, cr := readAgain(u, s.controlPlane, before, wrote)
	app.Invalid = append(unaffordable, app.Invalid...)
	app.Dialect, app.Past.Bytes = s.dialect, bytes // the dialect is one for all
	return app, &record{cr: essence(cr), taken: isTaken(cr)}
}

// known returns what is known of an Application, which is nothing of one that is not.
func (s *Store) known(id syncline.AppID) (syncline.App, *v1alpha1.Application) {
	entry, _ := s.apps.Entry(id)
	known, ok := entry.Record.(*record)
	if !ok {
		return syncline.App{}, &v1alpha1.Application{}
	}
	return *entry.App, known.cr
}

// Draft returns what a report changes in its Application.
func (s *Store) Draft(report syncline.Report) (*coalesce.Draft, error) {
	entry, _ := s.apps.Entry(report.App)
	known, ok := entry.Record.(*record)
	if !ok {
		return nil, nil //nolint:nilnil // nobody is there to be told
	}
	patched, err := Patch(report, known.cr)
	if err != nil || patched.Patch == nil {
		return nil, err
	}
	return &coalesce.Draft{
		App: report.App, Before: entry.App.Past.Report, After: toReport(report.App, patched.Status),
		Answers: patched.Answers, Patch: patched.Patch,
	}, nil
}

// WriteDraft patches an Application. What the API server answers is known at once, so that
// the next turn builds on it. The end of one that is not found is told by the watch.
func (s *Store) WriteDraft(ctx context.Context, draft *coalesce.Draft) (written bool, err error) {
	u, err := s.resources.PatchApplication(ctx, draft.App, draft.Patch)
	switch {
	case syncline.KindOf(err) == syncline.NotFound:
		return false, nil
	case syncline.KindOf(err) == syncline.Invalid:
		err = errors.Join(err, s.sayUnwritten(ctx, draft.App, err))
	}
	if err != nil {
		return false, fmt.Errorf("write the status of Application %s: %w", draft.App, err)
	}
	s.keep(u)
	return true, nil
}

// keep takes note of what an Application became by a write.
func (s *Store) keep(u *unstructured.Unstructured) {
	app, change := s.apps.Keep(s.read(u))
	if change != catalog.Same && s.Changed != nil {
		s.Changed(app, change)
	}
}

// bytesOf returns about how many bytes a value takes, as JSON or read from it.
func bytesOf(value any) int {
	bytes := 8 // of a number, and of what there may be many that are empty
	switch value := value.(type) {
	case string:
		return len(value)
	case json.RawMessage:
		return len(value)
	case map[string]any:
		for key, entry := range value {
			bytes += len(key) + bytesOf(entry)
		}
	case []any:
		for _, entry := range value {
			bytes += bytesOf(entry)
		}
	}
	return bytes
}

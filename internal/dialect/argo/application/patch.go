package application

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// Patched is what becomes of an Application.
type Patched struct {
	// Patch is the JSON merge patch that brings it there, nil when nothing changes.
	Patch []byte
	// Status is what it says then.
	Status v1alpha1.ApplicationStatus
	// Answers says that more than the status changes: what was asked for is done.
	Answers bool
}

// Patch brings the Application to what the report says.
//
// It changes the status, and nothing in it that the types do not know. It also
// takes away what was asked for and is done: the operation, the refresh
// annotations, the approval of a prune, and the finalizers of a deleted
// Application; and it has the finalizers that stand for hooks follow the source. Such a patch names the resource version that the report is
// about, or else the given Application's, so that the API server refuses it
// with a conflict when somebody has asked for something in between; the next
// turn sees that. Any other patch names none: it depends on nothing that others
// write.
//
// Status.reconciledAt moves only together with something else, because an
// unchanged status is not written.
func Patch(report syncline.Report, cr *v1alpha1.Application) (Patched, error) {
	content := answers(report, cr)
	status := newStatus(report, cr)
	changes, err := statusChanges(report, cr, status, len(content) > 0)
	if err != nil {
		return Patched{}, fmt.Errorf("make the status of Application %s: %w", report.App, err)
	}
	patched := Patched{Status: status, Answers: len(content) > 0}
	if len(changes) > 0 {
		content["status"] = changes
	}
	if len(content) > 0 {
		patched.Patch, err = json.Marshal(content)
	}
	return patched, err
}

// answers returns what is to be changed besides the status, because what was
// asked for is done.
func answers(report syncline.Report, cr *v1alpha1.Application) map[string]any {
	content := map[string]any{}
	metadata := map[string]any{}
	if annotations := answered(report, cr); len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	if finalizers := finalizersAfter(report, cr); !slices.Equal(finalizers, cr.Finalizers) {
		metadata["finalizers"] = finalizers
	}
	consumed := report.Consumed && cr.Operation != nil
	if consumed {
		content["operation"] = nil
	}
	if consumed || len(metadata) > 0 {
		metadata["resourceVersion"] = cmp.Or(report.ResourceVersion, cr.ResourceVersion)
		content["metadata"] = metadata
	}
	return content
}

// statusChanges returns what changes in the status so that it becomes the given
// one; more says that something changes besides it.
func statusChanges(report syncline.Report, cr *v1alpha1.Application, status v1alpha1.ApplicationStatus, more bool) (map[string]any, error) {
	changes := map[string]any{}
	if !equality.Semantic.DeepEqual(cr.Status, status) { // which is much cheaper than JSON
		old, now := cr.Status, status
		old.Resources, now.Resources = nil, nil // they may be thousands, and are written as they are
		from, err := ToJSON(old)
		if err != nil {
			return nil, err
		}
		to, err := ToJSON(now)
		if err != nil {
			return nil, err
		}
		changes = MergePatch(from, to)
		switch same := equality.Semantic.DeepEqual(cr.Status.Resources, status.Resources); {
		case same:
		case len(status.Resources) == 0:
			changes["resources"] = nil
		default:
			changes["resources"] = status.Resources
		}
	}
	// A definition of Application which is not Syncline's drops this field
	// again: alone it must not make a status that changes for ever.
	_, waiting := changes["syncline"]
	if report.Resolved && (more || len(changes) > 1 || len(changes) == 1 && !waiting) {
		changes["reconciledAt"] = fromTime(report.At)
	}
	return changes, nil
}

// answerable returns the annotations that a report may answer.
func answerable() []string {
	return []string{v1alpha1.RefreshAnnotation, v1alpha1.RefreshTimestampAnnotation, syncline.AnnotationApprovePrune}
}

// answered returns the annotations to remove, because the report answers them.
func answered(report syncline.Report, cr *v1alpha1.Application) map[string]any {
	removed := map[string]any{}
	remove := func(names ...string) {
		for _, name := range names {
			if _, ok := cr.Annotations[name]; ok {
				removed[name] = nil
			}
		}
	}
	if _, asked := cr.Annotations[v1alpha1.RefreshAnnotation]; asked && refreshed(report) {
		remove(v1alpha1.RefreshAnnotation, v1alpha1.RefreshTimestampAnnotation)
	}
	if hasPruned(report) || report.Spent {
		remove(syncline.AnnotationApprovePrune)
	}
	return removed
}

// refreshed reports whether the turn looked as hard as it could. One that goes on with
// an operation keeps to its revisions, also when it ends it: the request waits for the
// turn after that.
func refreshed(report syncline.Report) bool {
	op := report.Operation
	return report.Resolved || op == nil || op.Phase.Done() && !op.FinishedAt.Equal(report.At)
}

// hasPruned reports whether an operation that has just succeeded pruned
// something, which uses up an approval.
func hasPruned(report syncline.Report) bool {
	op := report.Operation
	return op != nil && op.Phase == syncline.OperationSucceeded && !op.Operation.DryRun && op.FinishedAt.Equal(report.At) &&
		slices.ContainsFunc(op.Results, func(r syncline.ObjectResult) bool { return r.Code == syncline.ResultPruned })
}

// finalizersAfter returns the finalizers that the Application has to have. As in
// Argo CD, one stands for the hooks that are to run when it is deleted: what is
// being deleted is not rendered any more.
func finalizersAfter(report syncline.Report, cr *v1alpha1.Application) []string {
	switch {
	case report.Deleted:
		return foreignFinalizers(cr)
	case report.AtEnd == nil || !cr.DeletionTimestamp.IsZero():
		return cr.Finalizers
	}
	// An operation may be of another revision than that which is declared.
	other := report.Operation != nil && !report.Operation.Phase.Done()
	finalizers := standFor(cr.Finalizers, convention.PreDeleteFinalizer, report.AtEnd.PreDelete, other)
	return standFor(finalizers, convention.PostDeleteFinalizer, report.AtEnd.PostDelete, other)
}

// standFor returns the finalizers with the one that stands for hooks, or without
// it and what it is called while they are cleaned up. Save leaves one that is there.
func standFor(finalizers []string, finalizer string, hooks, keep bool) []string {
	switch has := slices.Contains(finalizers, finalizer); {
	case hooks && !has:
		return append(slices.Clone(finalizers), finalizer)
	case hooks || keep:
		return finalizers
	}
	return slices.DeleteFunc(slices.Clone(finalizers), func(name string) bool {
		return name == finalizer || strings.HasPrefix(name, finalizer+"/")
	})
}

// foreignFinalizers returns the finalizers that are not Argo CD's, which are not
// Syncline's to remove.
func foreignFinalizers(cr *v1alpha1.Application) []string {
	kept := []string{}
	for _, finalizer := range cr.Finalizers {
		domain, _, _ := strings.Cut(finalizer, "/")
		switch domain {
		case v1alpha1.ResourcesFinalizer, convention.PreDeleteFinalizer, convention.PostDeleteFinalizer:
		default:
			kept = append(kept, finalizer)
		}
	}
	return kept
}

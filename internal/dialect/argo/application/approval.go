package application

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/fieldmanager"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// setsManager is under which Argo CD writes the Applications of an ApplicationSet:
// what a template says, which is in Git as often as not.
const setsManager = "argocd-applicationset-controller"

// readApprovals reads the annotations by which a person approves something. One that
// is declared is none, whichever way it was written: Git would approve what it says
// itself. Nor is one of which nobody can tell who wrote it. What is passed over for
// that reason is told.
func readApprovals(cr *v1alpha1.Application, app *syncline.App) {
	digest, why := approval(cr, syncline.AnnotationApprovePrune)
	text, whyNot := approval(cr, convention.DeletionApproved)
	app.ApprovedPrune = syncline.Digest(digest)
	// As in Argo CD, what is no time approves nothing.
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		app.ApprovedAt = at.UTC()
	}
	switch {
	case why == "":
		app.Disregarded = whyNot
	case whyNot == "":
		app.Disregarded = why
	default:
		app.Disregarded = why + "; " + whyNot
	}
}

// approval returns an annotation by which a person approves something, or why it is
// none.
func approval(cr *v1alpha1.Application, annotation string) (value, whyNot string) {
	if cr.Annotations[annotation] == "" {
		return "", ""
	}
	writers, err := writersOf(cr.ManagedFields, "f:metadata", "f:annotations", "f:"+annotation)
	if err != nil || len(writers) == 0 {
		return "", fmt.Sprintf("its annotation %s approves nothing: metadata.managedFields do not say who wrote it; remove it and write it anew", annotation)
	}
	for _, writer := range writers {
		if declares(writer) {
			return "", fmt.Sprintf("its annotation %s approves nothing: it is declared, and was written by %s", annotation, writer)
		}
	}
	return cr.Annotations[annotation], ""
}

// checkRequest refuses an operation that prunes objects by name and that is declared:
// to name them is to approve.
func checkRequest(cr *v1alpha1.Application, found *problems) {
	if sync := cr.Operation.Sync; sync == nil || !sync.Prune || len(sync.Resources) == 0 {
		return
	}
	writers, err := writersOf(cr.ManagedFields, "f:operation")
	if err == nil && !slices.ContainsFunc(writers, declares) {
		return
	}
	found.add("operation.sync prunes objects by name, which only a person may ask for, and it is declared by another application")
}

// declares reports whether what a manager writes is what somebody declared for the
// Application, and not what a person said to it: what delivers Apps writes what Git
// says, and the command line has a manager of its own.
func declares(manager string) bool {
	switch manager {
	case syncline.FieldManager, convention.FormerManager, fieldmanager.Restore, setsManager:
		return true
	}
	return strings.HasPrefix(manager, fieldmanager.Namespaces)
}

// writersOf returns who owns a field, by any operation.
func writersOf(entries []metav1.ManagedFieldsEntry, path ...string) ([]string, error) {
	var writers []string
	for _, entry := range entries {
		if entry.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			return nil, fmt.Errorf("managedFields of %s: %w", entry.Manager, err)
		}
		if has(fields, path) {
			writers = append(writers, strings.ToValidUTF8(entry.Manager, ""))
		}
	}
	return writers, nil
}

// has reports whether there is something at a path.
func has(fields map[string]any, path []string) bool {
	for _, key := range path {
		inner, ok := fields[key]
		if !ok {
			return false
		}
		fields, _ = inner.(map[string]any)
	}
	return true
}

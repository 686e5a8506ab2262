package syncline

import "fmt"

// The annotations and the finalizer that are Syncline's own, whatever the dialect.
const (
	// AnnotationOperation is put on every hook: the operation that created it. A
	// restarted process finds by it what it had begun, and runs no hook twice.
	AnnotationOperation = "syncline.io/operation"

	// AnnotationApprovePrune, on the resource that declares an App, approves what
	// a plan prunes, by its [Plan.PruneDigest], or the deletion of the App, by its
	// [App.DeletionDigest].
	AnnotationApprovePrune = "syncline.io/approve-prune"

	// FinalizerHook keeps a hook's object until its outcome was written down. It is
	// called as Argo CD calls its own, so that either lets go what the other held.
	FinalizerHook = "argocd.argoproj.io/hook-finalizer"
)

// Approval is the annotation that approves what the digest identifies, as every
// message writes it that asks for an approval.
func (d Digest) Approval() string {
	return fmt.Sprintf("%s: %q", AnnotationApprovePrune, string(d))
}

// FieldManager is the name under which an object is applied whose dialect says no other.
const FieldManager = "argocd-controller"

// KubectlManager is under which kubectl applies client-side.
const KubectlManager = "kubectl-client-side-apply"

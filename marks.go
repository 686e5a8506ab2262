package syncline

import (
	"fmt"
	"strings"
)

// The annotations and finalizers that steer Syncline. Those of Argo CD keep
// their names and meaning.
const (
	AnnotationTracking    = "argocd.argoproj.io/tracking-id"
	AnnotationWave        = "argocd.argoproj.io/sync-wave"
	AnnotationHook        = "argocd.argoproj.io/hook"
	AnnotationHookDelete  = "argocd.argoproj.io/hook-delete-policy"
	AnnotationSyncOptions = "argocd.argoproj.io/sync-options"
	AnnotationCompare     = "argocd.argoproj.io/compare-options"
	AnnotationNoHealth    = "argocd.argoproj.io/ignore-healthcheck"

	AnnotationHelmHook       = "helm.sh/hook"
	AnnotationHelmWeight     = "helm.sh/hook-weight"
	AnnotationHelmHookDelete = "helm.sh/hook-delete-policy"
	AnnotationHelmPolicy     = "helm.sh/resource-policy"

	// AnnotationOperation is put on every hook: the operation that created it. A
	// restarted process finds by it what it had begun, and runs no hook twice.
	AnnotationOperation = "syncline.io/operation"

	// AnnotationApprovePrune, on the resource that declares an App, approves what
	// a plan prunes, by its [Plan.PruneDigest], or the deletion of the App, by its
	// [App.DeletionDigest].
	AnnotationApprovePrune = "syncline.io/approve-prune"

	// AnnotationDeletionApproved is Argo CD's: the time when a person approved the
	// deletions that were asked for before, as in RFC 3339.
	AnnotationDeletionApproved = "argocd.argoproj.io/deletion-approved"

	// FinalizerPreDelete and FinalizerPostDelete, on the resource that declares an
	// App, stand for hooks that run when the App is deleted: before anything else
	// goes, and at the end. With "/cleanup" they stand for what such hooks left.
	FinalizerPreDelete  = "pre-delete-finalizer.argocd.argoproj.io"
	FinalizerPostDelete = "post-delete-finalizer.argocd.argoproj.io"

	// FinalizerHook keeps a hook's object until its outcome was written down.
	FinalizerHook = "argocd.argoproj.io/hook-finalizer"
)

// Approval is the annotation that approves what the digest identifies, as every
// message writes it that asks for an approval.
func (d Digest) Approval() string {
	return fmt.Sprintf("%s: %q", AnnotationApprovePrune, string(d))
}

// ApprovalIn returns the digest that a message asks a person to approve, or "".
func ApprovalIn(message string) Digest {
	_, rest, _ := strings.Cut(message, AnnotationApprovePrune+`: "`)
	digest, _, ended := strings.Cut(rest, `"`)
	if !ended || strings.Trim(digest, "0123456789abcdef") != "" {
		return ""
	}
	return Digest(digest)
}

// Steers reports whether an annotation of a live object steers Syncline, so that
// it is remembered. It is a closed set, because anybody can invent keys.
func Steers(key string) bool {
	switch key {
	case AnnotationWave, AnnotationHook, AnnotationHookDelete, AnnotationSyncOptions, AnnotationCompare, AnnotationNoHealth,
		AnnotationHelmHook, AnnotationHelmWeight, AnnotationHelmHookDelete, AnnotationHelmPolicy,
		AnnotationOperation, AnnotationApprovePrune:
		return true
	}
	return false
}

// FieldManager is the name under which Syncline applies. It is Argo CD's, so
// that adopting its Applications changes no ownership.
const FieldManager = "argocd-controller"

// FormerFieldManager is under which Argo CD wrote before it named its field manager,
// and what it creates and replaces.
const FormerFieldManager = "argocd-application-controller"

// KubectlManager is under which kubectl applies client-side.
const KubectlManager = "kubectl-client-side-apply"

// IsClientSide reports whether what a manager wrote by an update is client-side
// apply, by kubectl or by Argo CD under each of its names: its fields become ours, and
// those go that leave Git.
func IsClientSide(manager string) bool {
	return manager == KubectlManager || manager == FieldManager || manager == FormerFieldManager
}

// StatusManager is under which reports are written into the resources that declare
// Apps, so that a status never becomes a declaration.
const StatusManager = "syncline-status"

// RestoreManager is under which an object is put back that was deleted for another
// which was refused: the name of nobody whose fields are ever removed.
const RestoreManager = "syncline-restore"

// IsOurs reports whether a field manager is one under which Apps are delivered, by
// Syncline or by Argo CD: what it wrote is what Git says. The command line has another.
func IsOurs(manager string) bool {
	return manager == FieldManager || manager == FormerFieldManager || manager == RestoreManager ||
		strings.HasPrefix(manager, NamespaceManagers)
}

// NamespaceManagers is how the names begin under which Apps apply what they want of
// their destination namespace.
const NamespaceManagers = "syncline-namespace"

// maxManager is how long the API server lets the name of a field manager be.
const maxManager = 128

// NamespaceManager is the name under which an instance applies what it wants of its
// destination namespace. Each has its own, because an apply removes what its manager
// applied before and does not apply again: under one name Apps would remove what
// others want of the same namespace. A name that is too long is told by its digest,
// behind another sign, so that no instance can be called like it.
func NamespaceManager(instance string) string {
	if name := NamespaceManagers + "/" + instance; len(name) <= maxManager {
		return name
	}
	digest, _ := DigestOf(instance) // a text
	return NamespaceManagers + "#" + string(digest)
}

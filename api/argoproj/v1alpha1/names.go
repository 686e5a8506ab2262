package v1alpha1

import "k8s.io/apimachinery/pkg/runtime/schema"

// The group and version of the resources, and the kinds of those that Syncline
// reads.
const (
	Group   = "argoproj.io"
	Version = "v1alpha1"

	ApplicationKind = "Application"
	AppProjectKind  = "AppProject"
)

// ApplicationResource returns the resource under which the API server serves
// Applications.
func ApplicationResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: Group, Version: Version, Resource: "applications"}
}

// AppProjectResource returns the resource under which the API server serves
// AppProjects.
func AppProjectResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: Group, Version: Version, Resource: "appprojects"}
}

// TrackingAnnotation says of an object which Application delivers it, as
// INSTANCE:GROUP/KIND:NAMESPACE/NAME.
const TrackingAnnotation = "argocd.argoproj.io/tracking-id"

// InstanceLabel says of an object which Application delivers it, where Argo CD is to track
// by label and is told no other key. Charts set it too, to the name of a release.
const InstanceLabel = "app.kubernetes.io/instance"

// Annotations of an Application that ask for something.
const (
	// RefreshAnnotation asks to look again, "normal" or "hard". It is removed
	// when that was done.
	RefreshAnnotation = "argocd.argoproj.io/refresh"
	// RefreshTaken and HardRefreshTaken are Syncline's own values of it, while it is being
	// answered. Argo CD reads both as "normal".
	RefreshTaken     = "normal-taken-up"
	HardRefreshTaken = "hard-taken-up"
	// RefreshTimestampAnnotation tells two requests of the same value apart.
	RefreshTimestampAnnotation = "argocd.argoproj.io/refresh-timestamp"
	// SkipReconcileAnnotation, when "true", stops everything for an Application.
	SkipReconcileAnnotation = "argocd.argoproj.io/skip-reconcile"
)

// Finalizers of an Application by which its objects are deleted before it. The
// first deletes in the foreground.
const (
	ResourcesFinalizer           = "resources-finalizer.argocd.argoproj.io"
	ResourcesForegroundFinalizer = "resources-finalizer.argocd.argoproj.io/foreground"
	ResourcesBackgroundFinalizer = "resources-finalizer.argocd.argoproj.io/background"
)

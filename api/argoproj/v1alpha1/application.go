package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Application says what should run where, and reports how that goes. It has no
// status subresource: spec, operation and status share one resource version.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=applications,shortName=app;apps
// +kubebuilder:printcolumn:name="Sync Status",type=string,JSONPath=`.status.sync.status`
// +kubebuilder:printcolumn:name="Health Status",type=string,JSONPath=`.status.health.status`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.sync.revision`,priority=10
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project`,priority=10
type Application struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec ApplicationSpec `json:"spec"`
	// Status is written by Syncline alone.
	// +kubebuilder:pruning:PreserveUnknownFields
	Status ApplicationStatus `json:"status,omitzero"`
	// Operation asks for a sync. It is removed when the sync begins; how it goes
	// is in status.operationState.
	Operation *Operation `json:"operation,omitempty"`
}

// ApplicationSpec is what an Application declares.
type ApplicationSpec struct {
	// Source says where the manifests are. Exclusive with sources.
	Source *ApplicationSource `json:"source,omitempty"`
	// Sources are several sources whose manifests are delivered together; when
	// there are any, source is not read.
	Sources []ApplicationSource `json:"sources,omitempty"`
	// Destination says where the objects go.
	Destination ApplicationDestination `json:"destination"`
	// Project is the AppProject that the Application belongs to.
	Project string `json:"project"`
	// SyncPolicy says what happens without a person. Absent means nothing.
	SyncPolicy *SyncPolicy `json:"syncPolicy,omitempty"`
	// IgnoreDifferences names fields whose difference does not count.
	IgnoreDifferences []ResourceIgnoreDifferences `json:"ignoreDifferences,omitempty"`
	// Info is shown to people.
	Info []Info `json:"info,omitempty"`
	// RevisionHistoryLimit is how many deployments status.history remembers.
	// Absent means 10, 0 means none.
	RevisionHistoryLimit *int64 `json:"revisionHistoryLimit,omitempty"`
	// SourceHydrator has the rendered manifests committed to a branch, and
	// delivered from there.
	SourceHydrator *SourceHydrator `json:"sourceHydrator,omitempty"`
}

// ApplicationDestination is a cluster and a namespace in it.
type ApplicationDestination struct {
	// Server is the address of the cluster's API. Exclusive with name.
	Server string `json:"server,omitempty"`
	// Namespace is that of namespaced objects which name none.
	Namespace string `json:"namespace,omitempty"`
	// Name is the cluster's name. Exclusive with server.
	Name string `json:"name,omitempty"`
}

// Info is a text for people.
type Info struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ResourceIgnoreDifferences names fields of some objects.
type ResourceIgnoreDifferences struct {
	// Group and kind are globs.
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind"`
	// Name and namespace are exact; absent means any.
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	// JSONPointers are paths such as /spec/replicas.
	JSONPointers []string `json:"jsonPointers,omitempty"`
	// JQPathExpressions are jq paths such as .spec.template.spec.containers[].image.
	JQPathExpressions []string `json:"jqPathExpressions,omitempty"`
	// ManagedFieldsManagers are field managers whose fields are left alone.
	ManagedFieldsManagers []string `json:"managedFieldsManagers,omitempty"`
}

// SyncPolicy says what happens without a person, and how.
type SyncPolicy struct {
	// Automated syncs what differs. Absent means that a person asks for it.
	Automated *SyncPolicyAutomated `json:"automated,omitempty"`
	// SyncOptions are texts such as CreateNamespace=true.
	SyncOptions []string `json:"syncOptions,omitempty"`
	// Retry says how a failed sync is tried again.
	Retry *RetryStrategy `json:"retry,omitempty"`
	// ManagedNamespaceMetadata is put on the namespace that CreateNamespace makes.
	ManagedNamespaceMetadata *ManagedNamespaceMetadata `json:"managedNamespaceMetadata,omitempty"`
}

// SyncPolicyAutomated says what an automatic sync may do.
type SyncPolicyAutomated struct {
	// Prune deletes what left the source.
	Prune bool `json:"prune,omitempty"`
	// SelfHeal puts back what drifted in the cluster.
	SelfHeal bool `json:"selfHeal,omitempty"`
	// AllowEmpty permits pruning everything.
	AllowEmpty bool `json:"allowEmpty,omitempty"`
	// Enabled false turns automatic syncs off without losing the settings.
	// Absent means true.
	Enabled *bool `json:"enabled,omitempty"`
}

// RetryStrategy says how a failed sync is tried again.
type RetryStrategy struct {
	// Limit is the number of retries; negative means without end.
	Limit int64 `json:"limit,omitempty"`
	// Backoff says how long to wait in between.
	Backoff *Backoff `json:"backoff,omitempty"`
	// Refresh resolves the revision again for each retry.
	Refresh bool `json:"refresh,omitempty"`
}

// Backoff is a wait that grows.
type Backoff struct {
	// Duration is the first wait, such as 5s, which is the default.
	Duration string `json:"duration,omitempty"`
	// Factor is how many times longer each next wait is. Default 2.
	Factor *int64 `json:"factor,omitempty"`
	// MaxDuration is the longest wait. Default 3m.
	MaxDuration string `json:"maxDuration,omitempty"`
}

// ManagedNamespaceMetadata is the metadata of a namespace that is created.
type ManagedNamespaceMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SourceHydrator has the rendered manifests of a dry source committed to a
// branch of a sync source, from where they are delivered.
type SourceHydrator struct {
	// DrySource is what is rendered.
	DrySource DrySource `json:"drySource"`
	// SyncSource is where the manifests are delivered from.
	SyncSource SyncSource `json:"syncSource"`
	// HydrateTo is where they are committed, when that is not the sync source.
	HydrateTo *HydrateTo `json:"hydrateTo,omitempty"`
}

// DrySource is the source that a hydrator renders.
type DrySource struct {
	RepoURL        string                      `json:"repoURL"`
	TargetRevision string                      `json:"targetRevision"`
	Path           string                      `json:"path"`
	Helm           *ApplicationSourceHelm      `json:"helm,omitempty"`
	Kustomize      *ApplicationSourceKustomize `json:"kustomize,omitempty"`
	Directory      *ApplicationSourceDirectory `json:"directory,omitempty"`
	Plugin         *ApplicationSourcePlugin    `json:"plugin,omitempty"`
}

// SyncSource is the source that hydrated manifests are delivered from.
type SyncSource struct {
	// RepoURL is absent when it is the dry source's.
	RepoURL      string `json:"repoURL,omitempty"`
	TargetBranch string `json:"targetBranch"`
	// Path is never the root, because what is there would be replaced.
	// +kubebuilder:validation:Pattern=`^.{2,}|[^./]$`
	Path string `json:"path"`
}

// HydrateTo is the branch that hydrated manifests are committed to.
type HydrateTo struct {
	TargetBranch string `json:"targetBranch"`
}

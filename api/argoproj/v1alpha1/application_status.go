package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ApplicationStatus reports how an Application goes.
type ApplicationStatus struct {
	// Resources are the Application's objects, sorted by group, kind, namespace
	// and name.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Resources []ResourceStatus `json:"resources,omitempty"`
	Sync      SyncStatus       `json:"sync,omitzero"`
	Health    AppHealthStatus  `json:"health,omitzero"`
	// History lists the last deployments, oldest first.
	History    []RevisionHistory      `json:"history,omitempty"`
	Conditions []ApplicationCondition `json:"conditions,omitempty"`
	// ReconciledAt is when the revision was last resolved in a turn that
	// changed the status.
	ReconciledAt *metav1.Time `json:"reconciledAt,omitempty"`
	// ObservedAt is not written; Argo CD wrote it once.
	ObservedAt *metav1.Time `json:"observedAt,omitempty"`
	// OperationState is the operation that goes on, or the last one.
	OperationState *OperationState `json:"operationState,omitempty"`
	// SourceType is the tool that renders the source; sourceTypes those of
	// spec.sources.
	SourceType  string             `json:"sourceType,omitempty"`
	SourceTypes []string           `json:"sourceTypes,omitempty"`
	Summary     ApplicationSummary `json:"summary,omitzero"`
	// ResourceHealthSource is absent when status.resources holds health, which
	// it does when Syncline writes it.
	ResourceHealthSource string `json:"resourceHealthSource,omitempty"`
	ControllerNamespace  string `json:"controllerNamespace,omitempty"`
	// Syncline holds what Argo CD has no field for.
	Syncline *SynclineStatus `json:"syncline,omitempty"`
}

// ResourceStatus is one object of an Application.
type ResourceStatus struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Status is Synced, OutOfSync or Unknown, and absent for hooks.
	Status string `json:"status,omitempty"`
	// Health is absent when there is nothing to judge the object by.
	Health                       *HealthStatus `json:"health,omitempty"`
	Hook                         bool          `json:"hook,omitempty"`
	RequiresPruning              bool          `json:"requiresPruning,omitempty"`
	RequiresDeletionConfirmation bool          `json:"requiresDeletionConfirmation,omitempty"`
	SyncWave                     int64         `json:"syncWave,omitempty"`
}

// HealthStatus is the health of one object.
type HealthStatus struct {
	// Status is Healthy, Suspended, Progressing, Missing, Degraded or Unknown.
	Status             string       `json:"status,omitempty"`
	Message            string       `json:"message,omitempty"`
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// AppHealthStatus is the health of an Application: the worst of its objects'.
type AppHealthStatus struct {
	Status string `json:"status,omitempty"`
	// Message names the objects that it is concluded from.
	Message string `json:"message,omitempty"`
	// LastTransitionTime is when status became what it is.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// SyncStatus says whether the cluster is as declared.
type SyncStatus struct {
	// Status is Synced, OutOfSync or Unknown.
	Status string `json:"status"`
	// ComparedTo is what was compared with.
	ComparedTo ComparedTo `json:"comparedTo,omitzero"`
	// Revision is the commit compared with; revisions those of spec.sources.
	Revision  string   `json:"revision,omitempty"`
	Revisions []string `json:"revisions,omitempty"`
}

// ComparedTo is the part of a spec that a comparison depends on.
type ComparedTo struct {
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Source *ApplicationSource `json:"source,omitempty"`
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Sources           []ApplicationSource         `json:"sources,omitempty"`
	Destination       ApplicationDestination      `json:"destination"`
	IgnoreDifferences []ResourceIgnoreDifferences `json:"ignoreDifferences,omitempty"`
}

// RevisionHistory is one deployment.
type RevisionHistory struct {
	ID int64 `json:"id"`
	// Revision is the commit deployed; revisions those of several sources.
	Revision  string   `json:"revision,omitempty"`
	Revisions []string `json:"revisions,omitempty"`
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Source *ApplicationSource `json:"source,omitempty"`
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Sources         []ApplicationSource `json:"sources,omitempty"`
	DeployStartedAt *metav1.Time        `json:"deployStartedAt,omitempty"`
	DeployedAt      metav1.Time         `json:"deployedAt"`
	InitiatedBy     OperationInitiator  `json:"initiatedBy,omitzero"`
}

// ApplicationCondition is something that a person should know.
type ApplicationCondition struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	// LastTransitionTime is when a condition of this type and message appeared.
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`
}

// ApplicationSummary gathers what is shown at a glance.
type ApplicationSummary struct {
	// ExternalURLs are those of the Application's Ingresses.
	ExternalURLs []string `json:"externalURLs,omitempty"`
	// Images are those of its workloads.
	Images      []string `json:"images,omitempty"`
	IsAppOfApps bool     `json:"isAppOfApps,omitempty"`
}

// OperationState is how far an operation has come.
type OperationState struct {
	// Operation is what was asked for.
	Operation Operation `json:"operation"`
	// Phase is Running, Terminating, Succeeded, Failed or Error.
	Phase string `json:"phase"`
	// Message says in words how it goes, or what it waits for.
	Message    string               `json:"message,omitempty"`
	SyncResult *SyncOperationResult `json:"syncResult,omitempty"`
	StartedAt  metav1.Time          `json:"startedAt"`
	// FinishedAt with phase Running means that it waits to be tried again.
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	RetryCount int64        `json:"retryCount,omitempty"`
}

// SyncOperationResult is what a sync delivered.
type SyncOperationResult struct {
	// Resources are the objects that it did something to.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Resources []ResourceResult `json:"resources,omitempty"`
	// Revision is the commit delivered; revisions those of several sources.
	Revision  string   `json:"revision"`
	Revisions []string `json:"revisions,omitempty"`
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Source *ApplicationSource `json:"source,omitempty"`
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Sources                  []ApplicationSource       `json:"sources,omitempty"`
	ManagedNamespaceMetadata *ManagedNamespaceMetadata `json:"managedNamespaceMetadata,omitempty"`
}

// ResourceResult is what a sync did to one object.
type ResourceResult struct {
	Group     string `json:"group"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Status is Synced, SyncFailed, Pruned or PruneSkipped.
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	// HookType is PreSync, Sync, PostSync or SyncFail, and absent but for hooks.
	HookType string `json:"hookType,omitempty"`
	// HookPhase is how far the object has come, hook or not: Running until it
	// is healthy or done.
	HookPhase string `json:"hookPhase,omitempty"`
	// SyncPhase is the phase of the sync that it belongs to.
	SyncPhase string   `json:"syncPhase,omitempty"`
	Images    []string `json:"images,omitempty"`
}

// SynclineStatus is what Syncline reports and Argo CD has no field for.
type SynclineStatus struct {
	// Waiting lists what has to happen before the Application is done, the
	// first ones when there are many.
	Waiting []Blocker `json:"waiting,omitempty"`
	// WaitingMore is how many more there are.
	WaitingMore int64 `json:"waitingMore,omitempty"`
	// Rendered identifies what the last deployment rendered to. By it a new process
	// knows a deployment that was made and not written down.
	Rendered string `json:"rendered,omitempty"`
	// Compared are the revisions that were compared last, while those in sync cannot
	// be. By them a new process knows which files gave objects.
	Compared []string `json:"compared,omitempty"`
	// Charts are the revisions of charts with what identifies their content, as in
	// "1.2.3@sha256:…", where other fields have the versions alone: by the place, which is
	// "sync", "operation/" and when that began, or "history/" and the id. Of a source that
	// is no chart it is "".
	Charts map[string][]string `json:"charts,omitempty"`
}

// Blocker is one thing that an Application waits for. It has no name when it
// is not an object.
type Blocker struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Why says in words what is missing.
	Why string `json:"why,omitempty"`
	// Until is when it ends by itself.
	Until *metav1.Time `json:"until,omitempty"`
}

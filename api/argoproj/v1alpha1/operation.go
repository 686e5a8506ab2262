package v1alpha1

// Operation asks for a sync.
type Operation struct {
	// Sync says what to sync.
	Sync *SyncOperation `json:"sync,omitempty"`
	// InitiatedBy is who asked.
	InitiatedBy OperationInitiator `json:"initiatedBy,omitzero"`
	// Info is shown to people.
	Info []Info `json:"info,omitempty"`
	// Retry says how a failed sync is tried again. Absent means not at all.
	Retry RetryStrategy `json:"retry,omitzero"`
}

// SyncOperation says what to sync.
type SyncOperation struct {
	// Revision overrides the source's targetRevision.
	Revision string `json:"revision,omitempty"`
	// Revisions override those of spec.sources, one each.
	Revisions []string `json:"revisions,omitempty"`
	// Prune deletes what left the source.
	Prune bool `json:"prune,omitempty"`
	// DryRun changes nothing.
	DryRun bool `json:"dryRun,omitempty"`
	// SyncStrategy absent means hook.
	SyncStrategy *SyncStrategy `json:"syncStrategy,omitempty"`
	// Resources restrict the sync to some objects. Absent means all.
	Resources []SyncOperationResource `json:"resources,omitempty"`
	// Source overrides the Application's.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Source *ApplicationSource `json:"source,omitempty"`
	// Sources override the Application's.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Sources []ApplicationSource `json:"sources,omitempty"`
	// Manifests replace what the source would render.
	Manifests []string `json:"manifests,omitempty"`
	// SyncOptions are laid over the Application's.
	SyncOptions []string `json:"syncOptions,omitempty"`
	// SelfHealAttemptsCount counts consecutive automatic repairs of one revision.
	SelfHealAttemptsCount int64 `json:"autoHealAttemptsCount,omitempty"`
}

// SyncStrategy says whether hooks run: with apply they do not.
type SyncStrategy struct {
	Apply *SyncStrategyApply `json:"apply,omitempty"`
	Hook  *SyncStrategyHook  `json:"hook,omitempty"`
}

// SyncStrategyApply applies without hooks.
type SyncStrategyApply struct {
	// Force recreates an object that cannot be updated.
	Force bool `json:"force,omitempty"`
}

// SyncStrategyHook applies with hooks.
type SyncStrategyHook struct {
	SyncStrategyApply `json:",inline"`
}

// SyncOperationResource names one object.
type SyncOperationResource struct {
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	// Namespace absent means any.
	Namespace string `json:"namespace,omitempty"`
}

// OperationInitiator is who asked for an operation.
type OperationInitiator struct {
	Username string `json:"username,omitempty"`
	// Automated is set when nobody asked but the sync policy.
	Automated bool `json:"automated,omitempty"`
}

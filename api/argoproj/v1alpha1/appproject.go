package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AppProject says what its Applications may use and touch.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=appprojects,shortName=appproj;appprojs
type AppProject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec AppProjectSpec `json:"spec"`
	// Status is written by Argo CD alone.
	// +kubebuilder:pruning:PreserveUnknownFields
	Status AppProjectStatus `json:"status,omitzero"`
}

// AppProjectSpec is what an AppProject declares.
type AppProjectSpec struct {
	// SourceRepos are globs over repository URLs; ! in front denies.
	SourceRepos []string `json:"sourceRepos,omitempty"`
	// Destinations are where objects may go.
	Destinations []ApplicationDestination `json:"destinations,omitempty"`
	// Description is for people.
	// +kubebuilder:validation:MaxLength=255
	Description string `json:"description,omitempty"`
	// Roles are for people and programs that use the API.
	Roles []ProjectRole `json:"roles,omitempty"`
	// ClusterResourceWhitelist lists the cluster-scoped kinds that are allowed.
	// Absent or empty means none.
	ClusterResourceWhitelist []ClusterResourceRestriction `json:"clusterResourceWhitelist,omitempty"`
	// ClusterResourceBlacklist lists cluster-scoped kinds that are denied.
	ClusterResourceBlacklist []ClusterResourceRestriction `json:"clusterResourceBlacklist,omitempty"`
	// NamespaceResourceBlacklist lists namespaced kinds that are denied.
	NamespaceResourceBlacklist []GroupKind `json:"namespaceResourceBlacklist,omitempty"`
	// NamespaceResourceWhitelist lists the namespaced kinds that are allowed.
	// Absent means all, empty means none.
	NamespaceResourceWhitelist []GroupKind `json:"namespaceResourceWhitelist,omitempty"`
	// OrphanedResources says what is done about objects that belong to nothing.
	OrphanedResources *OrphanedResources `json:"orphanedResources,omitempty"`
	// SyncWindows say when Applications may be synced.
	SyncWindows []SyncWindow `json:"syncWindows,omitempty"`
	// SignatureKeys are keys that commits have to be signed with.
	SignatureKeys []SignatureKey `json:"signatureKeys,omitempty"`
	// SourceIntegrity says how sources are verified.
	SourceIntegrity *SourceIntegrity `json:"sourceIntegrity,omitempty"`
	// SourceNamespaces are where Applications of the project may live.
	SourceNamespaces []string `json:"sourceNamespaces,omitempty"`
	// PermitOnlyProjectScopedClusters restricts destinations to the project's own.
	PermitOnlyProjectScopedClusters bool `json:"permitOnlyProjectScopedClusters,omitempty"`
	// DestinationServiceAccounts are whom a sync acts as.
	DestinationServiceAccounts []DestinationServiceAccount `json:"destinationServiceAccounts,omitempty"`
}

// ClusterResourceRestriction names objects of cluster scope by globs.
type ClusterResourceRestriction struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	// Name absent means any.
	Name string `json:"name,omitempty"`
}

// GroupKind names kinds by globs.
type GroupKind struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

// ProjectRole is a role within a project.
type ProjectRole struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Policies    []string   `json:"policies,omitempty"`
	JWTTokens   []JWTToken `json:"jwtTokens,omitempty"`
	Groups      []string   `json:"groups,omitempty"`
}

// JWTToken describes a token that was issued; it does not hold it. Times are
// in seconds since 1970.
type JWTToken struct {
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp,omitempty"`
	ID        string `json:"id,omitempty"`
}

// OrphanedResources says what is done about objects that belong to nothing.
type OrphanedResources struct {
	// Warn absent means true.
	Warn   *bool              `json:"warn,omitempty"`
	Ignore []OrphanedResource `json:"ignore,omitempty"`
}

// OrphanedResource names objects by globs.
type OrphanedResource struct {
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind,omitempty"`
	Name  string `json:"name,omitempty"`
}

// SyncWindow is a time in which syncs are allowed or denied.
type SyncWindow struct {
	// Kind is allow or deny.
	Kind string `json:"kind,omitempty"`
	// Schedule is when the window opens, in cron format.
	Schedule string `json:"schedule,omitempty"`
	// Duration is how long it stays open, such as 1h.
	Duration     string   `json:"duration,omitempty"`
	Applications []string `json:"applications,omitempty"`
	Namespaces   []string `json:"namespaces,omitempty"`
	Clusters     []string `json:"clusters,omitempty"`
	// ManualSync permits people to sync against the window.
	ManualSync bool   `json:"manualSync,omitempty"`
	TimeZone   string `json:"timeZone,omitempty"`
	// UseAndOperator has all of applications, namespaces and clusters match.
	UseAndOperator bool   `json:"andOperator,omitempty"`
	Description    string `json:"description,omitempty"`
	// SyncOverrun lets a sync that began in time go on.
	SyncOverrun bool `json:"syncOverrun,omitempty"`
}

// SignatureKey is a key that commits are signed with.
type SignatureKey struct {
	KeyID string `json:"keyID"`
}

// SourceIntegrity says how sources are verified.
type SourceIntegrity struct {
	Git *SourceIntegrityGit `json:"git,omitempty"`
}

// SourceIntegrityGit says how Git sources are verified.
type SourceIntegrityGit struct {
	Policies []SourceIntegrityGitPolicy `json:"policies,omitempty"`
}

// SourceIntegrityGitPolicy says how some Git repositories are verified.
type SourceIntegrityGitPolicy struct {
	Repos []SourceIntegrityGitRepo `json:"repos,omitempty"`
	GPG   *SourceIntegrityGPG      `json:"gpg,omitempty"`
}

// SourceIntegrityGitRepo names repositories by a glob.
type SourceIntegrityGitRepo struct {
	URL string `json:"url"`
}

// SourceIntegrityGPG is a way to verify by GPG signatures.
type SourceIntegrityGPG struct {
	Mode string   `json:"mode,omitempty"`
	Keys []string `json:"keys,omitempty"`
}

// DestinationServiceAccount is whom a sync to a destination acts as.
type DestinationServiceAccount struct {
	Server                string `json:"server"`
	Namespace             string `json:"namespace,omitempty"`
	DefaultServiceAccount string `json:"defaultServiceAccount"`
}

// AppProjectStatus is written by Argo CD alone.
type AppProjectStatus struct {
	JWTTokensByRole map[string]JWTTokens `json:"jwtTokensByRole,omitempty"`
}

// JWTTokens are the tokens that were issued for one role.
type JWTTokens struct {
	Items []JWTToken `json:"items,omitempty"`
}

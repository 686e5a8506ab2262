package syncline

// Project says what its Apps may use and touch, as an Argo CD AppProject does.
type Project struct {
	Name string
	// SourceRepos are globs over repository URLs; "!" in front denies.
	SourceRepos []string
	// Destinations are where objects may go; "!" in front of any part denies.
	Destinations []Destination
	// ClusterAllow and ClusterDeny restrict cluster-scoped kinds. Nothing is
	// allowed that ClusterAllow does not name.
	ClusterAllow []KindRule
	ClusterDeny  []KindRule
	// NamespaceAllow and NamespaceDeny restrict namespaced kinds. A nil
	// NamespaceAllow allows all.
	NamespaceAllow []KindRule
	NamespaceDeny  []KindRule
}

// KindRule names kinds by globs. An empty Name matches every object.
type KindRule struct {
	Group string
	Kind  string
	Name  string
}

package syncline

// ClusterID names a cluster for as long as Syncline knows it, whatever its name
// for people, its address or the credentials for it become. It is never "" for a
// cluster that there is.
type ClusterID string

// LocalCluster is the cluster in which Apps are declared.
const LocalCluster ClusterID = "local"

// Target is the cluster that a [Destination] names.
type Target struct {
	ID ClusterID
	// Name and Server are what destinations, and the rules of projects, call it.
	Name, Server string
	// Project is the one that it belongs to, "" for none.
	Project string
}

// Is reports whether a destination names the cluster.
func (t Target) Is(to Destination) bool {
	return to.Server != "" && to.Server == t.Server || to.Name != "" && to.Name == t.Name
}

// Identity says as whom objects are written to a cluster. The zero value is
// Syncline itself.
type Identity struct {
	// User is who is impersonated; "" for nobody.
	User string
	// Groups are those of the user, when there is one.
	Groups []string
}

// Capabilities are what templates may know of a cluster.
type Capabilities struct {
	// KubeVersion is that of the API server, such as "v1.36.3"; "" while it is not known.
	KubeVersion string
	// APIVersions are what it serves, sorted, as Helm writes it: apps/v1, apps/v1/Job.
	APIVersions []string
}

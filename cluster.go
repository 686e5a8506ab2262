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
	Name   string
	Server string
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
	// KubeVersion is what the API server says, such as "v1.36.3"; "" for what is not
	// known.
	KubeVersion string
	// APIVersions are the group versions and kinds that it serves, sorted, as Helm
	// names them: "apps/v1" and "apps/v1/Deployment".
	APIVersions []string
}

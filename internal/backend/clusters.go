package backend

import (
	"github.com/syncline-io/syncline/internal/destination"
	"github.com/syncline-io/syncline/internal/dialect/argo/cluster"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// Clusters joins the clusters that Secrets declare to a fleet.
type Clusters struct{ destination.Joiner }

var _ cluster.Audience = Clusters{}

// Join lets the fleet know a cluster, or that it is something else now.
func (c Clusters) Join(declared cluster.Cluster) error {
	return c.Joiner.Join(destination.Declared{
		Target: declared.Target, Config: declared.Config(), Err: declared.Err,
		Scope: kube.Scope{Namespaces: declared.Namespaces, ClusterResources: declared.ClusterResources},
	})
}

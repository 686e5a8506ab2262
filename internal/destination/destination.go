// Package destination joins a fleet of clusters to the engine.
package destination

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
)

// Local is the cluster that Syncline runs in.
func Local() syncline.Target {
	return syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: "https://kubernetes.default.svc"}
}

// JoinLocal lets a fleet know the cluster that Syncline runs in.
func JoinLocal(fleet *kube.Fleet, cluster *kube.Cluster) error {
	return fleet.Set(kube.Member{
		Target: Local(), Permanent: true, Connect: func() (*kube.Cluster, error) { return cluster, nil },
	})
}

// letGoEvery is how often clusters and kinds are looked for that no App needs any more.
const letGoEvery = 5 * time.Minute

// LetGo ends the connections to clusters, and the watches of kinds, that no App needs
// any more, until ctx is done. Needed says which clusters are, and kinds which kinds of
// one are.
func LetGo(
	ctx context.Context, fleet *kube.Fleet,
	needed func(syncline.Target) bool, kinds func(syncline.ClusterID) map[schema.GroupKind]struct{},
) {
	ticker := time.NewTicker(letGoEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fleet.LetGo(needed)
			for id, connection := range fleet.Connections() {
				wanted := kinds(id)
				wanted[schema.GroupKind{Kind: "Namespace"}] = struct{}{} // which every turn asks for
				connection.Live.LetGo(func(kind schema.GroupKind) bool { _, ok := wanted[kind]; return ok })
			}
		case <-ctx.Done():
			return
		}
	}
}

// Clusters are a fleet as the engine knows it.
type Clusters struct{ Fleet *kube.Fleet }

var _ engine.Clusters = Clusters{}

// Target returns the cluster that a destination names, or a NotFound error.
func (c Clusters) Target(to syncline.Destination) (syncline.Target, error) {
	target, err := c.Fleet.Target(to)
	if err != nil {
		err = syncline.WithHint(err, fmt.Sprintf("use server %s or name %s: other clusters are not supported yet", Local().Server, Local().Name))
	}
	return target, err
}

// Cluster returns a cluster as an identity looks at it.
func (c Clusters) Cluster(id syncline.ClusterID, as syncline.Identity) (engine.Cluster, error) {
	return c.Fleet.Access(id, as)
}

// Writer returns what writes to a cluster as an identity.
func (c Clusters) Writer(id syncline.ClusterID, as syncline.Identity) (apply.Writer, error) {
	return c.Fleet.Access(id, as)
}

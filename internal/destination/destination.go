// Package destination joins a fleet of clusters to the engine.
package destination

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
)

// Local is the cluster that Syncline runs in.
func Local() syncline.Target {
	return syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: "https://kubernetes.default.svc"}
}

// Joiner lets a fleet know clusters.
type Joiner struct {
	Fleet *kube.Fleet
	// Own is the cluster that Syncline runs in, as Syncline itself.
	Own *kube.Client
	// Options are those of the others. What is looked at of each is its own.
	Options kube.Options
}

// Declared is a cluster as somebody declares it.
type Declared struct {
	syncline.Target
	// Config says how it is reached; nil says that it is Syncline's own.
	Config *rest.Config
	Scope  kube.Scope
	// Err says why it cannot be used, nil when it can.
	Err error
}

// Local joins the cluster that Syncline runs in, as it is when nobody declares it.
func (j Joiner) Local() error { return j.Join(Declared{Target: Local()}) }

// Join lets the fleet know a cluster, or that it is something else now.
func (j Joiner) Join(c Declared) error {
	return j.Fleet.Set(kube.Member{Target: c.Target, Permanent: c.Config == nil && c.Err == nil, Connect: func() (*kube.Client, error) {
		switch {
		case c.Err != nil:
			return nil, c.Err
		case c.Config == nil:
			return j.Own.Within(c.Scope), nil
		}
		options := j.Options
		options.Scope = c.Scope
		return kube.Connect(c.Config, options)
	}})
}

// Leave lets the fleet forget a cluster that nobody declares any more.
func (j Joiner) Leave(id syncline.ClusterID) {
	if id == syncline.LocalCluster {
		_ = j.Local() // it has an ID, and an address that is nobody else's
		return
	}
	j.Fleet.Remove(id)
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
	if syncline.KindOf(err) == syncline.NotFound {
		err = syncline.WithHint(err, fmt.Sprintf("declare it in a Secret with the label argocd.argoproj.io/secret-type: cluster, or use server %s", Local().Server))
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

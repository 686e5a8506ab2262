package main

import (
	"fmt"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/apply"
)

// local is the cluster that Syncline runs in.
func local() syncline.Target {
	return syncline.Target{ID: syncline.LocalCluster, Name: "in-cluster", Server: "https://kubernetes.default.svc"}
}

// joinLocal lets a fleet know the cluster that Syncline runs in.
func joinLocal(fleet *kube.Fleet, cluster *kube.Cluster) error {
	return fleet.Set(kube.Member{
		Target: local(), Permanent: true, Connect: func() (*kube.Cluster, error) { return cluster, nil },
	})
}

// clusters are a fleet as the engine knows it.
type clusters struct{ fleet *kube.Fleet }

func (c clusters) Target(to syncline.Destination) (syncline.Target, error) {
	target, err := c.fleet.Target(to)
	if err != nil {
		err = syncline.WithHint(err, fmt.Sprintf("use server %s or name %s: other clusters are not supported yet", local().Server, local().Name))
	}
	return target, err
}

func (c clusters) Cluster(id syncline.ClusterID, as syncline.Identity) (engine.Cluster, error) {
	return c.fleet.Access(id, as)
}

func (c clusters) Writer(id syncline.ClusterID, as syncline.Identity) (apply.Writer, error) {
	return c.fleet.Access(id, as)
}

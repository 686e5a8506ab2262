package component

import (
	"context"
	"fmt"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/kwok/pkg/kwok/controllers"
	"sigs.k8s.io/kwok/pkg/utils/client"
)

const (
	podRange      = "10.244.0.0/16"
	nodeIP        = "192.0.2.10" // of an example network: nobody is there
	parallelPlays = 4
)

// runKwok plays the nodes and what runs on them, and then answers for their metrics: when those are available, all of
// the play has begun. It returns only when it fails.
func runKwok(kubeconfig string) error {
	if err := play(kubeconfig); err != nil {
		return fmt.Errorf("starting the play: %w", err)
	}
	return serveMetrics(kubeconfig)
}

// play starts KWOK's controllers, which run as long as the process. Nodes have no leases, so they send no heartbeats.
func play(kubeconfig string) error {
	groups, err := stages()
	if err != nil {
		return err
	}
	clients, err := client.NewClientset("", kubeconfig)
	if err != nil {
		return err
	}
	config := controllers.Config{
		Clock:                      clock.RealClock{},
		ImpersonatingDynamicClient: clients.ToImpersonatingDynamicClient(),
		ImpersonatingTypedClient:   clients.ToImpersonatingTypedClient(),
		ManageAllNodes:             true,
		CIDR:                       podRange,
		NodeIP:                     nodeIP,
		LocalStages:                groups,
		PodPlayStageParallelism:    parallelPlays,
		NodePlayStageParallelism:   parallelPlays,
		PodsOnNodeSyncParallelism:  1,
	}
	if err := connect(&config, clients); err != nil {
		return err
	}
	controller, err := controllers.NewController(config)
	if err != nil {
		return err
	}
	return controller.Start(context.Background())
}

// connect makes the clients that KWOK's controllers use.
func connect(config *controllers.Config, clients client.Clientset) (err error) {
	access, err := clients.ToRESTConfig()
	if err != nil {
		return err
	}
	if config.RESTClient, err = rest.RESTClientFor(access); err != nil {
		return err
	}
	if config.TypedClient, err = kubernetes.NewForConfig(access); err != nil {
		return err
	}
	if config.DynamicClient, err = clients.ToDynamicClient(); err != nil {
		return err
	}
	config.RESTMapper, err = clients.ToRESTMapper()
	return err
}

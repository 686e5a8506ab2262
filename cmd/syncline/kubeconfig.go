package main

import (
	"fmt"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/kube"
	"github.com/syncline-io/syncline/internal/front/cli"
)

// restConfig reads the kubeconfig that the connection names, or else the
// service account of the pod.
func restConfig(connection cli.Connection) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = connection.Kubeconfig
	rules.WarnIfAllMissing = false
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: connection.Context}).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		err = fmt.Errorf("there is no kubeconfig, or an empty one, at %s", strings.Join(rules.GetLoadingPrecedence(), ", "))
	}
	if err != nil {
		return nil, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "no cluster to talk to: %w", err),
			"name a kubeconfig by --kubeconfig or $KUBECONFIG, and a context in it by --context")
	}
	return config, nil
}

// connect prepares the API server of a connection; it sends no request.
func connect(connection cli.Connection, agent string) (*kube.Cluster, error) {
	config, err := restConfig(connection)
	if err != nil {
		return nil, err
	}
	return kube.Connect(config, kube.Options{UserAgent: agent})
}

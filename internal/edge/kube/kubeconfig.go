package kube

import (
	"fmt"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/syncline-io/syncline"
)

// ReadConfig reads how to reach a cluster as kubectl does, for [Connect]: by a
// kubeconfig and a context in it, or else by the service account of the pod. An empty
// path means $KUBECONFIG and ~/.kube/config, and an empty name the current context.
func ReadConfig(path, name string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	rules.WarnIfAllMissing = false
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: name}).ClientConfig()
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

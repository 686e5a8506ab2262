package testenv

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// givenKubeconfig is the kubeconfig of a cluster to use instead of a devcluster, or empty.
func givenKubeconfig() string {
	if path := os.Getenv("SYNCLINE_TEST_KUBECONFIG"); path != "" {
		return path
	}
	return os.Getenv("KUBECONFIG")
}

func givenCluster(path string, options ClusterOptions) (*Cluster, error) {
	if options.Audit {
		return nil, fmt.Errorf("the tests read the API audit log, which the cluster of %s does not give: unset SYNCLINE_TEST_KUBECONFIG and KUBECONFIG", path)
	}
	server, err := currentServer(path)
	if err != nil {
		return nil, err
	}
	return &Cluster{Kubeconfig: path, Server: server}, nil
}

// currentServer is the API server of a kubeconfig's current context.
func currentServer(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig that the environment names: %w", err)
	}
	var config struct {
		CurrentContext string `json:"current-context"`
		Contexts       []struct {
			Name    string
			Context struct{ Cluster string }
		}
		Clusters []struct {
			Name    string
			Cluster struct{ Server string }
		}
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		return "", fmt.Errorf("reading kubeconfig %s: %w", path, err)
	}
	for _, entry := range config.Contexts {
		if entry.Name != config.CurrentContext {
			continue
		}
		for _, cluster := range config.Clusters {
			if cluster.Name == entry.Context.Cluster {
				return cluster.Cluster.Server, nil
			}
		}
	}
	return "", fmt.Errorf("kubeconfig %s: its current context %q names no cluster in it", path, config.CurrentContext)
}

package devcluster

import (
	"context"
	"fmt"
)

// object is one of the few small objects that a new cluster is furnished with.
type object map[string]any

const (
	metricsNamespace = "kube-system"
	metricsService   = "metrics-server"
	// metricsAPI is the path of the APIService through which the API server offers metrics.
	metricsAPI = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
)

// furnish makes the nodes, the default storage class and the way to the metrics.
func (c *Cluster) furnish(ctx context.Context) error {
	objects := map[string]object{
		"/apis/storage.k8s.io/v1/storageclasses/standard":                        storageClass(),
		"/api/v1/namespaces/" + metricsNamespace + "/services/" + metricsService: c.metricsService(),
		metricsAPI: c.metricsAPIService(),
	}
	for number := range c.options.Nodes {
		objects["/api/v1/nodes/"+nodeName(number)] = node(nodeName(number))
	}
	for path, object := range objects {
		if err := c.setup.apply(ctx, path, object); err != nil {
			return err
		}
	}
	return nil
}

func nodeName(number int) string { return fmt.Sprintf("node-%d", number) }

// node is one with room for anything. KWOK's own stage would give it no ephemeral storage, which some pods ask for.
func node(name string) object {
	room := object{"cpu": "1k", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "1M"}
	return object{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": object{
			"name": name,
			"labels": object{
				"kubernetes.io/arch":     "amd64",
				"kubernetes.io/hostname": name,
				"kubernetes.io/os":       "linux",
			},
			"annotations": object{"kwok.x-k8s.io/node": "fake"},
		},
		"status": object{"allocatable": room, "capacity": room},
	}
}

func storageClass() object {
	return object{
		"apiVersion": "storage.k8s.io/v1",
		"kind":       "StorageClass",
		"metadata": object{
			"name":        "standard",
			"annotations": object{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		"provisioner": "devcluster.syncline.io/volume",
	}
}

// metricsService leads the API server to the metrics' socket on this machine.
func (c *Cluster) metricsService() object {
	return object{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata":   object{"name": metricsService},
		"spec": object{
			"type":         "ExternalName",
			"externalName": "localhost",
			"ports":        []object{{"port": c.metricsPort}},
		},
	}
}

func (c *Cluster) metricsAPIService() object {
	return object{
		"apiVersion": "apiregistration.k8s.io/v1",
		"kind":       "APIService",
		"metadata":   object{"name": "v1beta1.metrics.k8s.io"},
		"spec": object{
			"group":                "metrics.k8s.io",
			"version":              "v1beta1",
			"groupPriorityMinimum": 100,
			"versionPriority":      100,
			"caBundle":             c.setup.ca,
			"service": object{
				"namespace": metricsNamespace,
				"name":      metricsService,
				"port":      c.metricsPort,
			},
		},
	}
}

// working says what a user would still wait for: the API server; ready nodes; the service account of a namespace, which
// the controller manager makes and pods need; the metrics, which KWOK answers for as soon as it plays, and without which
// a list of all API resources is incomplete.
func (c *Cluster) working(ctx context.Context) error {
	if err := c.apiReady(ctx); err != nil {
		return err
	}
	for number := range c.options.Nodes {
		if err := c.hasCondition(ctx, "/api/v1/nodes/"+nodeName(number), "Ready"); err != nil {
			return err
		}
	}
	if err := c.setup.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil); err != nil {
		return err
	}
	return c.hasCondition(ctx, metricsAPI, "Available")
}

func (c *Cluster) hasCondition(ctx context.Context, path, kind string) error {
	var object struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.setup.get(ctx, path, &object); err != nil {
		return err
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == kind && condition.Status == "True" {
			return nil
		}
	}
	return fmt.Errorf("%s is not %s: %+v", path, kind, object.Status.Conditions)
}

package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	// metricsFD is the socket, listening already, on which the API server asks for metrics.
	metricsFD = 4
	// cpuAnnotation of a pod is what each of its containers is said to use, as a quantity.
	cpuAnnotation = "devcluster.syncline.io/cpu"
)

// metrics answers the resource metrics API, for which other clusters run the metrics server: without it each
// HorizontalPodAutoscaler is in error. Usage is made up: it does not come from kubelets.
type metrics struct {
	client kubernetes.Interface
}

// serveMetrics returns only when it fails.
func serveMetrics(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig for metrics: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making the client for metrics: %w", err)
	}
	listener, err := net.FileListener(os.NewFile(metricsFD, "metrics"))
	if err != nil {
		return fmt.Errorf("taking over the socket for metrics: %w", err)
	}
	return http.ServeTLS(listener, metrics{client}.handler(), "metrics.crt", "metrics.key")
}

func (m metrics) handler() http.Handler {
	const api = "GET /apis/metrics.k8s.io/v1beta1"
	mux := http.NewServeMux()
	mux.HandleFunc(api, answer(func(*http.Request) (any, error) { return metricsResources(), nil }))
	mux.HandleFunc(api+"/nodes", answer(m.nodes))
	mux.HandleFunc(api+"/nodes/{name}", answer(m.node))
	mux.HandleFunc(api+"/pods", answer(m.pods))
	mux.HandleFunc(api+"/namespaces/{namespace}/pods", answer(m.pods))
	mux.HandleFunc(api+"/namespaces/{namespace}/pods/{name}", answer(m.pod))
	return mux
}

// answer writes what ask returns as JSON; an error of the API server is passed on as it is.
func answer(ask func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusOK
		object, err := ask(r)
		if err != nil {
			status := metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
			if known := interface{ Status() metav1.Status }(nil); errors.As(err, &known) {
				status = known.Status()
			}
			status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
			object, code = status, int(status.Code)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(object) // fails only when the API server has gone
	}
}

func metricsResources() metav1.APIResourceList {
	return metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"},
		GroupVersion: v1beta1.SchemeGroupVersion.String(),
		APIResources: []metav1.APIResource{
			{Name: "nodes", Kind: "NodeMetrics", Verbs: metav1.Verbs{"get", "list"}},
			{Name: "pods", Kind: "PodMetrics", Namespaced: true, Verbs: metav1.Verbs{"get", "list"}},
		},
	}
}

func (m metrics) nodes(r *http.Request) (any, error) {
	nodes, err := m.client.CoreV1().Nodes().List(r.Context(), selection(r))
	if err != nil {
		return nil, err
	}
	list := v1beta1.NodeMetricsList{TypeMeta: metricsType("NodeMetricsList"), Items: []v1beta1.NodeMetrics{}}
	for i := range nodes.Items {
		list.Items = append(list.Items, nodeMetrics(&nodes.Items[i]))
	}
	return list, nil
}

func (m metrics) node(r *http.Request) (any, error) {
	node, err := m.client.CoreV1().Nodes().Get(r.Context(), r.PathValue("name"), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return nodeMetrics(node), nil
}

func (m metrics) pods(r *http.Request) (any, error) {
	pods, err := m.client.CoreV1().Pods(r.PathValue("namespace")).List(r.Context(), selection(r))
	if err != nil {
		return nil, err
	}
	list := v1beta1.PodMetricsList{TypeMeta: metricsType("PodMetricsList"), Items: []v1beta1.PodMetrics{}}
	for i := range pods.Items {
		if pods.Items[i].Status.Phase == corev1.PodRunning {
			list.Items = append(list.Items, podMetrics(&pods.Items[i]))
		}
	}
	return list, nil
}

func (m metrics) pod(r *http.Request) (any, error) {
	pod, err := m.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("name"), metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return podMetrics(pod), nil
}

func selection(r *http.Request) metav1.ListOptions {
	query := r.URL.Query()
	return metav1.ListOptions{LabelSelector: query.Get("labelSelector"), FieldSelector: query.Get("fieldSelector")}
}

func nodeMetrics(node *corev1.Node) v1beta1.NodeMetrics {
	return v1beta1.NodeMetrics{
		TypeMeta:   metricsType("NodeMetrics"),
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: node.Labels},
		Timestamp:  metav1.Now(),
		Window:     metav1.Duration{Duration: time.Second},
		Usage:      usage(resource.MustParse("100m")),
	}
}

func podMetrics(pod *corev1.Pod) v1beta1.PodMetrics {
	cpu, err := resource.ParseQuantity(pod.Annotations[cpuAnnotation])
	if err != nil { // also when there is none
		cpu = resource.MustParse("1m")
	}
	out := v1beta1.PodMetrics{
		TypeMeta:   metricsType("PodMetrics"),
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Labels: pod.Labels},
		Timestamp:  metav1.Now(),
		Window:     metav1.Duration{Duration: time.Second},
	}
	for _, container := range pod.Spec.Containers {
		out.Containers = append(out.Containers, v1beta1.ContainerMetrics{Name: container.Name, Usage: usage(cpu)})
	}
	return out
}

func usage(cpu resource.Quantity) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: resource.MustParse("1Mi")}
}

func metricsType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1beta1.SchemeGroupVersion.String(), Kind: kind}
}

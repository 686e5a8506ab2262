// Package stage starts what every contender gets afresh: a Kubernetes control
// plane with its audit log on, and a Git server. It acts on them and looks at
// them for the workloads, and does not know the contenders.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/bench/internal/input"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/kube"
)

// Applications are those of Argo CD.
func Applications() schema.GroupVersionResource { return v1alpha1.ApplicationResource() }

// ConfigMaps are those of the core group.
func ConfigMaps() schema.GroupVersionResource {
	return corev1.SchemeGroupVersion.WithResource("configmaps")
}

// Services are those of the core group.
func Services() schema.GroupVersionResource {
	return corev1.SchemeGroupVersion.WithResource("services")
}

// Deployments are those of the group apps.
func Deployments() schema.GroupVersionResource {
	return appsv1.SchemeGroupVersion.WithResource("deployments")
}

// workers is how many requests the driver makes at once.
const workers = 16

// Options say what a Stage needs.
type Options struct {
	// Progress gets what the control plane says. Required.
	Progress io.Writer
}

// Stage is a control plane and a Git server, with nothing else on them.
type Stage struct {
	// Kubeconfig is the path of the administrator's.
	Kubeconfig string
	// AuditLog is the path of the API server's.
	AuditLog string
	// Folder is a temporary one, for logs and data; it is removed by Stop.
	Folder string
	// API is the driver's own way to the API server.
	API *kube.Client
	// Repo is a repository of the Git server.
	Repo *testenv.GitRepo
	// Charts is where the chart is published; nil without one.
	Charts *Charts
	// Cluster is the control plane.
	Cluster *testenv.Cluster

	config *rest.Config
	git    *testenv.GitServer
}

// Start starts a Stage. ctx bounds starting only; Stop ends it.
func Start(ctx context.Context, options Options) (*Stage, error) {
	s := &Stage{}
	if err := s.start(ctx, options); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stage) start(ctx context.Context, options Options) (err error) {
	if s.Folder, err = os.MkdirTemp("", "syncline-bench-"); err != nil {
		return err
	}
	s.Cluster, err = testenv.StartCluster(ctx, testenv.ClusterOptions{
		Name: "syncline-bench", Audit: true, Nodes: 3, Progress: options.Progress,
	})
	if err != nil {
		return err
	}
	s.Kubeconfig, s.AuditLog = s.Cluster.Kubeconfig, s.Cluster.AuditLog
	if s.config, err = clientcmd.BuildConfigFromFlags("", s.Kubeconfig); err != nil {
		return fmt.Errorf("reading kubeconfig %s: %w", s.Kubeconfig, err)
	}
	if s.API, err = s.Connect("bench-driver"); err != nil {
		return err
	}
	s.git, err = testenv.StartGit(context.WithoutCancel(ctx), testenv.GitOptions{Dir: filepath.Join(s.Folder, "git")})
	if err != nil {
		return err
	}
	if s.Repo, err = s.git.Create(ctx, "bench"); err != nil {
		return err
	}
	return s.CreateNamespaces(ctx, []string{input.ControlNamespace})
}

// Connect returns a way to the API server that the audit log knows by the name.
func (s *Stage) Connect(agent string) (*kube.Client, error) {
	return kube.Connect(s.config, kube.Options{UserAgent: agent})
}

// Stop ends the Stage and removes what it left.
func (s *Stage) Stop() error {
	var failures []error
	if s.API != nil {
		s.API.Close()
	}
	if s.git != nil {
		failures = append(failures, s.git.Close())
	}
	if s.Charts != nil {
		failures = append(failures, s.Charts.close())
	}
	if s.Cluster != nil {
		failures = append(failures, s.Cluster.Stop())
	}
	if s.Folder != "" {
		failures = append(failures, os.RemoveAll(s.Folder))
	}
	return errors.Join(failures...)
}

// Define makes the API server know the resources that the files of a folder
// define, if it does not yet.
func (s *Stage) Define(ctx context.Context, folder string) error {
	objects, err := readFolder(folder)
	if err != nil {
		return err
	}
	definitions := apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")
	watch, err := s.Watch(ctx, definitions)
	if err != nil {
		return err
	}
	defer watch.Stop()
	var created []types.NamespacedName
	for _, u := range objects {
		if u.GetKind() != "CustomResourceDefinition" {
			continue
		}
		if err := s.API.CreateMissing(ctx, definitions, u); err != nil {
			return err
		}
		created = append(created, types.NamespacedName{Name: u.GetName()})
	}
	if len(created) == 0 {
		return fmt.Errorf("no definitions of resources in %s", folder)
	}
	_, err = watch.Await(ctx, created, established)
	return err
}

// Create creates the ConfigMaps and Secrets that the files of a folder have, in
// the namespace of Applications.
func (s *Stage) Create(ctx context.Context, folder string) error {
	objects, err := readFolder(folder)
	if err != nil {
		return err
	}
	for _, u := range objects {
		resource, known := map[string]schema.GroupVersionResource{
			"ConfigMap": ConfigMaps(), "Secret": corev1.SchemeGroupVersion.WithResource("secrets"),
		}[u.GetKind()]
		if !known {
			continue
		}
		u.SetNamespace(input.ControlNamespace)
		if err := s.API.CreateMissing(ctx, resource, u); err != nil {
			return err
		}
	}
	return nil
}

// readFolder reads the YAML files of a folder, each of one object.
func readFolder(folder string) ([]*unstructured.Unstructured, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, name := range names {
		u, err := read(name)
		if err != nil {
			return nil, err
		}
		objects = append(objects, u)
	}
	return objects, nil
}

func read(name string) (*unstructured.Unstructured, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &u.Object); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return u, nil
}

func established(u *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(condition any) bool {
		c, ok := condition.(map[string]any)
		return ok && c["type"] == string(apiextensionsv1.Established) && c["status"] == string(apiextensionsv1.ConditionTrue)
	})
}

// CreateNamespaces creates namespaces, and waits until pods may run in them.
func (s *Stage) CreateNamespaces(ctx context.Context, names []string) error {
	watch, err := s.Watch(ctx, corev1.SchemeGroupVersion.WithResource("serviceaccounts"))
	if err != nil {
		return err
	}
	defer watch.Stop()
	err = Each(ctx, names, func(ctx context.Context, name string) error {
		namespace := &unstructured.Unstructured{}
		namespace.SetAPIVersion("v1")
		namespace.SetKind("Namespace")
		namespace.SetName(name)
		_, err := s.API.Create(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), namespace)
		return err
	})
	if err != nil {
		return err
	}
	var accounts []types.NamespacedName
	for _, name := range names {
		accounts = append(accounts, types.NamespacedName{Namespace: name, Name: "default"})
	}
	_, err = watch.Await(ctx, accounts, func(*unstructured.Unstructured) bool { return true })
	return err
}

// Prepare puts the input into the repository, publishes its chart if it has one, and
// makes its namespaces.
func (s *Stage) Prepare(ctx context.Context, in input.Input) error {
	if in.Shape.IsRelease() {
		if err := s.startCharts(ctx, in.Shape); err != nil {
			return err
		}
	}
	if _, err := s.Repo.Commit(ctx, testenv.GitCommit{Message: "Begin", Files: in.Files}); err != nil {
		return err
	}
	return s.CreateNamespaces(ctx, in.Namespaces())
}

// Addresses returns where sources are served.
func (s *Stage) Addresses() input.Addresses {
	at := input.Addresses{Repo: s.Repo.URL}
	if s.Charts != nil {
		at.Charts = s.Charts.URL()
	}
	return at
}

// Commit changes files of the repository.
func (s *Stage) Commit(ctx context.Context, files map[string]string) error {
	_, err := s.Repo.Commit(ctx, testenv.GitCommit{Files: files})
	return err
}

// Each calls do for every item, for 16 at a time, until one fails.
func Each[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, item := range items {
		group.Go(func() error { return do(ctx, item) })
	}
	return group.Wait()
}

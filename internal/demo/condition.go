package demo

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// The resources that the demo looks at.
func applications() schema.GroupVersionResource { return v1alpha1.ApplicationResource() }
func projects() schema.GroupVersionResource     { return v1alpha1.AppProjectResource() }
func namespaces() schema.GroupVersionResource {
	return corev1.SchemeGroupVersion.WithResource("namespaces")
}
func configMaps() schema.GroupVersionResource {
	return corev1.SchemeGroupVersion.WithResource("configmaps")
}
func secrets() schema.GroupVersionResource { return corev1.SchemeGroupVersion.WithResource("secrets") }
func services() schema.GroupVersionResource {
	return corev1.SchemeGroupVersion.WithResource("services")
}
func deployments() schema.GroupVersionResource {
	return appsv1.SchemeGroupVersion.WithResource("deployments")
}
func jobs() schema.GroupVersionResource { return batchv1.SchemeGroupVersion.WithResource("jobs") }
func definitions() schema.GroupVersionResource {
	return apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")
}

// appState is what the status of an Application says.
type appState struct {
	sync, health, revision string
	// isOfChart says that the revision is that of a chart, which no commit changes.
	isOfChart bool
	// operation is the phase of the last one, with its message when it failed.
	operation string
	problems  []string
}

func stateOf(u *unstructured.Unstructured) appState {
	app, _ := v1alpha1.DecodeApplication(u)
	state := appState{
		sync:     app.Status.Sync.Status,
		health:   app.Status.Health.Status,
		revision: app.Status.Sync.Revision,
	}
	if revisions := app.Status.Sync.Revisions; len(revisions) > 0 {
		state.revision = revisions[len(revisions)-1] // that of the repository
	}
	state.isOfChart = app.Spec.Source != nil && app.Spec.Source.Chart != ""
	if operation := app.Status.OperationState; operation != nil {
		state.operation = operation.Phase
		if state.operation != string(syncline.OperationSucceeded) && operation.Message != "" {
			state.operation += ": " + operation.Message
		}
	}
	for _, problem := range app.Status.Conditions {
		state.problems = append(state.problems, problem.Type+": "+problem.Message)
	}
	return state
}

// String is one line about the state.
func (s appState) String() string {
	parts := append([]string{orNone(s.sync), orNone(s.health), s.operation}, s.problems...)
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// delivered holds when an Application says that it is synced to the revision, healthy, and done.
func delivered(name, revision string) condition {
	return func(v view) string {
		u, ok := v[key{applications(), types.NamespacedName{Namespace: controlNamespace, Name: name}}]
		if !ok {
			return fmt.Sprintf("there is no Application %s", name)
		}
		state := stateOf(u)
		done := state.sync == string(syncline.Synced) && state.health == string(syncline.Healthy) &&
			(state.revision == revision || state.isOfChart) && state.operation == string(syncline.OperationSucceeded)
		if !done {
			return fmt.Sprintf("Application %s at %.8s is %s", name, state.revision, state)
		}
		return ""
	}
}

// hasCondition holds when an Application, looked at in that revision, has a condition of the type.
func hasCondition(name, revision, kind string) condition {
	return func(v view) string {
		u, ok := v[key{applications(), types.NamespacedName{Namespace: controlNamespace, Name: name}}]
		if !ok {
			return fmt.Sprintf("there is no Application %s", name)
		}
		app, _ := v1alpha1.DecodeApplication(u)
		has := slices.ContainsFunc(app.Status.Conditions, func(c v1alpha1.ApplicationCondition) bool { return c.Type == kind })
		if app.Status.Sync.Revision != revision || !has {
			return fmt.Sprintf("Application %s at %.8s has no condition %s", name, app.Status.Sync.Revision, kind)
		}
		return ""
	}
}

// available holds when a Deployment has that many replicas, all of them of its current template and ready.
func available(namespace, name string, replicas int32) condition {
	return func(v view) string {
		d, ok := lookup[appsv1.Deployment](v, deployments(), namespace, name)
		switch {
		case !ok:
			return fmt.Sprintf("there is no Deployment %s/%s", namespace, name)
		case d.Spec.Replicas == nil || *d.Spec.Replicas != replicas:
			return fmt.Sprintf("Deployment %s/%s does not ask for %d replicas", namespace, name, replicas)
		case d.Status.ObservedGeneration < d.Generation, d.Status.UpdatedReplicas != replicas, d.Status.AvailableReplicas != replicas:
			return fmt.Sprintf("Deployment %s/%s is not rolled out", namespace, name)
		}
		return ""
	}
}

// container holds when the first container of a Deployment satisfies check, which says what it is not.
func container(namespace, name string, check func(corev1.Container) string) condition {
	return func(v view) string {
		d, ok := lookup[appsv1.Deployment](v, deployments(), namespace, name)
		if !ok || len(d.Spec.Template.Spec.Containers) == 0 {
			return fmt.Sprintf("there is no Deployment %s/%s with a container", namespace, name)
		}
		if why := check(d.Spec.Template.Spec.Containers[0]); why != "" {
			return fmt.Sprintf("Deployment %s/%s %s", namespace, name, why)
		}
		return ""
	}
}

func image(suffix string) func(corev1.Container) string {
	return func(c corev1.Container) string {
		if !strings.HasSuffix(c.Image, suffix) {
			return fmt.Sprintf("runs the image %s, not %s", c.Image, suffix)
		}
		return ""
	}
}

func environment(name, value string) func(corev1.Container) string {
	return func(c corev1.Container) string {
		for _, variable := range c.Env {
			if variable.Name == name && variable.Value == value {
				return ""
			}
		}
		return fmt.Sprintf("does not have %s=%s", name, value)
	}
}

// established holds when the API server serves the kinds of these definitions.
func established(names ...string) condition {
	return func(v view) string {
		for _, name := range names {
			if !isEstablished(v, name) {
				return "the API server does not serve " + name
			}
		}
		return ""
	}
}

func isEstablished(v view, name string) bool {
	definition, ok := lookup[apiextensionsv1.CustomResourceDefinition](v, definitions(), "", name)
	for _, c := range definition.Status.Conditions {
		if ok && c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return true
		}
	}
	return false
}

// present holds when the object exists, absent when it does not.
func present(resource schema.GroupVersionResource, namespace, name string) condition {
	return func(v view) string {
		if _, ok := v[key{resource, types.NamespacedName{Namespace: namespace, Name: name}}]; !ok {
			return fmt.Sprintf("there is no %s %s/%s", resource.Resource, namespace, name)
		}
		return ""
	}
}

func absent(resource schema.GroupVersionResource, namespace, name string) condition {
	return func(v view) string {
		if present(resource, namespace, name)(v) == "" {
			return fmt.Sprintf("%s %s/%s is still there", resource.Resource, namespace, name)
		}
		return ""
	}
}

// tracked holds when the object carries the tracking annotation of the Application.
func tracked(resource schema.GroupVersionResource, namespace, name, app string) condition {
	return func(v view) string {
		u, ok := v[key{resource, types.NamespacedName{Namespace: namespace, Name: name}}]
		if !ok {
			return fmt.Sprintf("there is no %s %s/%s", resource.Resource, namespace, name)
		}
		if id := u.GetAnnotations()[v1alpha1.TrackingAnnotation]; !strings.HasPrefix(id, app+":") {
			return fmt.Sprintf("%s %s/%s is tracked by %q, not by %s", resource.Resource, namespace, name, id, app)
		}
		return ""
	}
}

// inWaves holds when the objects of the example "waves" came one after the other. The API server's clock ticks in
// seconds; the Deployment takes two to become available, so that a wave that does not wait is seen.
func inWaves(v view) string {
	config, ok := lookup[corev1.ConfigMap](v, configMaps(), "waves", "greeting")
	web, ok2 := lookup[appsv1.Deployment](v, deployments(), "waves", "web")
	service, ok3 := lookup[corev1.Service](v, services(), "waves", "web")
	switch ready := availableSince(web); {
	case !ok || !ok2 || !ok3:
		return "an object of the waves is missing"
	case web.CreationTimestamp.Before(&config.CreationTimestamp):
		return "wave 1 began before wave 0"
	case ready == nil:
		return "wave 1 is not healthy"
	case service.CreationTimestamp.Before(ready):
		return "wave 2 began before wave 1 was healthy"
	}
	return ""
}

// inPhases holds when the hooks of the example "hooks" ran around its Deployment.
func inPhases(v view) string {
	migrate, ok := lookup[batchv1.Job](v, jobs(), "hooks", "migrate")
	orders, ok2 := lookup[appsv1.Deployment](v, deployments(), "hooks", "orders")
	test, ok3 := lookup[batchv1.Job](v, jobs(), "hooks", "smoke-test")
	switch ready := availableSince(orders); {
	case !ok || !ok2 || !ok3:
		return "a hook is missing"
	case migrate.Status.CompletionTime == nil || test.Status.CompletionTime == nil:
		return "a hook has not completed"
	case orders.CreationTimestamp.Before(migrate.Status.CompletionTime):
		return "the sync began before the PreSync hook had completed"
	case ready == nil || test.CreationTimestamp.Before(ready):
		return "the PostSync hook began before the sync was healthy"
	case present(jobs(), "hooks", "alert")(v) == "":
		return "the SyncFail hook ran although nothing failed"
	}
	return ""
}

// availableSince is when a Deployment became available, or nil.
func availableSince(d appsv1.Deployment) *metav1.Time {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionTrue {
			return &c.LastTransitionTime
		}
	}
	return nil
}

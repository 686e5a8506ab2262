// Package input makes what the workloads deliver: files for a Git repository,
// and the Applications that point to them. It talks to nobody.
package input

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// ControlNamespace is where Applications are declared.
const ControlNamespace = "argocd"

// Shape says how apps and folders belong together.
type Shape string

// The shapes. Small is the one of Flux's own benchmark.
const (
	// Monorepo is one repository with a folder for each app, all in one namespace.
	Monorepo Shape = "monorepo"
	// Small is one folder that is delivered once into each of many namespaces.
	Small Shape = "small repo"
	// Large is one app of many objects.
	Large Shape = "one app"
)

// App is one unit of delivery: a folder and where it goes.
type App struct {
	Name string
	// Path is the folder in the repository: of its manifests, or of the values of its chart.
	Path string
	// Chart is the shape of an input of [NewReleases]; "" when the app has no chart.
	Chart Shape
	// Namespace is where the objects go.
	Namespace string
	// Deployment is the name of the folder's Deployment; "" when it has none.
	Deployment string
	// Objects are those of the folder, for who applies them without Git.
	Objects []*unstructured.Unstructured
}

// ID names the Application.
func (a App) ID() types.NamespacedName {
	return types.NamespacedName{Namespace: ControlNamespace, Name: a.Name}
}

// In names an object of the app.
func (a App) In(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: a.Namespace, Name: name}
}

// Input is everything that a workload begins with.
type Input struct {
	Shape Shape
	Apps  []App
	// Files are those of the repository, by path.
	Files map[string]string
}

// Namespaces returns those of the apps, each once.
func (i Input) Namespaces() []string {
	var names []string
	known := map[string]bool{}
	for _, app := range i.Apps {
		if !known[app.Namespace] {
			known[app.Namespace] = true
			names = append(names, app.Namespace)
		}
	}
	return names
}

// New makes the input of so many apps in the shape Monorepo or Small.
func New(shape Shape, count int) (Input, error) {
	in := Input{Shape: shape, Files: map[string]string{}}
	for i := range count {
		app := App{
			Name: fmt.Sprintf("app-%04d", i), Path: fmt.Sprintf("apps/app-%04d", i),
			Namespace: "apps", Deployment: fmt.Sprintf("app-%04d", i),
		}
		if shape == Small {
			app.Path, app.Deployment, app.Namespace = "app", "app", app.Name
		}
		if err := in.Add(app, Manifests(app.Deployment, "first")); err != nil {
			return Input{}, err
		}
	}
	return in, nil
}

// NewLarge makes the input of one app of so many ConfigMaps.
func NewLarge(objects int) (Input, error) {
	in := Input{Shape: Large, Files: map[string]string{}}
	files := map[string]string{}
	for i := range objects {
		name := partName(i)
		files[name+".yaml"] = configMap(name, "first")
	}
	return in, in.Add(App{Name: "large", Path: "large", Namespace: "large"}, files)
}

// With returns an input of these apps and others, which have other folders.
func (i Input) With(other Input) Input {
	both := Input{Shape: i.Shape, Apps: slices.Concat(i.Apps, other.Apps), Files: maps.Clone(i.Files)}
	maps.Copy(both.Files, other.Files)
	return both
}

// Add adds an app with the files of its folder.
func (i *Input) Add(app App, files map[string]string) error {
	for name, text := range files {
		i.Files[path.Join(app.Path, name)] = text
	}
	return i.addManifests(app, files)
}

// addManifests adds an app that delivers what the files hold.
func (i *Input) addManifests(app App, files map[string]string) error {
	for name, text := range files {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			return fmt.Errorf("reading %s/%s: %w", app.Path, name, err)
		}
		u.SetNamespace(app.Namespace)
		app.Objects = append(app.Objects, u)
	}
	i.Apps = append(i.Apps, app)
	return nil
}

// Manifests returns the files of one app's folder: a ConfigMap that holds the
// value, a Service and a Deployment, all of the given name.
func Manifests(name, value string) map[string]string {
	return map[string]string{
		"configmap.yaml":  configMap(name, value),
		"service.yaml":    strings.ReplaceAll(service, "NAME", name),
		"deployment.yaml": strings.ReplaceAll(deployment, "NAME", name),
	}
}

// Edit is a change of one file that gives one ConfigMap another value.
type Edit struct {
	// File and Text are what to commit.
	File, Text string
	// Object is the ConfigMap.
	Object types.NamespacedName
	Value  string
}

// Edit changes the ConfigMap of an app of [New].
func (a App) Edit(value string) Edit { return a.edit("configmap.yaml", a.Deployment, value) }

// EditPart changes one of the ConfigMaps of the app of [NewLarge].
func (a App) EditPart(part int, value string) Edit {
	return a.edit(partName(part)+".yaml", partName(part), value)
}

func (a App) edit(file, name, value string) Edit {
	return Edit{File: path.Join(a.Path, file), Text: configMap(name, value), Object: a.In(name), Value: value}
}

func partName(part int) string { return fmt.Sprintf("part-%04d", part) }

func configMap(name, value string) string {
	return strings.NewReplacer("NAME", name, "VALUE", value).Replace(`apiVersion: v1
kind: ConfigMap
metadata:
  name: NAME
  labels: {app.kubernetes.io/name: NAME}
data:
  value: VALUE
  settings.yaml: |
    listen: :8080
    greeting: hello from NAME
    features: [search, orders]
`)
}

const service = `apiVersion: v1
kind: Service
metadata:
  name: NAME
  labels: {app.kubernetes.io/name: NAME}
spec:
  selector: {app.kubernetes.io/name: NAME}
  ports:
  - {name: http, port: 80, targetPort: http, protocol: TCP}
`

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  labels: {app.kubernetes.io/name: NAME}
spec:
  replicas: 1
  selector:
    matchLabels: {app.kubernetes.io/name: NAME}
  template:
    metadata:
      labels: {app.kubernetes.io/name: NAME}
    spec:
      containers:
      - name: main
        image: registry.example/app:1.0.0
        ports:
        - {name: http, containerPort: 8080, protocol: TCP}
        envFrom:
        - configMapRef: {name: NAME}
        resources:
          requests: {cpu: 10m, memory: 16Mi}
`

// Addresses are where sources are served.
type Addresses struct {
	// Repo is that of the Git repository, and Charts that of what has the chart; "" without one.
	Repo, Charts string
}

// Application declares an app of the repository as people do: synced by itself,
// pruned, and put back when it drifts.
func Application(app App, at Addresses) *unstructured.Unstructured {
	resource := v1alpha1.ApplicationResource()
	spec := map[string]any{
		"project":     "default",
		"destination": map[string]any{"server": "https://kubernetes.default.svc", "namespace": app.Namespace},
		"syncPolicy":  map[string]any{"automated": map[string]any{"prune": true, "selfHeal": true}},
	}
	if app.Chart != "" {
		spec["sources"] = app.release(at)
	} else {
		spec["source"] = map[string]any{"repoURL": at.Repo, "path": app.Path, "targetRevision": "main"}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": resource.GroupVersion().String(),
		"kind":       "Application",
		"metadata":   map[string]any{"name": app.Name, "namespace": ControlNamespace},
		"spec":       spec,
	}}
}

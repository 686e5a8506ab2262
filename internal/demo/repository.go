package demo

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/base/testenv"
)

const (
	// exampleURL stands in the examples where the address of their repository belongs.
	exampleURL = "https://git.example.com/team/examples.git"
	// rootFile declares the app of apps, and appsFolder holds what it delivers.
	rootFile   = "root.yaml"
	appsFolder = "apps/"
	// keysFile has the key by which a project reads what is encrypted in the examples.
	keysFile = "examples/secrets/keys.yaml"
)

// sourceTree is Syncline's source tree, found from the current folder upwards.
func sourceTree() (fs.FS, error) {
	start, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "examples", rootFile)); err == nil {
			return os.DirFS(folder), nil
		}
		if folder == filepath.Dir(folder) {
			return nil, fmt.Errorf("no examples/%s in %s or above: run the demo inside Syncline's source tree", rootFile, start)
		}
	}
}

// content is what the demo's repository holds: the examples, with the addresses that there are, and the upstream projects.
func content(tree fs.FS, upstream map[string]string, addresses *strings.Replacer) (map[string]string, error) {
	examples, err := fs.Sub(tree, "examples")
	if err != nil {
		return nil, err
	}
	files, err := testenv.GitFiles(examples, "")
	if err != nil {
		return nil, err
	}
	for name, text := range files {
		files[name] = addresses.Replace(text)
	}
	maps.Copy(files, upstream)
	return files, nil
}

// declaredApps returns the Applications that the files declare, the app of apps among them, by name.
func declaredApps(files map[string]string) (map[string]*unstructured.Unstructured, error) {
	apps := map[string]*unstructured.Unstructured{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name != rootFile && !strings.HasPrefix(name, appsFolder) {
			continue
		}
		object, err := parse(name, files[name])
		if err != nil {
			return nil, err
		}
		if object.GetKind() == v1alpha1.ApplicationKind {
			apps[object.GetName()] = object
		}
	}
	return apps, nil
}

// destinations returns the namespaces that the Applications deliver to, but for the control plane's own.
func destinations(apps map[string]*unstructured.Unstructured) []string {
	var all []string
	for _, u := range apps {
		app, _ := v1alpha1.DecodeApplication(u)
		if to := app.Spec.Destination.Namespace; to != controlNamespace {
			all = append(all, to)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func parse(name, text string) (*unstructured.Unstructured, error) {
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &unstructured.Unstructured{Object: object}, nil
}

// names returns the names of the declared Applications.
func (s *stage) names() []string { return slices.Sorted(maps.Keys(s.apps)) }

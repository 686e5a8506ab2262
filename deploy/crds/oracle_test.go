package crds_test

import (
	"archive/zip"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
)

// update makes the manifests of testdata/argocd anew from the definitions of
// these versions of Argo CD, which it downloads.
var update = flag.Bool("update", false, "make testdata/argocd anew from Argo CD's module")

var versions = []string{"v3.5.7", "v3.6.1"}

const argoCD = "github.com/argoproj/argo-cd/v3"

// whole returns a value that has every property of a schema; bare one that has
// every object and list, and of the other properties those that are required.
func whole(s apiextensions.JSONSchemaProps) any { return sample(s, true) }
func bare(s apiextensions.JSONSchemaProps) any  { return sample(s, false) }

func sample(s apiextensions.JSONSchemaProps, all bool) any {
	switch {
	case s.XIntOrString:
		return 2
	case len(s.Enum) > 0:
		return strings.Trim(string(s.Enum[0].Raw), `"`)
	case s.Type == "object":
		return sampleObject(s, all)
	case s.Type == "array":
		return []any{sample(*s.Items.Schema, all)}
	case s.Type == "integer":
		return 1
	case s.Type == "boolean":
		return true
	case s.Format == "date-time":
		return "2026-11-20T10:00:00Z"
	default:
		return "text"
	}
}

func sampleObject(s apiextensions.JSONSchemaProps, all bool) any {
	object := map[string]any{}
	for name, property := range s.Properties {
		if all || property.Type == "object" || property.Type == "array" || slices.Contains(s.Required, name) {
			object[name] = sample(property, all)
		}
	}
	if s.AdditionalProperties != nil {
		object["key"] = sample(*s.AdditionalProperties.Schema, all)
	}
	if s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields && len(s.Properties) == 0 {
		object["any"] = map[string]any{"thing": []any{1, "two"}}
	}
	return object
}

// argoManifests returns the manifests that have everything, and as little as is
// allowed, of a resource of Argo CD.
func argoManifests(t *testing.T, version, name string) map[string]*unstructured.Unstructured {
	t.Helper()
	var crd apiextensions.CustomResourceDefinition
	if err := yaml.Unmarshal(definition(t, version, name), &crd); err != nil {
		t.Fatal(err)
	}
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	manifests := map[string]*unstructured.Unstructured{}
	for kind, sampled := range map[string]func(apiextensions.JSONSchemaProps) any{"whole": whole, "bare": bare} {
		u := &unstructured.Unstructured{Object: sampled(*schema).(map[string]any)}
		u.SetAPIVersion("argoproj.io/v1alpha1")
		u.SetKind(crd.Spec.Names.Kind)
		u.SetName(strings.ReplaceAll(strings.ToLower(version), ".", "-") + "-" + kind)
		manifests[strings.Join([]string{name, version, kind}, "-")] = u
	}
	return manifests
}

// definition reads the definition of a resource of Argo CD from its module.
func definition(t *testing.T, version, name string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", argoCD+"@"+version)
	command.Dir = t.TempDir()
	output, _ := command.Output() // it fails for a module that needs a newer Go, though it has the file
	var module struct{ Zip string }
	if err := json.Unmarshal(output, &module); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(module.Zip)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	text, err := fs.ReadFile(archive, fmt.Sprintf("%s@%s/manifests/crds/%s-crd.yaml", argoCD, version, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestArgoManifests makes the manifests when asked to, and holds the types
// against them: they know every field, but what of the status they carry.
func TestArgoManifests(t *testing.T) {
	if *update {
		for _, version := range versions {
			for _, name := range []string{"application", "appproject"} {
				for file, u := range argoManifests(t, version, name) {
					text, err := yaml.Marshal(u.Object)
					if err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join("testdata", "argocd", file+".yaml"), text, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	for path, u := range load(t, "argocd") {
		t.Run(path, func(t *testing.T) {
			unstructured.RemoveNestedField(u.Object, "status", "sourceHydrator")
			read := typed(t, u)
			if diff := cmp.Diff(lean(u.Object), lean(read)); diff != "" {
				t.Errorf("the types lose something (-manifest +types):\n%s", diff)
			}
		})
	}
}

// typed reads a manifest into its type and writes it again.
func typed(t *testing.T, u *unstructured.Unstructured) map[string]any {
	t.Helper()
	var value any
	var problems []*v1alpha1.FieldError
	switch u.GetKind() {
	case v1alpha1.ApplicationKind:
		value, problems = v1alpha1.DecodeApplication(u)
	case v1alpha1.AppProjectKind:
		value, problems = v1alpha1.DecodeAppProject(u)
	default:
		t.Fatalf("no type for %s", u.GetKind())
	}
	if len(problems) > 0 {
		t.Errorf("cannot be read: %v", problems)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]any{}
	if err := kjson.Unmarshal(text, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

// lean returns a value without what is empty, in which a resource and its type
// may differ.
func lean(value any) any {
	switch value := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, entry := range value {
			if entry = lean(entry); entry != nil {
				kept[key] = entry
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case []any:
		kept := make([]any, 0, len(value))
		for _, entry := range value {
			kept = append(kept, lean(entry))
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case string:
		if value == "" {
			return nil
		}
	}
	return value
}

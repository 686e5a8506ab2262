package kustomize

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
)

// namesNothing lists the texts of a kustomization that name no files, by a part
// of their path. A field of a new version of kustomize that is not here must be
// refused when it holds an address.
var namesNothing = []string{
	"TypeMeta", "MetaData", "NamePrefix", "NameSuffix", ".Namespace", "CommonLabels", "CommonAnnotations", "Labels",
	"Patches.Patch", "PatchesJson6902.Patch", "Target", "Options", "Images", "ImageTags", "Replicas", "Vars", "SortOptions",
	"Source", "GeneratorArgs.Name", "Behavior", "LiteralSources", "GeneratorOptions", "BuildMetadata", "SecretArgs.Type",
	"SecretGenerator.Type", "Generator.Name", "Generator.Namespace", "Replacements.Targets",
	"HelmGlobals", "HelmCharts", "HelmChartInflationGenerator",
}

// fileFields are texts below the names of namesNothing that do name files.
var fileFields = []string{
	"FileSources", "EnvSources", "EnvSource", "ValuesFile", "AdditionalValuesFiles", "ConfigHome", "Generator.Values", "HelmHome",
}

// TestEveryFieldThatNamesFiles puts an address into each text that a
// kustomization can hold.
func TestEveryFieldThatNamesFiles(t *testing.T) {
	var k types.Kustomization
	tried := 0
	visitTexts(reflect.ValueOf(&k).Elem(), "", func(path string, set func(string)) {
		if slices.ContainsFunc(namesNothing, func(part string) bool { return strings.Contains(path, part) }) &&
			!slices.ContainsFunc(fileFields, func(part string) bool { return strings.HasSuffix(path, part) }) {
			return
		}
		tried++
		k = types.Kustomization{}
		set("https://example.com/evil")
		text, err := yaml.Marshal(&k)
		if err != nil {
			t.Fatal(err)
		}
		f := &fileSystem{files: syncline.Files{Tree: texts{}},
			configs: map[string]bool{}, secret: map[string]bool{}, data: map[string]bool{}, namespaces: map[string]string{}, disputed: map[string]bool{},
		}
		if _, err := f.check("kustomization.yaml", text); syncline.KindOf(err) != syncline.Denied {
			t.Errorf("%s is not refused: %v\n%s", path, err, text)
		}
	})
	if tried < 24 {
		t.Errorf("only %d fields were tried", tried)
	}
}

// visitTexts calls visit for every text that value can hold, with a function
// that sets it and makes what is above it.
func visitTexts(value reflect.Value, path string, visit func(path string, set func(string))) {
	switch value.Kind() {
	case reflect.String:
		visit(path, func(text string) { value.SetString(text) })
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Type().Field(i)
			if field.IsExported() {
				visitTexts(value.Field(i), path+"."+field.Name, visit)
			}
		}
	case reflect.Pointer:
		element := reflect.New(value.Type().Elem())
		visitTexts(element.Elem(), path, func(path string, set func(string)) {
			visit(path, func(text string) { value.Set(element); set(text) })
		})
	case reflect.Slice:
		elements := reflect.MakeSlice(value.Type(), 1, 1)
		visitTexts(elements.Index(0), path, func(path string, set func(string)) {
			visit(path, func(text string) { value.Set(elements); set(text) })
		})
	case reflect.Map:
		if value.Type() == reflect.TypeFor[map[string]string]() {
			visit(path, func(text string) { value.Set(reflect.ValueOf(map[string]string{"path": text})) })
		}
	}
}

func TestIsRemote(t *testing.T) {
	for text, want := range map[string]bool{
		"../base": false, "base": false, "./github.com/x": false, "a@b.yaml": false, "x/git@y:z": false, "a:b.yaml": false,
		"file@2x.yaml": false, "user@host:p": true, "https://x": true, "HTTP://x": true, "git::x": true, "github.com/a/b": true,
		"GITHUB.com:a/b": true, "ssh://x": true, "file:///x": true, "http:x": true, "org-1@github.com:x": true, "": false,
	} {
		if got := isRemote(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

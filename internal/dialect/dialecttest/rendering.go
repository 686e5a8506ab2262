package dialecttest

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/tool"
)

// maxFiles is how many files of one App change a source: each is asked for by every
// render.
const maxFiles = 8

func rendering() []fact {
	return []fact{
		{"the files of an App are a few, and lie in the source's folder", files},
		{"a file changes how a source is rendered, always the same way, and not what", overrides},
		{"an error names no value", quotesNothing},
		{"a variable is a fact that there is", variables},
	}
}

func facts() []syncline.Fact {
	return []syncline.Fact{
		syncline.FactInstance, syncline.FactProject, syncline.FactNamespace, syncline.FactRevision, syncline.FactRevision7, syncline.FactRevision8,
		syncline.FactRepoURL, syncline.FactPath, syncline.FactTarget,
	}
}

// overrides is the fact that a source is changed by what a file says, and by nothing
// else.
func overrides(t *rapid.T, s Subject) {
	if s.Dialect.Rendering.Overrider == nil {
		return
	}
	source, content := drawSource(t), drawContent(t, s, rapid.SampledFrom([]any{"a", "1", true, nil, []any{"a"}, map[string]any{"a": "b"}, 1.5, int64(3)}))
	givenSource, givenContent := written(t, source), written(t, content)
	changed, err := s.Dialect.Rendering.Overrider.Override(source, content)
	if written(t, source) != givenSource || written(t, content) != givenContent {
		t.Errorf("it changed what it was given")
	}
	again, errAgain := s.Dialect.Rendering.Overrider.Override(source, content)
	if written(t, again) != written(t, changed) || (err == nil) != (errAgain == nil) {
		t.Errorf("%s becomes %s and %s", givenSource, written(t, changed), written(t, again))
	}
	what := func(of syncline.Source) syncline.Source {
		of.Helm, of.Kustomize, of.Directory, of.Plugin = nil, nil, nil, nil
		return of
	}
	if !reflect.DeepEqual(what(changed), what(source)) {
		t.Errorf("another source is rendered: %s", written(t, changed))
	}
	if err != nil {
		return
	}
	if size := len(written(t, changed)); size > 4*(len(givenSource)+len(givenContent))+1000 {
		t.Errorf("%s of %s becomes %d bytes", givenContent, givenSource, size)
	}
	twice, err := s.Dialect.Rendering.Overrider.Override(changed, content)
	if err != nil || written(t, twice) != written(t, changed) {
		t.Errorf("said twice it is %s, %v, and once %s", written(t, twice), err, written(t, changed))
	}
}

// drawSource draws a source with the options of a tool, or of none.
func drawSource(t *rapid.T) syncline.Source {
	source := syncline.Source{RepoURL: "https://git.example/a", Path: "app", TargetRevision: "v1", TagPrefix: "v", Ref: "r", Name: "n"}
	switch rapid.SampledFrom([]syncline.Tool{"", syncline.ToolHelm, syncline.ToolKustomize, syncline.ToolDirectory, syncline.ToolPlugin}).Draw(t, "tool") {
	case syncline.ToolHelm:
		source.Helm = &tool.Helm{ReleaseName: "a", Values: "a: 1\n", Parameters: []tool.HelmParameter{{Name: "a", Value: "b", ForceString: true}}}
	case syncline.ToolKustomize:
		source.Kustomize = &tool.Kustomize{
			Images: []string{"a=b:c"}, CommonLabels: map[string]string{"a": "b"}, Replicas: []tool.KustomizeReplica{{Name: "a", Count: 1 << 40}},
			Patches: []tool.KustomizePatch{{Patch: "a: b", Target: &tool.KustomizeSelector{Kind: "Deployment"}, Options: map[string]bool{"a": true}}},
		}
	case syncline.ToolPlugin:
		text := "b"
		source.Plugin = &tool.Plugin{Name: "a", Env: []tool.PluginVariable{{Name: "a", Value: "b"}}, Parameters: []tool.PluginParameter{{Name: "a", String: &text}}}
	case syncline.ToolDirectory:
		source.Directory = &tool.Directory{Recurse: true, Exclude: "*.json", Jsonnet: tool.Jsonnet{ExtVars: []tool.JsonnetVar{{Name: "a", Value: "b"}}}}
	}
	return source
}

// drawContent draws what a file may say, of which something may be another value.
func drawContent(t *rapid.T, s Subject, values *rapid.Generator[any]) map[string]any {
	content := map[string]any{}
	if len(s.Overrides) > 0 {
		if err := json.Unmarshal([]byte(rapid.SampledFrom(s.Overrides).Draw(t, "content")), &content); err != nil {
			t.Fatal(err)
		}
	}
	for at := content; rapid.Bool().Draw(t, "is something else"); {
		keys := append(slices.Sorted(maps.Keys(at)), "another")
		key := rapid.SampledFrom(keys).Draw(t, "what")
		below, isMap := at[key].(map[string]any)
		if !isMap || rapid.Bool().Draw(t, "all of it") {
			at[key] = values.Draw(t, "value")
			break
		}
		at = below
	}
	return content
}

// written returns a value as JSON.
func written(t *rapid.T, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func files(t *rapid.T, s Subject) {
	if s.Dialect.Rendering.Overrider == nil {
		return
	}
	files := s.Dialect.Rendering.Overrider.Files(drawApp(t, s).Instance)
	if len(files) == 0 || len(files) > maxFiles {
		t.Errorf("its files are %q", files)
	}
	for i, file := range files {
		if !s.Dialect.Rendering.Overrider.IsFile(file) || slices.Contains(files[:i], file) {
			t.Errorf("%q is none of its files, or twice", file)
		}
		if path.Base(file) != file || !fs.ValidPath(file) || file == "." {
			t.Errorf("%q is no file of the folder", file)
		}
	}
	for _, manifest := range []string{"deployment.yaml", "kustomization.yaml", "Chart.yaml", "values.yaml"} {
		if s.Dialect.Rendering.Overrider.IsFile(manifest) {
			t.Errorf("%s is one of its files", manifest)
		}
	}
}

func quotesNothing(t *rapid.T, s Subject) {
	if s.Dialect.Rendering.Overrider == nil {
		return
	}
	const canary = "c4nary"
	content := drawContent(t, s, rapid.SampledFrom([]any{canary, canary + "-2", []any{canary}, map[string]any{"a": canary}}))
	if _, err := s.Dialect.Rendering.Overrider.Override(drawSource(t), content); err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error quotes: %v", err)
	}
}

func variables(t *rapid.T, s Subject) {
	if s.Dialect.Rendering.Variables == nil {
		return
	}
	name := rapid.String()
	if len(s.Variables) > 0 {
		name = rapid.OneOf(rapid.SampledFrom(s.Variables), name)
	}
	drawn := name.Draw(t, "variable")
	fact, known := s.Dialect.Rendering.Variables.Fact(drawn)
	if slices.Contains(s.Variables, drawn) && !known {
		t.Errorf("%q is no variable", drawn)
	}
	if known && !slices.Contains(facts(), fact) {
		t.Errorf("%q is the fact %q, which there is not", drawn, fact)
	}
}

package render

import (
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
)

// Whatever .argocd-source.yaml says.
func FuzzOverride(f *testing.F) {
	for _, seed := range []string{
		"helm: {parameters: [{name: a, value: b}], values: |\n  a: 1\n}", "kustomize: {images: [a=b:c], replicas: [{name: x, count: '9'}]}",
		"directory: {jsonnet: {extVars: [{name: a}]}}", "plugin: {}", "helm: []", "a: &a [*a]", "helm: null\n---\n{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<15 {
			return
		}
		bound.Limits{}.Run(t, func() {
			source := syncline.Source{Helm: &tool.Helm{ReleaseName: "a"}}
			_, _ = override(source, convention.Dialect().Rendering.Overrider, syncline.Manifest{Origin: ".argocd-source.yaml", Text: text})
		})
	})
}

// Whatever refers to variables of the build environment.
func FuzzEnvironment(f *testing.F) {
	f.Add("$ARGOCD_APP_NAME-${A}$$")
	f.Add("${${$${}$")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			env := environment(func(string) (string, bool) { return "x", true })
			env.expand(text)
			env.path(text, nil)
		})
	})
}

// Whatever chooses files of a folder, and whatever they are called.
func FuzzFilter(f *testing.F) {
	f.Add("{a,b}*.yaml", "", "a/b.yaml")
	f.Add("{{{{{{{{a,b},c},d},e},f},g},h},i}*****", "[!a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, include, exclude, name string) {
		bound.Limits{}.Run(t, func() {
			if chosen, err := newFilter(tool.Directory{Include: include, Exclude: exclude}); err == nil {
				chosen.includes(name)
				chosen.excludes(name)
			}
		})
	})
}

// Whatever a child that has been taken over says that it rendered.
func FuzzOutput(f *testing.F) {
	text, err := cbor.Marshal(Output{Tool: syncline.ToolHelm, Repeated: []string{"a"}, Bytes: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\xbf\x69Documents\x9b\x00\x00\x00\x00\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		bound.Limits{}.Run(t, func() {
			if output, err := confined.ReadResult[Output](text); err == nil {
				_, _ = output.result(func(map[string]any) (string, bool) { return "", false })
			}
		})
	})
}

// Whatever a tool says of what is wrong.
func FuzzPresentable(f *testing.F) {
	f.Add("yaml: unknown anchor 'x' referenced; cannot unmarshal !!str `secret` into int")
	f.Add("cannot unmarshal !!a ````unknown anchor ''''")
	f.Fuzz(func(t *testing.T, text string) {
		bound.Limits{}.Run(t, func() {
			if got := presentable(errors.New(text), false).Error(); len(got) > len(text)+maxMessage {
				t.Errorf("%d bytes became %d", len(text), len(got))
			}
		})
	})
}

package render_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// TestGoldenDependencies compares what is rendered of a chart that is given its dependencies
// with what the helm program renders when they are in its charts folder.
func TestGoldenDependencies(t *testing.T) {
	ref := newReference(t)
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{MemoBytes: -1})
	archive, err := txtar.ParseFile(filepath.Join("testdata", "helm-dependency.txtar"))
	check(t, err)
	root := t.TempDir()
	for _, file := range archive.Files {
		top, rest, _ := strings.Cut(file.Name, "/")
		name := filepath.Join(root, rest)
		switch {
		case top == "elsewhere":
			name = filepath.Join(root, "app", "charts", rest)
		case top != "repo":
			continue
		case strings.HasPrefix(rest, "own/"):
			name = filepath.Join(root, "app", "charts", rest)
		}
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, file.Data, 0o600))
	}
	for name, values := range map[string][]tool.HelmParameter{
		"as they are": nil,
		"both":        {{Name: "spare.enabled", Value: "true"}, {Name: "spare.size", Value: "7"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := helmArgs(filepath.Join(root, "app"))
			for _, value := range values {
				args = append(args, "--set", value.Name+"="+value.Value)
			}
			text, err := exec.Command(ref.bin["helm"], args...).Output()
			check(t, err)
			story := readStory(t, archive)
			request := story.request
			request.Source.Helm = &tool.Helm{Parameters: values, ReleaseName: "shop"}
			if !comparing(t, renderer, request, printed{Runs: [2]string{string(text), string(text)}}) {
				t.Error("not compared")
			}
		})
	}
}

// chartOfKustomization is a kustomization that asks for a chart which is committed.
const chartOfKustomization = "kustomize-chart-local.txtar"

// TestGoldenKustomizeCharts compares charts of a kustomization with what the kustomize
// program has the helm program render.
func TestGoldenKustomizeCharts(t *testing.T) {
	ref := newReference(t)
	archive, err := txtar.ParseFile(filepath.Join("testdata", chartOfKustomization))
	check(t, err)
	root := t.TempDir()
	for _, file := range archive.Files {
		if rest, ok := strings.CutPrefix(file.Name, "repo/"); ok {
			name := filepath.Join(root, rest)
			check(t, os.MkdirAll(filepath.Dir(name), 0o755))
			check(t, os.WriteFile(name, file.Data, 0o600))
		}
	}
	// The program reads a chart's default values by its own rules for files, and starts with them.
	check(t, os.WriteFile(filepath.Join(root, "charts", "web", "values.yaml"), nil, 0o600))
	build := exec.Command(ref.bin["kustomize"], "build", "--enable-helm", "--load-restrictor", "LoadRestrictionsNone",
		"--helm-command", ref.bin["helm"], filepath.Join(root, "app"))
	text, err := build.Output()
	check(t, err)
	if !comparing(t, inProcess(), readStory(t, archive).request, printed{Runs: [2]string{string(text), string(text)}}) {
		t.Error("not compared")
	}
}

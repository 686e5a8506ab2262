package render_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// modules are projects whose charts and kustomizations must render as the
// reference programs render them.
var modules = []string{
	"github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e",
	"github.com/cert-manager/cert-manager@v1.21.2",
	"github.com/argoproj/argo-rollouts@v1.10.2",
	"github.com/kedacore/keda/v2@v2.21.0",
	"istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad",
	"github.com/external-secrets/external-secrets@v1.3.2",
	"github.com/kyverno/kyverno@v1.19.1",
}

// kubeVersion is that of the cluster that charts see. The helm program needs to
// be told: without its linker flags it believes in Kubernetes 1.20.
const kubeVersion = "1.36.3"

// minimum is how many charts and kustomizations must have been compared, so
// that the test cannot pass by finding none.
var minimum = map[syncline.Tool]int{syncline.ToolHelm: 14, syncline.ToolKustomize: 24}

func TestGolden(t *testing.T) {
	ref := newReference(t)
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{MemoBytes: -1})
	compared, refused := map[syncline.Tool]int{}, map[syncline.Tool]int{}
	for _, version := range modules {
		root := ref.module(t, version)
		for _, found := range findSources(t, root) {
			t.Run(filepath.Base(version)+"/"+found.path, func(t *testing.T) {
				source := syncline.Source{Path: found.path}
				args := []string{"build", filepath.Join(root, found.path)}
				program := "kustomize"
				if found.tool == syncline.ToolHelm {
					program, args = "helm", helmArgs(filepath.Join(root, found.path), "--include-crds")
					source.Helm = &tool.Helm{ReleaseName: "shop"} // also beside a kustomization
				}
				want := ref.run(t, version, program, args...)
				if strings.Contains(want.Error, "missing in charts/ directory") {
					want = ref.build(t, root, found.path, want)
				}
				if compare(t, renderer, diskTree(root), source, want) {
					compared[found.tool]++
				} else {
					refused[found.tool]++
				}
			})
		}
	}
	for tool, least := range minimum {
		if compared[tool] < least {
			t.Errorf("%s: only %d were compared", tool, compared[tool])
		}
	}
	t.Logf("equal: %v; refused by both: %v", compared, refused)
}

// build returns what the helm program prints of a chart once it has built its dependencies,
// as people and Argo CD have it do; what it printed before when they are not all in the
// repository, as there is no network.
func (r *reference) build(t *testing.T, root, chart string, before printed) printed {
	t.Helper()
	if declared, err := os.ReadFile(filepath.Join(root, chart, "Chart.yaml")); err != nil || !strings.Contains(string(declared), "file://") {
		return before
	}
	all := t.TempDir()
	check(t, os.CopyFS(all, os.DirFS(root)))
	folder := filepath.Join(all, chart)
	helm := func(args ...string) (string, error) {
		command := exec.Command(r.bin["helm"], args...)
		command.Env = []string{"HOME=" + t.TempDir(), "PATH=", "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1"}
		text, err := command.Output()
		return string(text), err
	}
	if _, err := helm("dependency", "build", folder); err != nil {
		return before
	}
	var built printed
	for i := range built.Runs {
		var err error
		built.Runs[i], err = helm(helmArgs(folder, "--include-crds")...)
		check(t, err)
	}
	return built
}

func helmArgs(folder string, more ...string) []string {
	return append([]string{"template", "shop", folder, "--namespace", "prod", "--kube-version", kubeVersion}, more...)
}

type foundSource struct {
	path string
	tool syncline.Tool
}

// findSources returns every chart and kustomization below a folder.
func findSources(t *testing.T, root string) []foundSource {
	t.Helper()
	var all []foundSource
	check(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		switch entry.Name() {
		case "Chart.yaml":
			all = append(all, foundSource{filepath.ToSlash(folder), syncline.ToolHelm})
		case "kustomization.yaml", "kustomization.yml", "Kustomization":
			all = append(all, foundSource{filepath.ToSlash(folder), syncline.ToolKustomize})
		}
		return nil
	}))
	return all
}

// compare renders a source and compares it with what the program printed. It
// reports whether both rendered it.
func compare(t *testing.T, renderer *render.Renderer, tree syncline.Tree, source syncline.Source, want printed) bool {
	t.Helper()
	return comparing(t, renderer, render.Request{
		App: "shop", Dialect: convention.Dialect(), Namespace: "prod", Source: source, Files: syncline.Files{Tree: tree},
		Cluster: syncline.Capabilities{KubeVersion: kubeVersion},
	}, want)
}

// comparing is compare of a request.
func comparing(t *testing.T, renderer *render.Renderer, request render.Request, want printed) bool {
	t.Helper()
	got, err := renderer.Render(short(t), request)
	switch {
	case want.Error != "" && err == nil:
		t.Errorf("it renders, but the program refuses it: %s", want.Error)
		return false
	case want.Error != "":
		if kind := syncline.KindOf(err); kind != syncline.Invalid && kind != syncline.Denied {
			t.Errorf("refused for another reason (%s): %v\nthe program: %s", kind, err, want.Error)
		}
		return false
	case err != nil:
		t.Errorf("it does not render: %v", err)
		return false
	}
	first, second := documents(t, want.Runs[0]), documents(t, want.Runs[1])
	if len(got.Objects) != len(first) {
		t.Errorf("%d objects, want %d", len(got.Objects), len(first))
		return false
	}
	for i, object := range got.Objects {
		var ours any = object.Reveal().Object
		theirs := maskRandom(first[i], second[i], &ours)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("object %d, %s (-want +got):\n%s", i, object, diff)
		}
	}
	return true
}

// maskRandom returns first with "random" in place of every text that is not the
// same in second, and puts it at the same places of ours.
func maskRandom(first, second any, ours *any) any {
	switch a := first.(type) {
	case map[string]any:
		b, _ := second.(map[string]any)
		c, _ := (*ours).(map[string]any)
		masked := map[string]any{}
		for key, value := range a {
			below := c[key]
			masked[key] = maskRandom(value, b[key], &below)
			if _, ok := c[key]; ok {
				c[key] = below
			}
		}
		return masked
	case []any:
		b, _ := second.([]any)
		c, _ := (*ours).([]any)
		if len(a) != len(b) || len(a) != len(c) {
			return first
		}
		masked := make([]any, len(a))
		for i := range a {
			masked[i] = maskRandom(a[i], b[i], &c[i])
		}
		return masked
	case string:
		if _, ok := (*ours).(string); ok && first != second {
			*ours = "random"
			return "random"
		}
	}
	return first
}

// documents parses what a program printed, without the code under test.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	decoder := kyaml.NewYAMLToJSONDecoder(strings.NewReader(text))
	var all []map[string]any
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			if err.Error() == "EOF" {
				return all
			}
			t.Fatal(err)
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var list struct {
			Kind  string
			Items []json.RawMessage
		}
		check(t, json.Unmarshal(raw, &list))
		items := []json.RawMessage{raw}
		if strings.HasSuffix(list.Kind, "List") && list.Items != nil {
			items = list.Items
		}
		for _, item := range items {
			all = append(all, integers(t, item))
		}
	}
}

// integers decodes JSON with integers as int64.
func integers(t *testing.T, text []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var value map[string]any
	check(t, decoder.Decode(&value))
	return convert(value).(map[string]any)
}

func convert(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			v[key] = convert(below)
		}
	case []any:
		for i, below := range v {
			v[i] = convert(below)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return value
}

// TestGoldenOptions compares the options of sources with the same ones given to
// the programs.
func TestGoldenOptions(t *testing.T) {
	ref := newReference(t)
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{MemoBytes: -1})
	root := ref.module(t, modules[0])
	chart := filepath.Join(root, "charts", "podinfo")
	for _, test := range []struct {
		name    string
		options tool.Helm
		args    []string
	}{
		{"value files", tool.Helm{ValueFiles: []string{"values-prod.yaml"}}, []string{"--values", filepath.Join(chart, "values-prod.yaml")}},
		{"parameters", tool.Helm{Parameters: []tool.HelmParameter{
			{Name: "ui.message", Value: "a,b=c"}, {Name: "replicaCount", Value: "3"},
			{Name: "ui.color", Value: "12", ForceString: true}, {Name: "backends", Value: "{one,two}"},
		}}, []string{
			"--set", `ui.message=a\,b=c`, "--set", "replicaCount=3", "--set", "backends={one,two}", "--set-string", "ui.color=12",
		}},
		{"parameter over value file", tool.Helm{
			ValueFiles: []string{"values-prod.yaml"}, Parameters: []tool.HelmParameter{{Name: "replicaCount", Value: "9"}},
		}, []string{"--values", filepath.Join(chart, "values-prod.yaml"), "--set", "replicaCount=9"}},
		{"file parameter", tool.Helm{FileParameters: []tool.HelmFileParameter{{Name: "ui.message", Path: ".helmignore"}}},
			[]string{"--set-file", "ui.message=" + filepath.Join(chart, ".helmignore")}},
		{"release", tool.Helm{ReleaseName: "other", Namespace: "elsewhere"}, []string{"--name-template", "other", "--namespace", "elsewhere"}},
		{"skip tests", tool.Helm{SkipTests: true}, []string{"--skip-tests"}},
		{"capabilities", tool.Helm{
			APIVersions: []string{"monitoring.coreos.com/v1"},
			Parameters:  []tool.HelmParameter{{Name: "serviceMonitor.enabled", Value: "true"}, {Name: "ingress.enabled", Value: "true"}},
		}, []string{"--api-versions", "monitoring.coreos.com/v1", "--set", "serviceMonitor.enabled=true", "--set", "ingress.enabled=true"}},
		{"schema", tool.Helm{Parameters: []tool.HelmParameter{{Name: "replicaCount", Value: "many", ForceString: true}}},
			[]string{"--set-string", "replicaCount=many"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := helmArgs(chart, test.args...)
			if test.options.ReleaseName != "" {
				args = slices.Delete(args, 1, 2)
			}
			want := ref.run(t, modules[0], "helm", append(args, "--include-crds")...)
			source := syncline.Source{Path: "charts/podinfo", Helm: &test.options}
			compare(t, renderer, diskTree(root), source, want)
		})
	}
}

// TestGoldenEdits compares the options of a kustomize source with `kustomize edit`.
func TestGoldenEdits(t *testing.T) {
	ref := newReference(t)
	renderer := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{MemoBytes: -1})
	root := ref.module(t, modules[0])
	for _, test := range []struct {
		name    string
		options tool.Kustomize
		edits   [][]string
	}{
		{"names", tool.Kustomize{NamePrefix: "p-", NameSuffix: "-s", Namespace: "other"}, [][]string{
			{"set", "nameprefix", "--", "p-"}, {"set", "namesuffix", "--", "-s"}, {"set", "namespace", "other"},
		}},
		{"images", tool.Kustomize{Images: []string{"ghcr.io/stefanprodan/podinfo=example.com/p:1.2", "redis:7"}}, [][]string{
			{"set", "image", "ghcr.io/stefanprodan/podinfo=example.com/p:1.2", "redis:7"},
		}},
		{"digest", tool.Kustomize{Images: []string{"ghcr.io/stefanprodan/podinfo@sha256:0123456789012345678901234567890123456789012345678901234567890123"}}, [][]string{
			{"set", "image", "ghcr.io/stefanprodan/podinfo@sha256:0123456789012345678901234567890123456789012345678901234567890123"},
		}},
		{"replicas", tool.Kustomize{Replicas: []tool.KustomizeReplica{{Name: "backend", Count: 5}}}, [][]string{
			{"set", "replicas", "backend=5"},
		}},
		{"labels", tool.Kustomize{CommonLabels: map[string]string{"team": "a"}}, [][]string{{"add", "label", "team:a"}}},
		{"labels without selector", tool.Kustomize{CommonLabels: map[string]string{"team": "a", "x": "y"}, LabelWithoutSelector: true}, [][]string{
			{"add", "label", "--without-selector", "team:a", "x:y"},
		}},
		{"labels in templates", tool.Kustomize{CommonLabels: map[string]string{"team": "a"}, LabelWithoutSelector: true, LabelIncludeTemplates: true}, [][]string{
			{"add", "label", "--without-selector", "--include-templates", "team:a"},
		}},
		{"annotations", tool.Kustomize{CommonAnnotations: map[string]string{"team": "a"}}, [][]string{{"add", "annotation", "team:a"}}},
		{"patches", tool.Kustomize{Patches: []tool.KustomizePatch{{
			Patch:  "- op: replace\n  path: /spec/replicas\n  value: 4\n",
			Target: &tool.KustomizeSelector{Group: "apps", Version: "v1", Kind: "Deployment", Name: "backend"},
		}}}, [][]string{
			{"add", "patch", "--group", "apps", "--version", "v1", "--kind", "Deployment", "--name", "backend",
				"--patch", "- op: replace\n  path: /spec/replicas\n  value: 4\n"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			copied := t.TempDir()
			check(t, os.CopyFS(copied, os.DirFS(filepath.Join(root, "deploy"))))
			check(t, filepath.WalkDir(copied, func(path string, _ fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				return os.Chmod(path, 0o755) // modules are read-only
			}))
			for _, edit := range test.edits {
				cmd := exec.Command(ref.bin["kustomize"], append([]string{"edit"}, edit...)...)
				cmd.Dir = filepath.Join(copied, "overlays", "dev")
				run(t, cmd)
			}
			built := exec.Command(ref.bin["kustomize"], "build", filepath.Join(copied, "overlays", "dev"))
			text, err := built.Output()
			check(t, err)
			source := syncline.Source{Path: "deploy/overlays/dev", Kustomize: &test.options}
			if !compare(t, renderer, diskTree(root), source, printed{Runs: [2]string{string(text), string(text)}}) {
				t.Error("not compared")
			}
		})
	}
}

// TestGoldenMissingDependencies wants to be told which dependencies of a chart
// are not in its charts folder.
func TestGoldenMissingDependencies(t *testing.T) {
	ref := newReference(t)
	for _, test := range []struct {
		module, path string
		missing      []string
	}{
		{"github.com/external-secrets/external-secrets@v1.3.2", "deploy/charts/external-secrets", []string{"bitwarden-sdk-server"}},
		{"github.com/kyverno/kyverno@v1.19.1", "charts/kyverno", []string{"kyverno-api", "openreports", "reports-server"}},
	} {
		t.Run(test.path, func(t *testing.T) {
			root := ref.module(t, test.module)
			_, err := inProcess().Render(short(t), render.Request{
				Dialect: convention.Dialect(),
				App:     "shop", Source: syncline.Source{Path: test.path}, Files: syncline.Files{Tree: diskTree(root)},
				Cluster: syncline.Capabilities{KubeVersion: kubeVersion},
			})
			for _, missing := range test.missing {
				if err == nil || !strings.Contains(err.Error(), "dependency "+missing+" of") || syncline.KindOf(err) != syncline.Denied {
					t.Errorf("%s: got %v", missing, err)
				}
			}
			if hint := syncline.HintOf(err); !strings.Contains(hint, "helm dependency build") {
				t.Errorf("hint %q", hint)
			}
			if want := ref.run(t, test.module, "helm", helmArgs(filepath.Join(root, test.path))...); want.Error == "" {
				t.Error("the helm program renders it")
			}
		})
	}
}

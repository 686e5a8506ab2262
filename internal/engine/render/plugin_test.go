package render_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/confined"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/engine/render"
)

// plugins are one that is called cue: it looks for main.cue, and makes an object of the
// text of each file and of the variables.
type plugins struct {
	discovers bool
	unknown   error
	calls     []tool.PluginCall
	makes     string
}

func (p *plugins) Discover(context.Context) (bool, error) { return p.discovers, p.unknown }

func (p *plugins) Match(_ context.Context, _ tool.PluginCall, files syncline.Tree, folder string) (string, error) {
	if _, err := files.Stat(folder + "/main.cue"); err != nil {
		return "", nil //nolint:nilerr // it is not there
	}
	return "cue", nil
}

func (p *plugins) Generate(_ context.Context, call tool.PluginCall, files syncline.Tree, folder string) ([]syncline.Manifest, error) {
	p.calls = append(p.calls, call)
	text, err := files.ReadFile(folder + "/main.cue")
	if err != nil {
		return nil, err
	}
	made := p.makes
	if made == "" {
		made = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cue}, data: {text: '" + string(text) + "'}}"
	}
	return []syncline.Manifest{{Origin: "plugin cue", Text: []byte(made)}}, nil
}

// plugged returns a Renderer with plugins.
func plugged(t *testing.T, p render.Plugins) *render.Renderer {
	return render.New(render.Plugged{Builder: render.Confined{Pool: newPool(t, confined.Options{})}, Plugins: p}, render.Options{})
}

// TestPlugins has a plugin render what names it, by options or by a file, and what it
// supports, as Argo CD does; and nothing else.
func TestPlugins(t *testing.T) {
	named := &tool.Plugin{Name: "cue", Env: []tool.PluginVariable{{Name: "A", Value: "$ARGOCD_APP_NAME"}}}
	for name, test := range map[string]struct {
		files     memoryTree
		source    func(*syncline.Source)
		discovers bool
		want      syncline.Tool
		variable  string
	}{
		"named":                 {memoryTree{"app/main.cue": "1"}, func(s *syncline.Source) { s.Plugin = named }, false, syncline.ToolPlugin, "ARGOCD_ENV_A=shop"},
		"named in a file":       {memoryTree{"app/main.cue": "1", "app/.argocd-source.yaml": "plugin: {name: cue}"}, nil, false, syncline.ToolPlugin, "ARGOCD_APP_NAME=shop"},
		"supported":             {memoryTree{"app/main.cue": "1", "app/Chart.yaml": chartYAML}, nil, true, syncline.ToolPlugin, "ARGOCD_APP_NAME=shop"},
		"any with variables":    {memoryTree{"app/main.cue": "1"}, func(s *syncline.Source) { s.Plugin = &tool.Plugin{Env: named.Env} }, false, syncline.ToolPlugin, "ARGOCD_ENV_A=shop"},
		"not supported":         {memoryTree{"app/a.yaml": configMap}, nil, true, syncline.ToolDirectory, ""},
		"nobody looks":          {memoryTree{"app/main.cue": "1", "app/a.yaml": configMap}, nil, false, syncline.ToolDirectory, ""},
		"another tool's option": {memoryTree{"app/main.cue": "1", "app/Chart.yaml": chartYAML}, func(s *syncline.Source) { s.Helm = &tool.Helm{ReleaseName: "a"} }, true, syncline.ToolHelm, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := request(test.files)
			asked.Dialect = convention.Dialect()
			if test.source != nil {
				test.source(&asked.Source)
			}
			p := &plugins{discovers: test.discovers}
			result, err := plugged(t, p).Render(short(t), asked)
			if err != nil || result.Tool != test.want {
				t.Fatalf("it is rendered by %q, %v; want %q", result.Tool, err, test.want)
			}
			if test.variable == "" {
				if len(p.calls) > 0 {
					t.Errorf("a plugin was asked: %+v", p.calls)
				}
				return
			}
			if len(p.calls) != 1 || !strings.Contains(strings.Join(p.calls[0].Environ, "\n"), test.variable) {
				t.Errorf("it was asked %+v, want once with %s", p.calls, test.variable)
			}
			if len(result.Objects) != 1 || result.Objects[0].Ref().Name != "cue" {
				t.Errorf("it renders to %v", result.Objects)
			}
		})
	}
}

// What a plugin made is remembered until anything in the repository changes, because
// nobody knows what it read; a source that it might support, until its folder does.
func TestAPluginIsAskedAgain(t *testing.T) {
	p := &plugins{discovers: true}
	renderer := plugged(t, p)
	render := func(files memoryTree) string {
		t.Helper()
		asked := request(files)
		result, err := renderer.Render(short(t), asked)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Objects) == 0 {
			return ""
		}
		return result.Objects[0].Ref().Name
	}
	for i, step := range []struct {
		files memoryTree
		name  string
		calls int
	}{
		{memoryTree{"app/main.cue": "1", "lib/a": "1"}, "cue", 1},
		{memoryTree{"app/main.cue": "1", "lib/a": "1"}, "cue", 1},
		{memoryTree{"app/main.cue": "1", "lib/a": "2"}, "cue", 2},
		{memoryTree{"app/a.yaml": configMap, "lib/a": "2"}, "a", 2},
		{memoryTree{"app/a.yaml": configMap, "app/main.cue": "2", "lib/a": "2"}, "cue", 3},
	} {
		if name := render(step.files); name != step.name || len(p.calls) != step.calls {
			t.Errorf("step %d: it renders to %q after %d calls, want %q after %d", i, name, len(p.calls), step.name, step.calls)
		}
	}
}

// Where it is not known what plugins support, what may be theirs is not rendered by
// another tool; what they make is judged as any input.
func TestPluginsFailSafe(t *testing.T) {
	files := memoryTree{"app/main.cue": "1", "app/a.yaml": configMap, "app/kustomization.yaml": "resources: [a.yaml]"}
	unknown := errors.New("the plugin does not answer")
	if _, err := plugged(t, &plugins{unknown: unknown}).Render(short(t), request(files)); !errors.Is(err, unknown) || !strings.Contains(err.Error(), "names no tool") {
		t.Errorf("what may be a plugin's is rendered otherwise: %v", err)
	}
	declared := request(files)
	declared.Source.Kustomize = &tool.Kustomize{NamePrefix: "a-"}
	if result, err := plugged(t, &plugins{unknown: unknown}).Render(short(t), declared); err != nil || result.Tool != syncline.ToolKustomize {
		t.Errorf("what declares its tool waits for plugins: %v", err)
	}
	named := request(files)
	named.Source.Plugin = &tool.Plugin{Name: "cue"}
	for made, want := range map[string]string{
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: 1, a: 2}}": "plugin cue",
		"{apiVersion: v1, metadata: {name: a}}":                                      "plugin cue",
		"a: &a [*a]":                                                                 "plugin cue",
	} {
		if _, err := plugged(t, &plugins{makes: made}).Render(short(t), named); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to be invalid, and to say %q", made, err, want)
		}
	}
	bare := render.New(render.Confined{Pool: newPool(t, confined.Options{})}, render.Options{})
	if _, err := bare.Render(short(t), named); err == nil || !strings.Contains(syncline.Explain(err), "--plugin-dir") {
		t.Errorf("without plugins it renders, or does not say how: %v", err)
	}
}

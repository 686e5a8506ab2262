package engine_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/edge/helm"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// counted counts what is rendered.
type counted struct {
	*render.Renderer
	renders int
}

func (c *counted) Render(ctx context.Context, request render.Request) (render.Result, error) {
	c.renders++
	return c.Renderer.Render(ctx, request)
}

// paired is a world whose App has a chart in one repository, and its values in
// another that renders to nothing.
type paired struct {
	*world
	charts, values *testenv.GitRepo
	resolver       *source.Resolver
	renderer       *counted
}

func pair(t *testing.T) *paired {
	t.Helper()
	server, err := testenv.StartGit(t.Context(), testenv.GitOptions{Dir: filepath.Join(t.TempDir(), "git")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	p := &paired{world: newWorld(), renderer: &counted{Renderer: render.New(render.Tools{Helm: helm.Renderer{}, Dialects: syncline.Dialects{convention.Dialect()}}, render.Options{})}}
	for name, repo := range map[string]**testenv.GitRepo{"charts": &p.charts, "values": &p.values} {
		if *repo, err = server.Create(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	store, err := git.Open(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p.resolver = source.NewResolver(source.Fetchers{syncline.SourceGit: source.NewGit(store, store)}, source.Options{})
	t.Cleanup(p.resolver.Close)
	p.engine = engine.New(source.New(p.resolver, anonymous{}, nil), p.renderer, p, p, engine.Options{Now: func() time.Time { return p.now }})
	p.app.Sources = []syncline.Source{
		{RepoURL: p.charts.URL, Path: "web", TargetRevision: "main", Helm: &tool.Helm{ValueFiles: []string{"$values/web/prod.yaml"}}},
		{RepoURL: p.values.URL, TargetRevision: "main", Ref: "values"},
	}
	p.push(t, p.charts, map[string]string{
		"web/Chart.yaml":       "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"web/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {color: '{{ .Values.color }}'}\n",
	})
	p.push(t, p.values, map[string]string{"web/prod.yaml": "color: blue\n", "api/prod.yaml": "color: red\n"})
	return p
}

// push commits files to a repository, and lets the resolver learn of it.
func (p *paired) push(t *testing.T, repo *testenv.GitRepo, files map[string]string) {
	t.Helper()
	if _, err := repo.Commit(t.Context(), testenv.GitCommit{Files: files}); err != nil {
		t.Fatal(err)
	}
	to := upstream.Repository{Address: upstream.AddressOf(repo.URL)}
	if _, err := p.resolver.Resolve(t.Context(), syncline.Source{RepoURL: repo.URL, TargetRevision: "main"}, to, 0); err != nil {
		t.Fatal(err)
	}
}

// follow gives the App a turn if the commits of a repository touch it, as the agent
// does, until nothing more comes of it, and reports whether they did.
func (p *paired) follow(t *testing.T, repo *testenv.GitRepo) bool {
	t.Helper()
	if !slices.Contains(p.engine.Touched(t.Context(), upstream.Key(repo.URL)), p.app.ID) {
		return false
	}
	p.turn(t)
	return true
}

// TestAnAppOfTwoSources has turns for the commits that touch what was read in either
// repository, and for no others.
func TestAnAppOfTwoSources(t *testing.T) {
	p := pair(t)
	p.sync(t, syncline.Operation{})
	p.expectSync(t, syncline.Synced, p.app.Past.Revisions...)
	if live := p.color(t); live != "blue" {
		t.Fatalf("the color is %q", live)
	}
	for _, test := range []struct {
		name  string
		repo  *testenv.GitRepo
		files map[string]string
		want  int // renders
	}{
		{"another file of the values", p.values, map[string]string{"api/prod.yaml": "color: pink\n"}, 0},
		{"another chart", p.charts, map[string]string{"api/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.0.0\n"}, 0},
		{"its values", p.values, map[string]string{"web/prod.yaml": "color: green\n"}, 1},
		{"another file of the values again", p.values, map[string]string{"api/prod.yaml": "color: red\n"}, 0},
		{"its chart", p.charts, map[string]string{"web/templates/b.yaml": "# nothing\n"}, 1},
	} {
		p.push(t, test.repo, test.files)
		renders, kept := p.renderer.renders, p.kept
		touched := p.follow(t, test.repo)
		if renders = p.renderer.renders - renders; renders != test.want || touched != (test.want > 0) {
			t.Errorf("%s: touched %t, rendered %d times, want %d", test.name, touched, renders, test.want)
		}
		if kept = p.kept - kept; test.want == 0 && kept > 0 {
			t.Errorf("%s: %d status writes", test.name, kept)
		}
		for _, repo := range []*testenv.GitRepo{p.charts, p.values} {
			if p.follow(t, repo) {
				t.Errorf("%s: it is touched once more", test.name)
			}
		}
	}
	p.sync(t, syncline.Operation{})
	if live := p.color(t); live != "green" {
		t.Errorf("after the sync the color is %q", live)
	}
	if got := p.last.Tools; !slices.Equal(got, []syncline.Tool{syncline.ToolHelm, ""}) {
		t.Errorf("the tools are %q", got)
	}
}

// color returns what the values say of the object that is live.
func (p *paired) color(t *testing.T) string {
	t.Helper()
	live, err := p.Read(t.Context(), syncline.Ref{Kind: "ConfigMap", Namespace: "shop", Name: "web"}, "v1")
	if err != nil {
		t.Fatal(err)
	}
	color, _ := live.Field("data", "color")
	text, _ := color.(string)
	return text
}

// TestSourcesOfOneName are refused: it would not be known whose files are meant.
func TestSourcesOfOneName(t *testing.T) {
	p := pair(t)
	p.app.Sources[0].Ref = "values"
	err := p.turn(t).Err
	if syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), `sources[1].ref is "values"`) {
		t.Errorf("the error is %v", err)
	}
}

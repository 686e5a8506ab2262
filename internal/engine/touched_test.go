package engine_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application/convention"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// anonymous needs no credentials.
type anonymous struct{}

func (anonymous) Repository(_ string, url upstream.Address) (upstream.Repository, error) {
	return upstream.Repository{Address: url, Others: func(other upstream.Address) (upstream.Repository, error) {
		return anonymous{}.Repository("", other)
	}}, nil
}

// interrupted are sources during whose reading something happens.
type interrupted struct {
	*source.Stage
	during func()
}

func (i *interrupted) Tree(ctx context.Context, app syncline.App, source syncline.Source, commit string) (syncline.Tree, error) {
	if i.during != nil {
		i.during()
	}
	return i.Stage.Tree(ctx, app, source, commit)
}

// published is a world whose App is in a folder of a real repository.
type published struct {
	*world
	server   *testenv.GitServer
	sources  *interrupted
	repo     *testenv.GitRepo
	resolver *source.Resolver
}

func publish(t *testing.T) *published {
	t.Helper()
	server, err := testenv.StartGit(t.Context(), testenv.GitOptions{Dir: filepath.Join(t.TempDir(), "git")})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := server.Create(t.Context(), "apps")
	if err != nil {
		t.Fatal(err)
	}
	store, err := git.Open(git.Options{Dir: t.TempDir(), AllowLocal: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p := &published{world: newWorld(), server: server, repo: repo}
	p.resolver = source.NewResolver(source.Fetchers{syncline.SourceGit: source.NewGit(store, store)}, source.Options{})
	p.sources = &interrupted{Stage: source.New(p.resolver, anonymous{}, nil)}
	p.engine = engine.New(p.sources, render.New(render.Tools{Dialects: syncline.Dialects{convention.Dialect()}}, render.Options{}), p, p, engine.Options{})
	p.app.Sources = []syncline.Source{{RepoURL: repo.URL, Path: "web", TargetRevision: "main"}}
	p.commit(t, testenv.GitCommit{
		Files: map[string]string{"web/a.yaml": configMapOf("a"), "api/a.yaml": configMapOf("b"), "README.md": "hello"},
		Links: map[string]string{"linked": "web"},
	})
	return p
}

func configMapOf(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

func (p *published) commit(t *testing.T, change testenv.GitCommit) {
	t.Helper()
	if _, err := p.repo.Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// learn asks the repository anew, as polling does.
func (p *published) learn(t *testing.T) {
	t.Helper()
	if _, err := p.resolver.Resolve(t.Context(), p.app.Sources[0], upstream.Repository{Address: upstream.AddressOf(p.repo.URL)}, 0); err != nil {
		t.Fatal(err)
	}
}

// touched reports whether the App is among those that what is known now touches.
func (p *published) touched(t *testing.T) bool {
	t.Helper()
	return slices.Contains(p.engine.Touched(t.Context(), upstream.Key(p.repo.URL)), p.app.ID)
}

// An App in a submodule is touched by the commit at which its parent names another commit
// of that, if the App's own files are others then, and by no other one.
func TestTouchedInSubmodule(t *testing.T) {
	p := publish(t)
	lib, err := p.server.Create(t.Context(), "lib")
	if err != nil {
		t.Fatal(err)
	}
	commit := func(change testenv.GitCommit) string {
		made, err := lib.Commit(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	first := commit(testenv.GitCommit{Files: map[string]string{"app/a.yaml": configMapOf("a"), "other/a.yaml": configMapOf("b")}})
	p.app.Sources[0].Path = "lib/app"
	p.commit(t, testenv.GitCommit{
		Files:      map[string]string{".gitmodules": "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib.git\n"},
		Submodules: map[string]string{"lib": first},
	})
	p.sync(t, syncline.Operation{})
	for _, step := range []struct {
		files map[string]string
		want  bool
	}{
		{map[string]string{"other/a.yaml": configMapOf("c")}, false},
		{map[string]string{"app/a.yaml": configMapOf("c")}, true},
	} {
		next := commit(testenv.GitCommit{Files: step.files})
		p.learn(t)
		if p.touched(t) {
			t.Errorf("%v: a commit of the submodule's repository touches the App", step.files)
		}
		p.commit(t, testenv.GitCommit{Submodules: map[string]string{"lib": next}})
		p.learn(t)
		if got := p.touched(t); got != step.want {
			t.Errorf("%v: touched %v, want %v", step.files, got, step.want)
		}
	}
}

func TestTouched(t *testing.T) {
	for name, test := range map[string]struct {
		change testenv.GitCommit
		want   bool
	}{
		"nothing":                   {testenv.GitCommit{}, false},
		"another folder":            {testenv.GitCommit{Files: map[string]string{"api/a.yaml": configMapOf("c")}}, false},
		"a new folder":              {testenv.GitCommit{Files: map[string]string{"new/a.yaml": configMapOf("c")}}, false},
		"its file":                  {testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}}, true},
		"a file more":               {testenv.GitCommit{Files: map[string]string{"web/b.yaml": configMapOf("c")}}, true},
		"a file less":               {testenv.GitCommit{Delete: []string{"web/a.yaml"}}, true},
		"an override":               {testenv.GitCommit{Files: map[string]string{"web/.argocd-source.yaml": "directory: {recurse: true}"}}, true},
		"the folder becomes a link": {testenv.GitCommit{Delete: []string{"web"}, Links: map[string]string{"web": "api"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			p.sync(t, syncline.Operation{})
			if test.change.Files != nil || test.change.Delete != nil || test.change.Links != nil {
				p.commit(t, test.change)
			}
			p.learn(t)
			if got := p.touched(t); got != test.want {
				t.Errorf("touched: %t, want %t", got, test.want)
			}
		})
	}
}

// TestTouchedStepByStep wants every commit to be compared with the one of the
// last turn, however many passed by, and an App that is touched to stay so until
// its turn.
func TestTouchedStepByStep(t *testing.T) {
	p := publish(t)
	p.sync(t, syncline.Operation{})
	for _, test := range []struct {
		file string
		want bool
	}{{"api/b.yaml", false}, {"docs/c.yaml", false}, {"web/d.yaml", true}, {"api/e.yaml", true}} {
		p.commit(t, testenv.GitCommit{Files: map[string]string{test.file: configMapOf("x")}})
		p.learn(t)
		if got := p.touched(t); got != test.want {
			t.Errorf("after %s touched is %t", test.file, got)
		}
	}
	p.turn(t)
	if p.touched(t) {
		t.Error("it is touched after its turn")
	}
}

// TestTouchedAmongOthers has Apps of two folders and of another branch.
func TestTouchedAmongOthers(t *testing.T) {
	p := publish(t)
	p.commit(t, testenv.GitCommit{Branch: "other", Files: map[string]string{"web/a.yaml": configMapOf("o")}})
	first := p.app
	for name, source := range map[string]syncline.Source{
		"api":       {RepoURL: p.repo.URL, Path: "api", TargetRevision: "main"},
		"web-other": {RepoURL: p.repo.URL, Path: "web", TargetRevision: "other"},
	} {
		p.app = first
		p.app.ID.Name, p.app.Instance, p.app.Sources = name, name, []syncline.Source{source}
		p.turn(t)
	}
	p.app = first
	p.turn(t)
	repo := upstream.Key(p.repo.URL)
	p.commit(t, testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}})
	p.learn(t)
	if got := p.engine.Touched(t.Context(), repo); !slices.Equal(got, []syncline.AppID{first.ID}) {
		t.Errorf("touched: %v", got)
	}
	if got := p.engine.Followers(repo); len(got) != 3 {
		t.Errorf("followers: %v", got)
	}
	p.engine.Forget(first.ID)
	if got := p.engine.Followers(repo); len(got) != 2 || slices.Contains(got, first.ID) {
		t.Errorf("after it was forgotten: %v", got)
	}
}

func TestTouchedBehindALink(t *testing.T) {
	p := publish(t)
	p.app.Sources[0].Path = "linked"
	p.sync(t, syncline.Operation{})
	p.commit(t, testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}})
	p.learn(t)
	if !p.touched(t) {
		t.Error("a change behind a link is not seen")
	}
}

func TestTouchedAfterAFailure(t *testing.T) {
	p := publish(t)
	p.sync(t, syncline.Operation{})
	p.clusterErr = syncline.Errorf(syncline.Transient, "the cluster is away")
	p.turn(t)
	p.clusterErr = nil
	if !p.touched(t) {
		t.Error("a turn that failed counts as one that said everything")
	}
}

// TestTouchedDuringTheFirstTurn has a commit that comes when the first turn of
// an App has looked its revision up already.
func TestTouchedDuringTheFirstTurn(t *testing.T) {
	p := publish(t)
	touched := false
	p.sources.during = func() {
		p.commit(t, testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}})
		p.learn(t)
		touched = p.touched(t)
	}
	p.turn(t)
	if !touched {
		t.Error("the commit is missed")
	}
}

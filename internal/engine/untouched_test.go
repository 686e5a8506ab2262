package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/git"
	"github.com/syncline-io/syncline/internal/engine"
	"github.com/syncline-io/syncline/internal/engine/render"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// anonymous needs no credentials.
type anonymous struct{}

func (anonymous) Repository(_, url string) (syncline.Repository, error) {
	return syncline.Repository{URL: url}, nil
}

// published is a world whose App is in a folder of a real repository.
type published struct {
	*world
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
	p := &published{world: newWorld(), repo: repo}
	p.resolver = source.NewResolver(store, source.Options{})
	p.engine = engine.New(source.New(p.resolver, store, anonymous{}), render.New(render.Tools{}, render.Options{}), p, p, engine.Options{})
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
	if _, err := p.resolver.Resolve(t.Context(), p.app.Sources[0], syncline.Repository{URL: p.repo.URL}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestUntouched(t *testing.T) {
	for name, test := range map[string]struct {
		change testenv.GitCommit
		// meanwhile is what else happens.
		meanwhile func(*published)
		want      bool
	}{
		"nothing":                   {testenv.GitCommit{}, nil, true},
		"another folder":            {testenv.GitCommit{Files: map[string]string{"api/a.yaml": configMapOf("c")}}, nil, true},
		"a new folder":              {testenv.GitCommit{Files: map[string]string{"new/a.yaml": configMapOf("c")}}, nil, true},
		"its file":                  {testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}}, nil, false},
		"a file more":               {testenv.GitCommit{Files: map[string]string{"web/b.yaml": configMapOf("c")}}, nil, false},
		"a file less":               {testenv.GitCommit{Delete: []string{"web/a.yaml"}}, nil, false},
		"an override":               {testenv.GitCommit{Files: map[string]string{"web/.argocd-source.yaml": "directory: {recurse: true}"}}, nil, false},
		"the folder becomes a link": {testenv.GitCommit{Delete: []string{"web"}, Links: map[string]string{"web": "api"}}, nil, false},
		"another path is declared":  {testenv.GitCommit{}, func(p *published) { p.app.Sources[0].Path = "api" }, false},
		"it is forgotten":           {testenv.GitCommit{}, func(p *published) { p.engine.Forget(p.app.ID) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t)
			if p.engine.Untouched(t.Context(), p.app) {
				t.Error("an App that had no turn yet is untouched")
			}
			p.sync(t, syncline.Operation{})
			if test.change.Files != nil || test.change.Delete != nil || test.change.Links != nil {
				p.commit(t, test.change)
			}
			if test.meanwhile != nil {
				test.meanwhile(p)
			}
			p.learn(t)
			if got := p.engine.Untouched(t.Context(), p.app); got != test.want {
				t.Errorf("untouched: %t, want %t", got, test.want)
			}
		})
	}
}

// TestUntouchedStepByStep wants every commit to be compared with the one of
// the last turn, however many were passed over.
func TestUntouchedStepByStep(t *testing.T) {
	p := publish(t)
	p.sync(t, syncline.Operation{})
	for _, test := range []struct {
		file string
		want bool
	}{{"api/b.yaml", true}, {"docs/c.yaml", true}, {"web/d.yaml", false}, {"api/e.yaml", false}} {
		p.commit(t, testenv.GitCommit{Files: map[string]string{test.file: configMapOf("x")}})
		p.learn(t)
		if got := p.engine.Untouched(t.Context(), p.app); got != test.want {
			t.Errorf("after %s untouched is %t", test.file, got)
		}
	}
}

func TestUntouchedBehindALink(t *testing.T) {
	p := publish(t)
	p.app.Sources[0].Path = "linked"
	p.sync(t, syncline.Operation{})
	p.commit(t, testenv.GitCommit{Files: map[string]string{"web/a.yaml": configMapOf("c")}})
	p.learn(t)
	if p.engine.Untouched(t.Context(), p.app) {
		t.Error("a change behind a link is not seen")
	}
}

func TestUntouchedAfterAFailure(t *testing.T) {
	p := publish(t)
	p.sync(t, syncline.Operation{})
	p.clusterErr = syncline.Errorf(syncline.Transient, "the cluster is away")
	p.turn(t)
	p.clusterErr = nil
	if p.engine.Untouched(t.Context(), p.app) {
		t.Error("a turn that failed counts as one that said everything")
	}
}

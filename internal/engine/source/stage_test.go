package source_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/engine/source"
)

// open knows a repository that needs no credentials, and refuses all others.
type open string

func (o open) Repository(project string, url upstream.Address) (upstream.Repository, error) {
	if url != upstream.AddressOf(string(o)) || project != "default" {
		return upstream.Repository{}, syncline.Errorf(syncline.Denied, "project %q may not use %s", project, url)
	}
	return upstream.Repository{Address: url}, nil
}

// gitOf are the Fetchers of Git alone.
func gitOf(server source.GitServer, mirror source.GitMirror) source.Fetchers {
	return source.Fetchers{syncline.SourceGit: source.NewGit(server, mirror)}
}

func newStage(o *origin) *source.Stage {
	return source.New(source.NewResolver(gitOf(o.store, o.store), source.Options{}), open(o.URL), nil)
}

func TestStageFromSourceToFiles(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(testenv.GitCommit{Files: map[string]string{"app/a": "1"}})
	for _, tag := range []string{"v1.0.0", "v1.1.0"} {
		if err := o.Tag(t.Context(), tag, first, "annotated"); err != nil {
			t.Fatal(err)
		}
	}
	second := o.commit(testenv.GitCommit{Files: map[string]string{"app/a": "2"}, Links: map[string]string{"app/link": "a"}})
	third := o.commit(testenv.GitCommit{Files: map[string]string{"app/a": "3"}})
	stage, app := newStage(o), syncline.App{Project: "default"}
	for revision, want := range map[string]struct{ commit, file string }{
		"": {third, "3"}, "HEAD": {third, "3"}, "main": {third, "3"}, "refs/heads/main": {third, "3"},
		"v1.1.0": {first, "1"}, "1.*": {first, "1"}, "~1.0": {first, "1"}, second: {second, "2"}, second[:8]: {second, "2"}, first[:8]: {first, "1"},
	} {
		src := syncline.Source{RepoURL: o.URL, TargetRevision: revision, Path: "app"}
		commit, err := stage.Resolve(t.Context(), app, src, time.Minute)
		if err != nil || commit != want.commit {
			t.Errorf("Resolve(%q) = %s, %v, want %s", revision, commit, err, want.commit)
			continue
		}
		files, err := stage.Tree(t.Context(), app, src, commit)
		if err != nil {
			t.Errorf("Tree(%q): %v", revision, err)
			continue
		}
		if data, err := files.ReadFile("app/a"); err != nil || string(data) != want.file {
			t.Errorf("%q has %q, %v, want %q", revision, data, err, want.file)
		}
		if data, err := files.ReadFile("app/link"); want.file != "1" && (err != nil || string(data) != want.file) {
			t.Errorf("the link at %q is %q, %v", revision, data, err)
		}
	}
	if n := o.server.Count(testenv.GitListRefs); n > 2 { // one, and one to fetch all for what is abbreviated
		t.Errorf("refs were listed %d times", n)
	}
}

// TestThousandAppsOneRepository counts requests at the server.
func TestThousandAppsOneRepository(t *testing.T) {
	o := newOrigin(t)
	o.commit(testenv.GitCommit{Files: map[string]string{"app/a": "1"}})
	stage, app := newStage(o), syncline.App{Project: "default"}
	src := syncline.Source{RepoURL: o.URL, TargetRevision: "main", Path: "app"}
	var group sync.WaitGroup
	for range 1000 {
		group.Go(func() {
			commit, err := stage.Resolve(t.Context(), app, src, time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := stage.Tree(t.Context(), app, src, commit); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	lists, fetches := o.server.Count(testenv.GitListRefs), o.server.Count(testenv.GitFetchPack)
	if lists != 1 || fetches != 1 {
		t.Errorf("1000 apps made %d lists of refs and %d fetches, want one of each", lists, fetches)
	}
}

func TestStageErrorsNameWhatIsWrong(t *testing.T) {
	o := newOrigin(t)
	o.commit(testenv.GitCommit{Files: map[string]string{"apps/shop/a": "1"}})
	stage, app := newStage(o), syncline.App{Project: "default"}
	head, err := stage.Resolve(t.Context(), app, syncline.Source{RepoURL: o.URL}, 0)
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(src syncline.Source) error {
		src.RepoURL = o.URL
		_, err := stage.Resolve(t.Context(), app, src, 0)
		return err
	}
	tree := func(src syncline.Source, commit string) error {
		src.RepoURL = o.URL
		_, err := stage.Tree(t.Context(), app, src, commit)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		kind syncline.Kind
		says []string
	}{
		"revision":     {resolve(syncline.Source{TargetRevision: "none"}), syncline.NotFound, []string{`revision "none" is not a branch, tag or commit of ` + o.URL, `the default branch is "main"`}},
		"option":       {resolve(syncline.Source{TargetRevision: "--upload-pack=touch x"}), syncline.NotFound, []string{"--upload-pack=touch x"}},
		"abbreviation": {resolve(syncline.Source{TargetRevision: "1234567"}), syncline.NotFound, []string{`revision "1234567"`}},
		"commit":       {tree(syncline.Source{}, strings.Repeat("1", 40)), syncline.NotFound, []string{strings.Repeat("1", 40), o.URL}},
		"path":         {tree(syncline.Source{Path: "apps/shpo"}, head), syncline.NotFound, []string{o.URL, head, "apps/shpo: app path does not exist", "folder apps has shop"}},
		"dot dot":      {tree(syncline.Source{Path: "apps/../../etc"}, head), syncline.Invalid, []string{o.URL, head, "app path outside root"}},
		"absolute":     {tree(syncline.Source{Path: "/apps/shop"}, head), syncline.Invalid, []string{o.URL, "absolute", "relative to the root"}},
	} {
		if c.err == nil || syncline.KindOf(c.err) != c.kind {
			t.Errorf("%s: the error is %v (%s), want %s", name, c.err, syncline.KindOf(c.err), c.kind)
			continue
		}
		for _, text := range c.says {
			if whole := c.err.Error() + " | " + syncline.HintOf(c.err); !strings.Contains(whole, text) {
				t.Errorf("%s: the error %q does not say %q", name, whole, text)
			}
		}
	}
	if _, err := stage.Resolve(t.Context(), syncline.App{Project: "other"}, syncline.Source{RepoURL: o.URL}, 0); syncline.KindOf(err) != syncline.Denied {
		t.Errorf("another project gets %v", err)
	}
	_ = o.server.Close()
	err = resolve(syncline.Source{})
	if syncline.KindOf(err) != syncline.Transient || !strings.Contains(err.Error(), o.URL) {
		t.Errorf("without a server: %v (%s)", err, syncline.KindOf(err))
	}
	if err := tree(syncline.Source{Path: "apps/shop"}, head); err != nil {
		t.Errorf("what is present needs no server: %v", err)
	}
}

// naming is a repository whose files name another one, whose files name a third.
type naming struct{ guarded }

func (*naming) Fetch(context.Context, upstream.Repository, string, string) error { return nil }

func (*naming) Tree(_ context.Context, repo upstream.Repository, _ string) (syncline.Tree, error) {
	second, err := repo.Others(upstream.AddressOf("https://example.com/second"))
	if err == nil {
		_, err = second.Others(upstream.AddressOf("https://example.com/third"))
	}
	if err == nil {
		return nil, errors.New("the third is permitted")
	}
	return depotTree(map[string]string{"a": "1"}), nil
}

// permitting lets everything be read but the third.
type permitting struct{}

func (p permitting) Repository(project string, address upstream.Address) (upstream.Repository, error) {
	repo := upstream.Repository{Address: address}
	repo.Others = func(address upstream.Address) (upstream.Repository, error) {
		if strings.HasSuffix(address.Key(), "third") {
			return upstream.Repository{}, syncline.Errorf(syncline.Denied, "it is not permitted")
		}
		return p.Repository(project, address)
	}
	return repo, nil
}

// What is read names repositories at any depth, also some that may not be read.
func TestWhatIsNamedIsTold(t *testing.T) {
	world := &naming{}
	stage := source.New(source.NewResolver(gitOf(world, world), source.Options{}), permitting{}, nil)
	var told []string
	stage.Named = func(id syncline.AppID, address upstream.Address) { told = append(told, id.Name+" "+address.String()) }
	app := syncline.App{ID: syncline.AppID{Name: "web"}}
	if _, err := stage.Tree(t.Context(), app, syncline.Source{RepoURL: urlA, Path: "."}, commit("1")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"web https://example.com/second", "web https://example.com/third"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

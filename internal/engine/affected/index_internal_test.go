package affected

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/api/argoproj/v1alpha1"
	"github.com/syncline-io/syncline/internal/engine/render/record"
)

// anywhere are files that say of every path that it is a file.
type anywhere struct{}

func (anywhere) Stat(path string) (syncline.Entry, error) {
	return syncline.Entry{Name: path, Type: syncline.EntryFile, Hash: "1"}, nil
}

func (anywhere) ReadFile(string) ([]byte, error) { return []byte("1"), nil }

func (anywhere) ReadDir(string) ([]syncline.Entry, error) { return nil, fs.ErrNotExist }

// read returns reads of files, each "path" of the source itself or "ref:path".
func read(own []string, others map[string][]string) record.Reads {
	inputs := record.Inputs{Files: syncline.Files{Tree: anywhere{}, Refs: map[string]syncline.Tree{}}}
	for ref := range others {
		inputs.Files.Refs[ref] = anywhere{}
	}
	recorder := record.New(inputs)
	for _, path := range own {
		_, _ = recorder.Files().ReadFile(path)
	}
	for ref, paths := range others {
		for _, path := range paths {
			_, _ = recorder.Files().Refs[ref].ReadFile(path)
		}
	}
	return recorder.Reads()
}

// differs are the files whose content differs.
type differs []string

func (d differs) Each(visit func(path string, entry, content, listing bool)) {
	for _, path := range d {
		visit(path, false, true, false)
	}
}

func newIndex() *Index {
	return NewIndex(func(reads record.Reads) bool { return reads.Traceable(func(string) bool { return false }) })
}

func appOf(name string, sources ...syncline.Source) syncline.App {
	return syncline.App{ID: syncline.AppID{Group: v1alpha1.Group, Kind: v1alpha1.ApplicationKind, Name: name}, Sources: sources}
}

// advance takes the groups of a repository at one commit to another.
func advance(x *Index, repoKey, before, after string, difference ...string) (names []string) {
	repo := x.Hold(repoKey)
	defer repo.Release()
	groups, _ := repo.State()
	for _, g := range groups {
		if g.Commit() != before {
			continue
		}
		for _, m := range g.Advance(after, differs(difference)) {
			names = append(names, m.ID.Name)
		}
	}
	slices.Sort(names)
	return names
}

func inDoubt(x *Index, repoKey string) (names []string) {
	repo := x.Hold(repoKey)
	defer repo.Release()
	_, members := repo.State()
	for _, m := range members {
		names = append(names, m.ID.Name)
	}
	slices.Sort(names)
	return names
}

const (
	charts = "https://git.example.com/charts"
	values = "https://git.example.com/values"
)

// TestAnAppOfSeveralSources is affected by a commit to either if that touches what
// was read there, by whichever source, and by no other.
func TestAnAppOfSeveralSources(t *testing.T) {
	app := appOf("web", syncline.Source{RepoURL: charts, Path: "web"}, syncline.Source{RepoURL: values, Ref: "values"})
	for name, test := range map[string]struct {
		repo    string
		differs []string
		want    bool
	}{
		"nothing":                           {charts, nil, false},
		"its chart":                         {charts, []string{"web/Chart.yaml"}, true},
		"another chart":                     {charts, []string{"api/Chart.yaml"}, false},
		"its values":                        {values, []string{"web.yaml"}, true},
		"other values":                      {values, []string{"api.yaml"}, false},
		"of one what it read of the other":  {values, []string{"web/Chart.yaml"}, false},
		"of one what it read of the values": {charts, []string{"web.yaml"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := newIndex()
			x.Expect(app)
			x.Learn(app, []Rendered{
				{app.Sources[0], "c1", read([]string{"web/Chart.yaml"}, map[string][]string{"values": {"web.yaml"}})},
				{app.Sources[1], "v1", read(nil, nil)},
			}, nil)
			before := map[string]string{charts: "c1", values: "v1"}[test.repo]
			if got := advance(x, test.repo, before, "next", test.differs...); (len(got) > 0) != test.want {
				t.Errorf("affected are %v", got)
			}
			for _, repo := range []string{charts, values} {
				if got := inDoubt(x, repo); (len(got) > 0) != test.want {
					t.Errorf("in doubt for %s are %v", repo, got)
				}
				if got := x.Apps(repo); len(got) != 1 {
					t.Errorf("%s is followed by %v", repo, got)
				}
			}
			if got := advance(x, test.repo, "next", "later", "web.yaml", "web/Chart.yaml"); (len(got) == 0) != test.want {
				t.Errorf("of the commit after that affected are %v", got)
			}
		})
	}
}

// TestTwoSourcesOfOneRepository are one App, also where one reads the other's files.
func TestTwoSourcesOfOneRepository(t *testing.T) {
	x := newIndex()
	app := appOf("web", syncline.Source{RepoURL: charts, Path: "web"}, syncline.Source{RepoURL: charts, Path: "api", Ref: "api"})
	x.Learn(app, []Rendered{
		{app.Sources[0], "c1", read([]string{"web/a"}, map[string][]string{"api": {"common"}})},
		{app.Sources[1], "c1", read([]string{"api/a", "common"}, nil)},
	}, nil)
	if got := x.Apps(charts); len(got) != 1 {
		t.Errorf("followed by %v", got)
	}
	if got := advance(x, charts, "c1", "c2", "other"); got != nil {
		t.Errorf("affected are %v", got)
	}
	if got := advance(x, charts, "c2", "c3", "common", "web/a", "api/a"); !slices.Equal(got, []string{"web"}) {
		t.Errorf("affected are %v", got)
	}
}

// TestBehindByTheSourceItself: what another source is at says nothing, though it is
// called alike.
func TestBehindByTheSourceItself(t *testing.T) {
	x := newIndex()
	app := appOf("web", syncline.Source{RepoURL: charts}, syncline.Source{RepoURL: values})
	x.Expect(app)
	repo := x.Hold(charts)
	_, members := repo.State()
	repo.Release()
	for _, test := range []struct {
		at     []string
		source syncline.Source
		commit string
		want   int
	}{
		{[]string{"1.0", "0.9"}, app.Sources[0], "1.0", 0},
		{[]string{"1.0", "0.9"}, app.Sources[1], "1.0", 1},
		{[]string{"1.0", "0.9"}, app.Sources[1], "0.9", 0},
		{nil, app.Sources[1], "0.9", 0}, // it declares nothing
		{[]string{"1.0"}, app.Sources[0], "1.0", 1},
		{[]string{"1.0", "0.9"}, syncline.Source{RepoURL: charts, TargetRevision: "other"}, "2.0", 0},
	} {
		x.Found(app.ID, test.at)
		if got := x.Behind(slices.Clone(members), test.source, test.commit); len(got) != test.want {
			t.Errorf("at %v, %s of %s is missed by %d", test.at, test.commit, test.source.RepoURL, len(got))
		}
	}
}

// TestRepositoriesThatNobodyFollowsAreForgotten has an App that declares another
// repository again and again, one of them twice.
func TestRepositoriesThatNobodyFollowsAreForgotten(t *testing.T) {
	x := newIndex()
	app := appOf("app")
	for i := range 100 {
		url := fmt.Sprintf("https://git.example.com/%d", i)
		app.Sources = []syncline.Source{{RepoURL: url}, {RepoURL: url, Path: "a"}}
		x.Expect(app)
		held := x.Hold("https://git.example.com/other")
		x.Learn(app, nil, nil)
		_ = x.Apps("https://git.example.com/nobody's")
		held.Release()
		if len(x.repos) != 1 || len(x.Apps(app.Sources[0].Key())) != 1 {
			t.Fatalf("%d repositories are remembered, and of the one %v", len(x.repos), x.Apps(app.Sources[0].Key()))
		}
	}
	x.Forget(app.ID)
	if len(x.repos) != 0 {
		t.Errorf("%d repositories are remembered of no App", len(x.repos))
	}
}

package catalog_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/catalog"
)

// of declares an App of a project, with a source in a repository.
func of(name, project, url string) syncline.App {
	app := named(name)
	app.UID, app.Project, app.Sources = types.UID(name), project, []syncline.Source{{RepoURL: url, Path: "."}}
	return app
}

func names(ids []syncline.AppID) []string {
	var names []string
	for _, id := range ids {
		names = append(names, id.Name)
	}
	return names
}

// TestAppsAreFoundByWhatTheyUse changes Applications, and asks whom a project, a
// repository and a template concern.
func TestAppsAreFoundByWhatTheyUse(t *testing.T) {
	apps := catalog.NewApps()
	apps.Declare(of("a", "red", "https://git.example/team/a"), nil)
	apps.Declare(of("b", "red", "https://GIT.example/team/a.git"), nil)
	apps.Declare(of("c", "blue", "https://git.example/team/c"), nil)
	wantNames := func(what string, got []syncline.AppID, want ...string) {
		t.Helper()
		if !slices.Equal(names(got), want) {
			t.Errorf("%s: %v, want %v", what, names(got), want)
		}
	}
	wantNames("project", apps.OfProject("red"), "a", "b")
	wantNames("repository", apps.OfRepository(upstream.Key("https://git.example/team/a")), "a", "b")
	wantNames("template", apps.OfRepositories("https://git.example/team"), "a", "b", "c")
	if ways := apps.Ways("https://git.example/team/a"); len(ways) != 2 {
		t.Errorf("two spellings are %d ways", len(ways))
	}
	apps.Declare(of("a", "blue", "https://git.example/team/c"), nil)
	wantNames("project after a change", apps.OfProject("red"), "b")
	wantNames("repository after a change", apps.OfRepository("https://git.example/team/c"), "a", "c")
	if ways := apps.Ways("https://git.example/team/c"); len(ways) != 1 {
		t.Errorf("one project comes in %d ways", len(ways))
	}
	for _, name := range []string{"a", "b", "c"} {
		apps.Remove(named(name).ID)
	}
	wantNames("project of nobody", apps.OfProject("blue"))
	wantNames("repositories of nobody", apps.OfRepositories("https://"))
	if len(apps.Ways("https://git.example/team/c")) != 0 {
		t.Error("nobody comes there in some way")
	}
}

// TestWaysOfManyApps has 10,000 Apps of one repository, which come in one way.
func TestWaysOfManyApps(t *testing.T) {
	apps := catalog.NewApps()
	for i := range 10_000 {
		apps.Declare(of(fmt.Sprint(i), "red", "https://git.example/mono"), nil)
	}
	if ways := apps.Ways("https://git.example/mono"); len(ways) != 1 {
		t.Errorf("they come in %d ways", len(ways))
	}
}

// TestWaysThatNobodyTakesAreTold, once the last App has left them.
func TestWaysThatNobodyTakesAreTold(t *testing.T) {
	apps := catalog.NewApps()
	var told []string
	apps.Left = func(id syncline.AppID, way catalog.Way) {
		if slices.Contains(apps.Ways(way.Address.Key()), way) {
			t.Error("it is told before it is so")
		}
		told = append(told, id.Name+" "+way.Project+" "+way.Address.Key())
	}
	const a, c = "https://git.example/a", "https://git.example/c"
	leaving := of("d", "red", c)
	for _, app := range []syncline.App{
		of("a", "red", a), of("b", "red", a), of("e", "blue", c), leaving,
		of("a", "red", c),  // b is still there
		of("b", "blue", a), // by another project
		of("e", "blue", c), // nothing new
	} {
		apps.Declare(app, nil)
	}
	apps.Remove(named("a").ID) // leaving is still there
	leaving.Deleting = &syncline.Deletion{}
	apps.Declare(leaving, nil)
	apps.Remove(named("d").ID)
	apps.Remove(named("d").ID)
	apps.Remove(named("e").ID)
	want := []string{"b red " + a, "d red " + c, "e blue " + c}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestWhatIsNamedIsFound has Apps that read something which names other repositories, and
// not any more.
func TestWhatIsNamedIsFound(t *testing.T) {
	apps := catalog.NewApps()
	a, b := named("a").ID, named("b").ID
	apps.Declare(of("a", "red", "https://git.example/a"), nil)
	apps.Declare(of("b", "red", "https://git.example/lib"), nil)
	lib := upstream.AddressOf("https://git.example/lib.git")
	want := func(when string, want ...string) {
		t.Helper()
		if got := names(apps.OfRepository(lib.Key())); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	apps.Name(named("nobody").ID, lib)
	want("named by nobody", "b")
	apps.Name(a, lib)
	apps.Name(b, lib)
	want("named", "a", "b")
	apps.Follow(a, nil)
	want("after a turn that read it", "a", "b")
	apps.Declare(of("a", "blue", "https://git.example/other"), nil)
	want("declared otherwise, and not read yet", "a", "b")
	if got := names(apps.OfRepositories("https://git.example/li")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("of a template: %v", got)
	}
	if len(apps.Ways(lib.Key())) != 1 {
		t.Error("who only names a repository comes there")
	}
	apps.Name(a, lib)
	apps.Follow(a, nil)
	apps.Follow(a, nil)
	want("after a turn that read nothing of it", "b")
	for i := range 5000 {
		apps.Name(a, upstream.AddressOf(fmt.Sprintf("https://git.example/%d", i)))
	}
	if got := apps.OfRepositories("https://git.example/1"); len(got) != 1 {
		t.Errorf("of many: %v", names(got))
	}
	apps.Name(a, lib)
	want("beyond the bound", "b")
	apps.Remove(a)
	apps.Remove(b)
	if got := apps.OfRepositories("https://"); len(got) > 0 {
		t.Errorf("of Apps that are gone: %v", names(got))
	}
}

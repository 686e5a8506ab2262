package repository_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/repository"
)

// projects permit one repository to one project.
type projects struct{ project, permitted string }

func (p projects) Project(name string) (syncline.Project, error) {
	if name != p.project {
		return syncline.Project{}, syncline.Errorf(syncline.NotFound, "project %q does not exist", name)
	}
	return syncline.Project{Name: name, SourceRepos: []upstream.Pattern{upstream.PatternOf(p.permitted)}}, nil
}

// What a repository names is reached as its own Secrets say, by projects that may have
// it, and never with the credentials of who names it.
func TestOthers(t *testing.T) {
	store := repository.NewStore()
	for name, fields := range map[string]map[string]string{
		"app": {"url": "https://git.example/team/app", "username": "joe", "password": "p"},
		"lib": {"url": "https://git.example/team/lib", "username": "robot", "password": "l", "project": "red"},
	} {
		if err := store.Put(secret(name, repository.TypeRepository, fields)); err != nil {
			t.Fatal(err)
		}
	}
	access := &repository.Access{Store: store, Projects: projects{"red", "https://git.example/team/*"}}
	for _, c := range []struct{ project, address, username, err string }{
		{"red", "https://git.example/team/lib.git", "robot", ""},
		{"red", "https://git.example/team/none", "", ""},
		{"red", "https://git.example/other/lib", "", "is not permitted in project 'red'"},
		{"blue", "https://git.example/team/lib", "", "does not exist"},
	} {
		app, err := access.Repository(c.project, upstream.AddressOf("https://git.example/team/app"))
		if err != nil || app.Username != "joe" {
			t.Fatalf("the app: %s, %v", app.Username, err)
		}
		other, err := app.Others(upstream.AddressOf(c.address))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || other.Username != c.username {
			t.Errorf("%s for %s: got %q, %v", c.address, c.project, other.Username, err)
		}
		if err == nil && (other.Others == nil || other.Declared == (c.username == "")) {
			t.Errorf("%s for %s: declared %v", c.address, c.project, other.Declared)
		}
	}
}

package application_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/catalog"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// unwritten refuses every write.
type unwritten struct{}

func (unwritten) PatchApplication(context.Context, syncline.AppID, []byte) (*unstructured.Unstructured, error) {
	return nil, syncline.Errorf(syncline.NotFound, "nothing is written here")
}

// What the Applications of a project say is remembered up to a bound. One that is beyond
// it is refused with a reason and holds nothing of it, whoever else there is, until there
// is room; small ones always are taken.
func TestTextsOfAProjectAreBounded(t *testing.T) {
	apps := catalog.New().Apps
	store := application.NewStore(unwritten{}, controlPlane, apps)
	version := 0
	put := func(project, name string, bytes int) syncline.App {
		t.Helper()
		version++
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(fmt.Appendf(nil, `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
			"metadata": {"name": %[1]q, "namespace": %[2]q, "uid": %[1]q, "resourceVersion": "%[3]d"},
			"spec": {"project": %[4]q, "source": {"repoURL": "https://git.example.com/a.git", "path": "a", "helm": {"values": %[5]q}},
			"destination": {"name": "in-cluster", "namespace": "a"}, "syncPolicy": {"automated": {"prune": true}}}}`,
			name, controlPlane, version, project, strings.Repeat("v", bytes))); err != nil {
			t.Fatal(err)
		}
		app, _ := store.Put(u)
		return app
	}
	refused := func(app syncline.App) bool {
		return len(app.Invalid) == 1 && strings.Contains(app.Invalid[0].Message, "8 MiB together")
	}
	const large = 1200 << 10
	for i := range 12 {
		app := put("hostile", fmt.Sprint("large-", i), large)
		if refused(app) != (i >= 6) {
			t.Fatalf("number %d: %v", i, app.Invalid)
		}
		if i >= 6 && (app.Sources[0].Helm != nil || app.Policy.Automated || app.Sources[0].Path != "a" || app.Destination.Namespace != "a") {
			t.Errorf("of number %d is left: %+v", i, app)
		}
	}
	for name, app := range map[string]syncline.App{
		"a small one":            put("hostile", "small", 60<<10),
		"one of another project": put("victim", "large", large),
		"the same again":         put("hostile", "large-0", large),
		"one that says less":     put("hostile", "large-6", 10),
	} {
		if len(app.Invalid) > 0 {
			t.Errorf("%s: %v", name, app.Invalid)
		}
	}
	if app := put("hostile", "large-7", large); !refused(app) {
		t.Errorf("there is no room yet: %v", app.Invalid)
	}
	gone := put("hostile", "large-0", large).ID
	apps.Remove(gone)
	store.Forget(gone)
	if app := put("hostile", "large-7", large); refused(app) || app.Sources[0].Helm == nil {
		t.Errorf("there is room now: %v", app.Invalid)
	}
}

package application_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

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
		return len(app.Invalid) == 1 && strings.Contains(app.Invalid[0].Message, "4 MiB together")
	}
	const large = 500 << 10
	for i := range 12 {
		app := put("hostile", fmt.Sprint("large-", i), large)
		if refused(app) != (i >= 8) {
			t.Fatalf("number %d: %v", i, app.Invalid)
		}
		if i >= 8 && (app.Sources[0].Helm != nil || app.Policy.Automated || app.Sources[0].Path != "a" || app.Destination.Namespace != "a") {
			t.Errorf("of number %d is left: %+v", i, app)
		}
	}
	for name, app := range map[string]syncline.App{
		"a small one":            put("hostile", "small", 60<<10),
		"one of another project": put("victim", "large", large),
		"the same again":         put("hostile", "large-0", large),
		"one that says less":     put("hostile", "large-8", 10),
	} {
		if len(app.Invalid) > 0 {
			t.Errorf("%s: %v", name, app.Invalid)
		}
	}
	if app := put("hostile", "large-9", large); !refused(app) {
		t.Errorf("there is no room yet: %v", app.Invalid)
	}
	gone := put("hostile", "large-0", large).ID
	apps.Remove(gone)
	store.Forget(gone)
	if app := put("hostile", "large-9", large); refused(app) || app.Sources[0].Helm == nil {
		t.Errorf("there is room now: %v", app.Invalid)
	}
}

// What one says is bounded, whatever room its project has: all that a person can write
// counts, and values that are an object twice, because they are held so.
func TestTextOfAnApplicationIsBounded(t *testing.T) {
	store := application.NewStore(unwritten{}, controlPlane, catalog.New().Apps)
	version := 0
	for name, test := range map[string]struct {
		helm    string
		refused bool
	}{
		"values":                     {fmt.Sprintf("values: %q", strings.Repeat("v", 500<<10)), false},
		"too many values":            {fmt.Sprintf("values: %q", strings.Repeat("v", 520<<10)), true},
		"values of an object":        {fmt.Sprintf("valuesObject: {v: %q}", strings.Repeat("v", 250<<10)), false},
		"too many of an object":      {fmt.Sprintf("valuesObject: {v: %q}", strings.Repeat("v", 260<<10)), true},
		"too many numbers":           {"valuesObject: {v: [" + strings.Repeat("0,", 40<<10) + "0]}", true},
		"too many lists in lists":    {"valuesObject: {v: [" + strings.Repeat("[],", 40<<10) + "0]}", true},
		"too many nameless objects":  {"valuesObject: {v: [" + strings.Repeat("{},", 40<<10) + "0]}", true},
		"less again, which is taken": {"values: v", false},
	} {
		version++
		var content map[string]any
		if err := yaml.Unmarshal(fmt.Appendf(nil, `{apiVersion: argoproj.io/v1alpha1, kind: Application,
			metadata: {name: one, namespace: %s, uid: one, resourceVersion: "%d"},
			spec: {project: p, source: {repoURL: "https://git.example.com/a.git", path: a, helm: {%s}}, destination: {name: in-cluster, namespace: a}}}`,
			controlPlane, version, test.helm), &content); err != nil {
			t.Fatal(err)
		}
		app, _ := store.Put(&unstructured.Unstructured{Object: content})
		refused := len(app.Invalid) == 1 && strings.Contains(app.Invalid[0].Message, "more than 512 KiB")
		if refused != test.refused || refused == (app.Sources[0].Helm != nil) {
			t.Errorf("%s: it is refused: %v, %v", name, refused, app.Invalid)
		}
	}
}

// What is held of Applications of large values is little more than what counts, though their
// statuses repeat these four times each.
func TestMemoryOfLargeValues(t *testing.T) {
	const count, size = 8, 250 << 10
	for field, times := range map[string]int{"values": 1, "valuesObject": 2} {
		apps := catalog.New().Apps
		store := application.NewStore(unwritten{}, controlPlane, apps)
		before := heap()
		for i := range count {
			store.Put(repeating(t, i, field, size))
		}
		if used := heap() - before; used > times*count*size*5/4 {
			t.Errorf("%s: %d KiB are held of %d KiB", field, used>>10, count*size>>10)
		}
		runtime.KeepAlive(store)
	}
}

// repeating is an Application of large values that its status repeats, as they come over the
// wire: none shares anything.
func repeating(t *testing.T, number int, field string, size int) *unstructured.Unstructured {
	t.Helper()
	values := fmt.Sprintf("%q", strings.Repeat("v", size))
	if field == "valuesObject" {
		values = `{"v":` + values + "}"
	}
	source := fmt.Sprintf(`{"repoURL":"https://git.example.com/a.git","path":"a","helm":{%q:%s}}`, field, values)
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(fmt.Appendf(nil, `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
		"metadata":{"name":"large-%[1]d","namespace":%[2]q,"uid":"%[1]d","resourceVersion":"1"},
		"spec":{"project":"p","source":%[3]s,"destination":{"name":"in-cluster","namespace":"a"}},
		"status":{"sync":{"status":"Synced","comparedTo":{"source":%[3]s}},
		"history":[{"id":1,"source":%[3]s},{"id":2,"source":%[3]s}],
		"operationState":{"phase":"Succeeded","operation":{"sync":{}},"syncResult":{"revision":"","source":%[3]s}}}}`,
		number, controlPlane, source)); err != nil {
		t.Fatal(err)
	}
	return u
}

package application_test

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

func declare(name, project, url string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": "argocd", "name": name, "uid": name},
		"spec": map[string]any{
			"project": project, "source": map[string]any{"repoURL": url, "path": "."},
			"destination": map[string]any{"name": "in-cluster"},
		},
	}}
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
	store := application.NewStore(nil, "argocd")
	store.Put(declare("a", "red", "https://git.example/team/a"))
	store.Put(declare("b", "red", "https://GIT.example/team/a.git"))
	store.Put(declare("c", "blue", "https://git.example/team/c"))
	wantNames := func(what string, got []syncline.AppID, want ...string) {
		t.Helper()
		if !slices.Equal(names(got), want) {
			t.Errorf("%s: %v, want %v", what, names(got), want)
		}
	}
	wantNames("project", store.OfProject("red"), "a", "b")
	wantNames("repository", store.OfRepository(upstream.Key("https://git.example/team/a")), "a", "b")
	wantNames("template", store.OfRepositories("https://git.example/team"), "a", "b", "c")
	if ways := store.Ways("https://git.example/team/a"); len(ways) != 2 {
		t.Errorf("two spellings are %d ways", len(ways))
	}
	store.Put(declare("a", "blue", "https://git.example/team/c"))
	wantNames("project after a change", store.OfProject("red"), "b")
	wantNames("repository after a change", store.OfRepository("https://git.example/team/c"), "a", "c")
	if ways := store.Ways("https://git.example/team/c"); len(ways) != 1 {
		t.Errorf("one project comes in %d ways", len(ways))
	}
	for _, name := range []string{"a", "b", "c"} {
		store.Delete(syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: name})
	}
	wantNames("project of nobody", store.OfProject("blue"))
	wantNames("repositories of nobody", store.OfRepositories("https://"))
	if len(store.Ways("https://git.example/team/c")) != 0 {
		t.Error("nobody comes there in some way")
	}
}

// TestWaysOfManyApps has 10,000 Apps of one repository, which come in one way.
func TestWaysOfManyApps(t *testing.T) {
	store := application.NewStore(nil, "argocd")
	for i := range 10_000 {
		store.Put(declare(fmt.Sprint(i), "red", "https://git.example/mono"))
	}
	if ways := store.Ways("https://git.example/mono"); len(ways) != 1 {
		t.Errorf("they come in %d ways", len(ways))
	}
}

// TestWaysThatNobodyTakesAreTold, once the last App has left them.
func TestWaysThatNobodyTakesAreTold(t *testing.T) {
	store := application.NewStore(nil, "argocd")
	var told []string
	store.Left = func(id syncline.AppID, way application.Way) {
		if slices.Contains(store.Ways(way.Address.Key()), way) {
			t.Error("it is told before it is so")
		}
		told = append(told, id.Name+" "+way.Project+" "+way.Address.Key())
	}
	const a, c = "https://git.example/a", "https://git.example/c"
	leaving := declare("d", "red", c)
	for _, u := range []*unstructured.Unstructured{
		declare("a", "red", a), declare("b", "red", a), declare("e", "blue", c), leaving,
		declare("a", "red", c),  // b is still there
		declare("b", "blue", a), // by another project
		declare("e", "blue", c), // nothing new
	} {
		store.Put(u)
	}
	store.Delete(syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: "a"}) // leaving is still there
	leaving = leaving.DeepCopy()
	_ = unstructured.SetNestedField(leaving.Object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp")
	_ = unstructured.SetNestedStringSlice(leaving.Object, []string{"resources-finalizer.argocd.argoproj.io"}, "metadata", "finalizers")
	store.Put(leaving)
	store.Delete(syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: "d"})
	store.Delete(syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: "d"})
	store.Delete(syncline.AppID{Kind: syncline.KindApplication, Namespace: "argocd", Name: "e"})
	want := []string{"b red " + a, "d red " + c, "e blue " + c}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

package application_test

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/dialect/argo/application"
)

// Who uses a repository are the Apps that their projects let, by the ways in which
// these reach it.
func TestUsage(t *testing.T) {
	const url = "https://git.example.com/shop.git"
	store := application.NewStore(nil, "argocd")
	for name, project := range map[string]string{"a": "red", "b": "red", "c": "blue", "d": "refused"} {
		store.Put(&unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"namespace": "argocd", "name": name},
			"spec": map[string]any{
				"project": project, "source": map[string]any{"repoURL": url, "path": name},
				"destination": map[string]any{"name": "in-cluster", "namespace": "shop"},
			},
		}})
	}
	// Each project has credentials of its own.
	reach := func(address upstream.Address, project string) upstream.Repository {
		return upstream.Repository{Address: address, Declared: true, Username: project, Password: "p"}
	}
	usage := application.Usage{Apps: store, Reach: reach, Permits: func(app syncline.App) bool { return app.Project != "refused" }}
	for project, test := range map[string]struct {
		owners []string
		used   bool
	}{
		"red": {[]string{"red"}, true}, "blue": {[]string{"blue"}, true}, "refused": {[]string{"refused"}, false}, "nobody": {nil, false},
	} {
		repo := reach(upstream.AddressOf(url), project)
		if got := usage.Owners(repo); !slices.Equal(got, test.owners) {
			t.Errorf("as %s reaches it, it is of %v, want %v", project, got, test.owners)
		}
		if got := usage.Uses(repo); got != test.used {
			t.Errorf("as %s reaches it, it is used: %t, want %t", project, got, test.used)
		}
	}
	if declared := usage.Declared(upstream.AddressOf(url).Key()); len(declared) != 4 {
		t.Errorf("declared are %d sources, want 4", len(declared))
	}
	if declared := usage.Declared(upstream.AddressOf("https://git.example.com/other").Key()); declared != nil {
		t.Errorf("of another repository, declared are %v", declared)
	}
}

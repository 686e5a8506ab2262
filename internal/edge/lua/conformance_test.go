package lua_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/resource_customizations"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/edge/lua"
)

// What Argo CD 3.5.7 comes with. Fewer than this would mean that cases were not
// found, more that there is a newer version.
const (
	argoChecks = 238
	argoCases  = 1142
)

// conformance is a health_test.yaml of Argo CD.
type conformance struct {
	Tests []struct {
		InputPath    string `json:"inputPath"`
		HealthStatus struct {
			Status  syncline.HealthStatus `json:"status"`
			Message string                `json:"message"`
		} `json:"healthStatus"`
	} `json:"tests"`
}

// Every check of Argo CD judges every object of Argo CD's own tests as there.
func TestArgoCases(t *testing.T) {
	var machine lua.Machine
	checks, cases := 0, 0
	for _, folder := range checkFolders(t) {
		checks++
		var file conformance
		readYAML(t, folder+"/health_test.yaml", &file)
		for _, test := range file.Tests {
			cases++
			t.Run(folder+"/"+test.InputPath, func(t *testing.T) {
				var u unstructured.Unstructured
				readYAML(t, path.Join(folder, test.InputPath), &u.Object)
				rule, ok := lua.Check(u.GroupVersionKind().GroupKind())
				if !ok {
					t.Fatalf("there is no check for %s", u.GroupVersionKind())
				}
				got, err := machine.Judge(t.Context(), rule, u.Object)
				if err != nil {
					t.Fatal(err)
				}
				if got != syncline.Health(test.HealthStatus) {
					t.Errorf("got  %+v\nwant %+v", got, test.HealthStatus)
				}
			})
		}
	}
	if checks != argoChecks || cases != argoCases {
		t.Errorf("%d checks with %d cases were found, want %d and %d", checks, cases, argoChecks, argoCases)
	}
}

func checkFolders(t testing.TB) (folders []string) {
	t.Helper()
	err := fs.WalkDir(resource_customizations.Embedded, ".", func(name string, _ fs.DirEntry, err error) error {
		if folder, ok := strings.CutSuffix(name, "/health.lua"); ok {
			folders = append(folders, folder)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func readYAML(t testing.TB, name string, into any) {
	t.Helper()
	text, err := resource_customizations.Embedded.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

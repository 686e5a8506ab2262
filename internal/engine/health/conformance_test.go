package health_test

import (
	"path"
	"testing"

	"github.com/argoproj/argo-cd/v3/resource_customizations"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/engine/health"
)

// The kinds for which Argo CD has a script and this package a check of its own
// are judged as by the script.
func TestChecksEqualArgoScripts(t *testing.T) {
	cases := 0
	for _, folder := range []string{"batch/CronJob", "apiextensions.k8s.io/CustomResourceDefinition"} {
		var file struct {
			Tests []struct {
				InputPath    string `json:"inputPath"`
				HealthStatus struct {
					Status  syncline.HealthStatus `json:"status"`
					Message string                `json:"message"`
				} `json:"healthStatus"`
			} `json:"tests"`
		}
		readEmbedded(t, folder+"/health_test.yaml", &file)
		for _, test := range file.Tests {
			var u unstructured.Unstructured
			readEmbedded(t, path.Join(folder, test.InputPath), &u.Object)
			if u.GetDeletionTimestamp() != nil {
				continue // deletion is judged first, there as here
			}
			cases++
			if got := (health.Checks{}).Quick(&u); got != syncline.Health(test.HealthStatus) {
				t.Errorf("%s/%s:\ngot  %+v\nwant %+v", folder, test.InputPath, got, test.HealthStatus)
			}
		}
	}
	if cases < 15 {
		t.Errorf("only %d cases were found", cases)
	}
}

func readEmbedded(t *testing.T, name string, into any) {
	t.Helper()
	text, err := resource_customizations.Embedded.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

package component

import (
	"os"
	"strings"
	"testing"

	"k8s.io/component-base/version"
)

func TestVersionIsTheOneRequired(t *testing.T) {
	requirements, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(requirements), "\tk8s.io/kubernetes "+kubernetesVersion+"\n") {
		t.Errorf("go.mod does not require k8s.io/kubernetes %s", kubernetesVersion)
	}
	if err := setVersion(); err != nil {
		t.Fatal(err)
	}
	if got := version.Get(); got.GitVersion != kubernetesVersion || got.Major != "1" || got.Minor == "" {
		t.Errorf("Kubernetes calls itself %s (%s.%s)", got.GitVersion, got.Major, got.Minor)
	}
}

func TestRequested(t *testing.T) {
	for _, test := range []struct {
		args string
		want bool
	}{
		{"component etcd", true},
		{"component kwok --flag", true},
		{"component", false},
		{"up", false},
		{"", false},
	} {
		if got := Requested(strings.Fields(test.args)); got != test.want {
			t.Errorf("Requested(%q) is %v", test.args, got)
		}
	}
}

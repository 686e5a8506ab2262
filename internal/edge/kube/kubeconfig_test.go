package kube_test

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/edge/kube"
)

// A kubeconfig that is not there is named.
func TestAMissingKubeconfigIsNamed(t *testing.T) {
	const missing = "/nonexistent/kubeconfig"
	t.Setenv("KUBECONFIG", missing)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, path := range map[string]string{"by $KUBECONFIG": "", "by --kubeconfig": missing} {
		_, err := kube.ReadConfig(path, "")
		if err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "KUBERNETES_MASTER") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

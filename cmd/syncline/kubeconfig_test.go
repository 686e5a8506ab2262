package main

import (
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/front/cli"
)

// A kubeconfig that is not there is named.
func TestAMissingKubeconfigIsNamed(t *testing.T) {
	const missing = "/nonexistent/kubeconfig"
	t.Setenv("KUBECONFIG", missing)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for name, connection := range map[string]cli.Connection{"by $KUBECONFIG": {}, "by --kubeconfig": {Kubeconfig: missing}} {
		_, err := restConfig(connection)
		if err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "KUBERNETES_MASTER") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

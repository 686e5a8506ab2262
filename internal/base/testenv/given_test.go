package testenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: mine
contexts:
- {name: other, context: {cluster: far, user: me}}
- {name: mine, context: {cluster: near, user: me}}
clusters:
- {name: far, cluster: {server: "https://far.example"}}
- {name: near, cluster: {server: "https://near.example"}}
`

func TestGivenClusterIsUsed(t *testing.T) {
	good := write(t, kubeconfig)
	for _, test := range []struct {
		name            string
		first, second   string // SYNCLINE_TEST_KUBECONFIG and KUBECONFIG
		options         testenv.ClusterOptions
		server, wantErr string
	}{
		{name: "KUBECONFIG", second: good, server: "https://near.example"},
		{name: "SYNCLINE_TEST_KUBECONFIG comes first", first: good, second: "missing", server: "https://near.example"},
		{name: "a file that is missing", second: "missing", wantErr: "missing"},
		{name: "a file that is no kubeconfig", second: write(t, "a: [b"), wantErr: "reading kubeconfig"},
		{name: "a context that is missing", second: write(t, "current-context: nowhere"), wantErr: `"nowhere" names no cluster`},
		{name: "an audit log that it cannot give", second: good, options: testenv.ClusterOptions{Audit: true}, wantErr: "unset"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SYNCLINE_TEST_KUBECONFIG", test.first)
			t.Setenv("KUBECONFIG", test.second)
			cluster, err := testenv.StartCluster(t.Context(), test.options)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if cluster.Server != test.server || cluster.Kubeconfig != good {
				t.Errorf("it is %s of %s, want %s of %s", cluster.Server, cluster.Kubeconfig, test.server, good)
			}
			if err := cluster.StopAPIServer(); err == nil || !strings.Contains(err.Error(), "only a devcluster") {
				t.Errorf("stopping its API server gives error %v", err)
			}
			if err := cluster.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

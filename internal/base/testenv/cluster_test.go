package testenv_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"testing"

	"github.com/syncline-io/syncline/internal/base/testenv"
)

func TestStartClusterIsReadyAndStops(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("SYNCLINE_TEST_KUBECONFIG", "")
	cluster, err := testenv.StartCluster(context.Background(), testenv.ClusterOptions{Audit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := ready(t, cluster.Server); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cluster.AuditLog); err != nil {
		t.Error("the audit log is missing:", err)
	}

	if err := cluster.StopAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := ready(t, cluster.Server); err == nil {
		t.Error("the API server answers although it was stopped")
	}
	if err := cluster.StartAPIServer(); err != nil {
		t.Fatal(err)
	}
	if err := ready(t, cluster.Server); err != nil {
		t.Error("the API server was started again but is not ready:", err)
	}

	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cluster.Kubeconfig); !os.IsNotExist(err) {
		t.Errorf("the kubeconfig is still there after Stop (%v)", err)
	}
	if err := ready(t, cluster.Server); err == nil {
		t.Error("the API server answers after Stop")
	}
}

// ready asks without a client of Kubernetes, so that this test depends on nothing that it tests for others.
func ready(t *testing.T, server string) error {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	response, err := client.Get(server + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET /readyz answers %s", response.Status)
	}
	return nil
}

package devcluster

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

const (
	serviceRange       = "10.96.0.0/16"
	apiServerServiceIP = "10.96.0.1" // the first address of serviceRange, as Kubernetes has it
	administrators     = "system:masters"
)

//go:embed audit-policy.yaml
var auditPolicy []byte

// writeConfig fills the data folder with what the parts read: certificates, keys, kubeconfigs, the audit policy. It
// returns the kubeconfig of the administrator and a client with which the cluster is set up.
func writeConfig(options Options, server string) ([]byte, *client, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, nil, err
	}
	serving, err := ca.server("kube-apiserver", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	if err != nil {
		return nil, nil, err
	}
	metrics, err := ca.server("metrics", metricsService+"."+metricsNamespace+".svc")
	if err != nil {
		return nil, nil, err
	}
	files := map[string][]byte{
		"ca.crt":            ca.certPEM,
		"apiserver.crt":     serving.cert,
		"apiserver.key":     serving.key,
		"metrics.crt":       metrics.cert,
		"metrics.key":       metrics.key,
		"audit-policy.yaml": auditPolicy,
	}
	for part, user := range map[string]string{
		"controller-manager": "system:kube-controller-manager",
		"scheduler":          "system:kube-scheduler",
		"kwok":               "devcluster",
	} {
		pair, err := ca.client(user, administrators)
		if err != nil {
			return nil, nil, err
		}
		files[part+".kubeconfig"] = kubeconfig(options.Name, server, ca.certPEM, pair)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(options.DataDir, name), content, 0o600); err != nil {
			return nil, nil, fmt.Errorf("writing the cluster's configuration: %w", err)
		}
	}
	if err := ensureServiceAccountKey(filepath.Join(options.DataDir, "service-account.key")); err != nil {
		return nil, nil, err
	}
	return adminAccess(options, server, ca)
}

func adminAccess(options Options, server string, ca *authority) ([]byte, *client, error) {
	admin, err := ca.client("admin", administrators)
	if err != nil {
		return nil, nil, err
	}
	self, err := ca.client("devcluster", administrators)
	if err != nil {
		return nil, nil, err
	}
	setup, err := newClient(server, ca.certPEM, self)
	return kubeconfig(options.Name, server, ca.certPEM, admin), setup, err
}

func kubeconfig(name, server string, ca []byte, user keyPair) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]q
contexts:
- name: %[1]q
  context: {cluster: %[1]q, user: %[1]q}
clusters:
- name: %[1]q
  cluster: {server: %[2]q, certificate-authority-data: %[3]s}
users:
- name: %[1]q
  user: {client-certificate-data: %[4]s, client-key-data: %[5]s}
`, name, server, encode(ca), encode(user.cert), encode(user.key))
}

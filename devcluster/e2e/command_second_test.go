package e2e_test

import (
	"encoding/json"
	"errors"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/client-go/tools/clientcmd"
)

// second start|stop|restart acts on another cluster beside the script's. The first start sets SECOND to its address and
// SECONDCONFIG to what Secrets of clusters say of it; stop takes its API server away, and restart brings it back.
func second(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) != 1 || s.second == nil && args[0] != "start" {
		return errUsage
	}
	switch args[0] {
	case "start":
		started, err := startCluster(s.ctx, s.canary)
		if err != nil {
			return err
		}
		s.second = started
		s.closing(started.close)
		server, config, err := started.declared()
		ts.Setenv("SECOND", server)
		ts.Setenv("SECONDCONFIG", config)
		return err
	case "stop":
		return s.second.StopAPIServer()
	case "restart":
		return s.second.StartAPIServer()
	}
	return errUsage
}

// declared returns the address of a cluster, and how it is reached as Argo CD writes it.
func (c *cluster) declared() (server, config string, err error) {
	read, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return "", "", err
	}
	text, err := json.Marshal(map[string]any{
		"bearerToken": read.BearerToken,
		"tlsClientConfig": map[string]any{
			"caData": read.CAData, "certData": read.CertData, "keyData": read.KeyData, "serverName": read.ServerName,
		},
	})
	return read.Host, string(text), err
}

// on second WORD [ARG...] has a word act on the second cluster.
func on(s *script, ts *testscript.TestScript, args []string) error {
	if len(args) < 2 || args[0] != "second" {
		return errUsage
	}
	do := words()[args[1]]
	if do == nil {
		return errUsage
	}
	if s.second == nil {
		return errors.New("there is no second cluster: start it")
	}
	own := s.cluster
	defer func() { s.cluster = own }()
	s.cluster = s.second
	return do(s, ts, args[2:])
}

package devcluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client speaks to the cluster's API with plain HTTP: setting up a cluster needs two kinds of request, and a
// Kubernetes client would be most of a program that starts clusters.
type client struct {
	http   *http.Client
	server string
	ca     []byte // PEM
}

func newClient(server string, ca []byte, user keyPair) (*client, error) {
	certificate, err := tls.X509KeyPair(user.cert, user.key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate to set up the cluster: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
	}
	return &client{http: &http.Client{Transport: transport, Timeout: 10 * time.Second}, server: server, ca: ca}, nil
}

// apply makes the object at path as given, whether it exists or not.
func (c *client) apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	status, answer, err := c.do(ctx, http.MethodPatch, path+"?fieldManager=devcluster&force=true", body)
	if err != nil {
		return err
	}
	if status != http.StatusOK && status != http.StatusCreated {
		return fmt.Errorf("applying %s: the API server answers %d: %s", path, status, answer)
	}
	return nil
}

// get decodes the object at path into out, if out is not nil.
func (c *client) get(ctx context.Context, path string, out any) error {
	status, answer, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("reading %s: the API server answers %d: %s", path, status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

func (c *client) do(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func (c *client) close() { c.http.CloseIdleConnections() }

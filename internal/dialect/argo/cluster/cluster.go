// Package cluster translates Argo CD's cluster Secrets into how clusters are reached. It
// connects to nothing.
package cluster

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
)

// Selector selects the Secrets that say how clusters are reached.
const Selector = "argocd.argoproj.io/secret-type=cluster"

// skip is an annotation of a Secret. With "true" nothing is done on the cluster.
const skip = "argocd.argoproj.io/skip-reconcile"

// localServer is the address by which every cluster calls itself.
const localServer = "https://kubernetes.default.svc"

// Cluster is what a Secret says of one cluster (Argo CD: declarative setup, clusters).
type Cluster struct {
	syncline.Target
	// Namespaces are the only ones that are looked at and delivered to, where there are
	// any, and ClusterResources says that what is in no namespace is too.
	Namespaces       []string
	ClusterResources bool
	// Err says why the cluster cannot be used, nil when it can.
	Err error

	access config
}

// Config returns how the API server is reached, nil for the cluster that Syncline runs
// in where the Secret has no credentials for it: Syncline's own are used.
func (c Cluster) Config() *rest.Config {
	if c.ID == syncline.LocalCluster && c.access.isEmpty() {
		return nil
	}
	reached := &rest.Config{
		Host: c.Server, Username: c.access.Username, Password: c.access.Password, BearerToken: c.access.BearerToken,
		DisableCompression: c.access.NoCompression,
		TLSClientConfig: rest.TLSClientConfig{
			Insecure: c.access.TLSClientConfig.Insecure, ServerName: c.access.TLSClientConfig.ServerName,
			CAData: c.access.TLSClientConfig.CAData, CertData: c.access.TLSClientConfig.CertData, KeyData: c.access.TLSClientConfig.KeyData,
		},
	}
	if proxy := c.access.proxy(); proxy != nil {
		reached.Proxy = http.ProxyURL(proxy)
	}
	return reached
}

// entry is one Secret.
type entry struct {
	Cluster
	name    string
	created time.Time
}

// config is the field of that name, in JSON.
type config struct {
	Username        string          `json:"username"`
	Password        string          `json:"password"`
	BearerToken     string          `json:"bearerToken"`
	TLSClientConfig tlsConfig       `json:"tlsClientConfig"`
	AWSAuth         json.RawMessage `json:"awsAuthConfig"`
	Exec            json.RawMessage `json:"execProviderConfig"`
	NoCompression   bool            `json:"disableCompression"`
	ProxyURL        string          `json:"proxyUrl"`
}

type tlsConfig struct {
	Insecure   bool   `json:"insecure"`
	ServerName string `json:"serverName"`
	CAData     []byte `json:"caData"`
	CertData   []byte `json:"certData"`
	KeyData    []byte `json:"keyData"`
}

// isEmpty reports whether nothing says as whom the cluster is used.
func (c config) isEmpty() bool {
	return c.Username == "" && c.Password == "" && c.BearerToken == "" && len(c.TLSClientConfig.CertData) == 0 && len(c.TLSClientConfig.KeyData) == 0 &&
		c.AWSAuth == nil && c.Exec == nil
}

// proxy returns the proxy; nil when there is none, and when it cannot be read.
func (c config) proxy() *url.URL {
	proxy, err := url.Parse(c.ProxyURL)
	if err != nil || proxy.Host == "" || !slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme) {
		return nil
	}
	return proxy
}

// read translates a Secret. A cluster has the ID of its address, so that it may be renamed
// and get other credentials.
func read(u *unstructured.Unstructured) entry {
	field := func(name string) string {
		encoded, _, _ := unstructured.NestedString(u.Object, "data", name)
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	}
	server := strings.TrimRight(field("server"), "/")
	e := entry{name: u.GetNamespace() + "/" + u.GetName(), created: u.GetCreationTimestamp().UTC(), Cluster: Cluster{
		Target: syncline.Target{
			ID: syncline.ClusterID(server), Name: cmp.Or(field("name"), server), Server: server, Project: field("project"),
		},
		Namespaces:       namespaces(field("namespaces")),
		ClusterResources: field("clusterResources") == "true",
	}}
	if server == localServer {
		e.ID = syncline.LocalCluster
	}
	if e.Err = e.check(field("config")); e.Err == nil && u.GetAnnotations()[skip] == "true" {
		e.Err = syncline.WithHint(syncline.Errorf(syncline.Stalled, "cluster %q is skipped by the annotation %s", e.Name, skip),
			"take the annotation away from Secret "+e.name+" to go on")
	}
	return e
}

func namespaces(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// check returns what is wrong with how the cluster is reached, and reads that.
func (e *entry) check(text string) error {
	if address, err := url.Parse(e.Server); err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		return e.wrong("server", "it is not the address of an API server, such as https://203.0.113.7:6443")
	}
	if err := json.Unmarshal([]byte(cmp.Or(text, "{}")), &e.access); err != nil {
		return e.wrong("config", "it is not the JSON that Argo CD describes") // what err says may show what was read
	}
	switch {
	case e.access.AWSAuth != nil:
		return e.wrong("config.awsAuthConfig", "it is not supported yet: use a bearer token or a client certificate")
	case e.access.Exec != nil:
		return e.wrong("config.execProviderConfig", "Syncline runs no program to get credentials: use a bearer token or a client certificate")
	case e.access.ProxyURL != "" && e.access.proxy() == nil:
		return e.wrong("config.proxyUrl", "it is not the address of a proxy, such as http://proxy.example.com:3128")
	}
	return nil
}

// wrong is the error of a field.
func (e entry) wrong(field, why string) error {
	return syncline.WithHint(syncline.Errorf(syncline.Invalid, "cluster %q: %s in Secret %s: %s", cmp.Or(e.Name, e.Server), field, e.name, why),
		"correct the Secret")
}

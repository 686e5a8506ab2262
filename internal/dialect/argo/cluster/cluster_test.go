package cluster_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/dialect/argo/cluster"
	"github.com/syncline-io/syncline/internal/dialect/argo/storetest"
)

// audience remembers which clusters there are, and what was told.
type audience struct {
	told func()

	mu       sync.Mutex
	clusters map[syncline.ClusterID]cluster.Cluster
	events   []string
}

func (a *audience) Join(c cluster.Cluster) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clusters[c.ID] = c
	a.events = append(a.events, "+"+c.Name)
	a.told()
	return nil
}

func (a *audience) Leave(id syncline.ClusterID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, "-"+a.clusters[id].Name)
	delete(a.clusters, id)
	a.told()
}

func (a *audience) says() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var texts []string
	for _, c := range a.clusters {
		texts = append(texts, c.Name+" at "+c.Server)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func open(told func()) (*cluster.Store, *audience) {
	a := &audience{told: told, clusters: map[syncline.ClusterID]cluster.Cluster{}}
	return cluster.NewStore(a), a
}

// secret returns a Secret of pairs of fields and values.
func secret(name string, pairs ...string) *unstructured.Unstructured {
	data := map[string]any{}
	for pair := range slices.Chunk(pairs, 2) {
		data[pair[0]] = base64.StdEncoding.EncodeToString([]byte(pair[1]))
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": "argocd", "name": name}, "data": data,
	}}
}

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Kind{
		Open: func(changed func()) storetest.Opened {
			store, a := open(changed)
			return storetest.Opened{Store: store, Held: store.Held, Read: a.says}
		},
		One:    secret("s", "name", "one", "server", "https://one.example"),
		Other:  secret("s", "name", "other", "server", "https://one.example"),
		Broken: secret("s", "name", "broken"),
	})
}

// Of several Secrets for one address the oldest counts, in whatever order they are seen.
func TestTheOldestCounts(t *testing.T) {
	old, young := secret("z", "name", "old", "server", "https://a.example"), secret("a", "name", "young", "server", "https://a.example/")
	old.SetCreationTimestamp(at(1))
	young.SetCreationTimestamp(at(2))
	for _, order := range [][]*unstructured.Unstructured{{old, young}, {young, old}} {
		store, a := open(func() {})
		if err := store.Put(order[0]); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(order[1]); syncline.KindOf(err) != syncline.Invalid || !strings.Contains(err.Error(), "argocd/z is the oldest") {
			t.Errorf("got %v, want an Invalid error that names what counts", err)
		}
		if got := a.says(); got != "old at https://a.example" {
			t.Errorf("the clusters are %q", got)
		}
		store.Delete(types.NamespacedName{Namespace: "argocd", Name: "z"})
		if got := a.says(); got != "young at https://a.example" {
			t.Errorf("when the oldest is gone the clusters are %q", got)
		}
	}
}

// A Secret that is for another address now is told as a cluster that went, and one that came.
func TestAnotherAddress(t *testing.T) {
	store, a := open(func() {})
	for _, server := range []string{"https://a.example", "https://b.example"} {
		if err := store.Put(secret("s", "name", "c", "server", server)); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.says(); got != "c at https://b.example" || fmt.Sprint(a.events) != "[+c -c +c]" {
		t.Errorf("the clusters are %q after %v", got, a.events)
	}
}

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct {
		secret *unstructured.Unstructured
		want   cluster.Cluster
		config *rest.Config
		proxy  string
	}{
		"a token": {
			secret: secret("s", "name", "prod", "server", "https://prod.example/", "project", "shop", "config",
				`{"bearerToken": "t0", "tlsClientConfig": {"serverName": "other.example", "caData": "Y2E="}}`),
			want: cluster.Cluster{Target: syncline.Target{ID: "https://prod.example", Name: "prod", Server: "https://prod.example", Project: "shop"}},
			config: &rest.Config{
				Host: "https://prod.example", BearerToken: "t0", TLSClientConfig: rest.TLSClientConfig{ServerName: "other.example", CAData: []byte("ca")},
			},
		},
		"a password": {
			secret: secret("s", "server", "https://a.example", "config", `{"username": "u", "password": "p", "tlsClientConfig": {"insecure": true}}`),
			want:   cluster.Cluster{Target: syncline.Target{ID: "https://a.example", Name: "https://a.example", Server: "https://a.example"}},
			config: &rest.Config{Host: "https://a.example", Username: "u", Password: "p", TLSClientConfig: rest.TLSClientConfig{Insecure: true}},
		},
		"a certificate and a proxy": {
			secret: secret("s", "server", "https://a.example", "config",
				`{"tlsClientConfig": {"certData": "Y2VydA==", "keyData": "a2V5"}, "proxyUrl": "http://proxy.example:3128", "disableCompression": true}`),
			want: cluster.Cluster{Target: syncline.Target{ID: "https://a.example", Name: "https://a.example", Server: "https://a.example"}},
			config: &rest.Config{
				Host: "https://a.example", DisableCompression: true, TLSClientConfig: rest.TLSClientConfig{CertData: []byte("cert"), KeyData: []byte("key")},
			},
			proxy: "http://proxy.example:3128",
		},
		"namespaces": {
			secret: secret("s", "name", "a", "server", "https://a.example", "namespaces", "b, a,,b", "clusterResources", "true"),
			want: cluster.Cluster{
				Target:     syncline.Target{ID: "https://a.example", Name: "a", Server: "https://a.example"},
				Namespaces: []string{"a", "b"}, ClusterResources: true,
			},
			config: &rest.Config{Host: "https://a.example"},
		},
		"Syncline's own, renamed": {
			secret: secret("s", "name", "hub", "server", "https://kubernetes.default.svc", "config", `{"tlsClientConfig": {"insecure": false}}`),
			want:   cluster.Cluster{Target: syncline.Target{ID: syncline.LocalCluster, Name: "hub", Server: "https://kubernetes.default.svc"}},
		},
		"Syncline's own, with fewer rights": {
			secret: secret("s", "name", "hub", "server", "https://kubernetes.default.svc", "config", `{"bearerToken": "less"}`),
			want:   cluster.Cluster{Target: syncline.Target{ID: syncline.LocalCluster, Name: "hub", Server: "https://kubernetes.default.svc"}},
			config: &rest.Config{Host: "https://kubernetes.default.svc", BearerToken: "less"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, a := open(func() {})
			if err := store.Put(test.secret); err != nil {
				t.Fatal(err)
			}
			got := a.clusters[test.want.ID]
			if got.Target != test.want.Target || !slices.Equal(got.Namespaces, test.want.Namespaces) || got.ClusterResources != test.want.ClusterResources {
				t.Errorf("the cluster is %+v, want %+v", got, test.want)
			}
			config, proxy := got.Config(), ""
			if config != nil && config.Proxy != nil {
				through, _ := config.Proxy(&http.Request{})
				proxy, config.Proxy = through.String(), nil
			}
			if !reflect.DeepEqual(config, test.config) || proxy != test.proxy {
				t.Errorf("it is reached by %v and the proxy %q, want %v and %q", config, proxy, test.config, test.proxy)
			}
		})
	}
}

// What is wrong is told with Secret and field, and without what it says.
func TestWrongSecrets(t *testing.T) {
	skipped := secret("s", "name", "a", "server", "https://a.example")
	skipped.SetAnnotations(map[string]string{"argocd.argoproj.io/skip-reconcile": "true"})
	for name, test := range map[string]struct {
		secret *unstructured.Unstructured
		want   string
	}{
		"no address":              {secret("s", "name", "x"), `cluster "x": server in Secret argocd/s: it is not the address`},
		"no scheme":               {secret("s", "server", "203.0.113.7:6443"), "server in Secret argocd/s"},
		"another scheme":          {secret("s", "server", "file:///etc/passwd"), "server in Secret argocd/s"},
		"no JSON":                 {secret("s", "server", "https://a.example", "config", `{"password": "hidden`), "config in Secret argocd/s: it is not the JSON"},
		"a field of another type": {secret("s", "server", "https://a.example", "config", `{"bearerToken": ["hidden"]}`), "config in Secret argocd/s: it is not the JSON"},
		"a program": {
			secret("s", "server", "https://a.example", "config", `{"execProviderConfig": {"command": "hidden"}}`), "config.execProviderConfig in Secret argocd/s",
		},
		"an identity of AWS": {
			secret("s", "server", "https://a.example", "config", `{"awsAuthConfig": {"clusterName": "hidden"}}`), "config.awsAuthConfig in Secret argocd/s",
		},
		"another kind of proxy": {secret("s", "server", "https://a.example", "config", `{"proxyUrl": "file:///hidden"}`), "config.proxyUrl in Secret argocd/s"},
		"skipped":               {skipped, "is skipped by the annotation argocd.argoproj.io/skip-reconcile"},
	} {
		t.Run(name, func(t *testing.T) {
			store, a := open(func() {})
			err := store.Put(test.secret)
			for _, c := range a.clusters {
				err = c.Err
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("got the error %v, want %s", err, test.want)
			}
		})
	}
}

func at(minute int) metav1.Time {
	return metav1.Time{Time: time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)}
}

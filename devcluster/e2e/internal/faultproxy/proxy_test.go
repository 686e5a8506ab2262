package faultproxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline/devcluster/e2e/internal/faultproxy"
)

// world is a proxy before a server that counts what it serves.
type world struct {
	proxy  *faultproxy.Proxy
	client *http.Client
	served atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.served.Add(1)
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusAccepted)
		_, _ = rw.Write(append([]byte("served "), body...))
	}))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	proxy, err := faultproxy.Start(server.URL, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(proxy.CA())
	w.proxy = proxy
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	return w
}

// send returns the status and body of the answer; status 0 means that there is none.
func (w *world) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, w.proxy.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

const configMaps = "/api/v1/namespaces/a/configmaps"

func TestWithoutFaultEverythingGoesOn(t *testing.T) {
	w := newWorld(t)
	if code, text := w.send(t, "POST", configMaps, "this"); code != http.StatusAccepted || text != "served this" {
		t.Errorf("the answer is %d %q", code, text)
	}
}

func TestStatusStrikesTheNthWriteOnly(t *testing.T) {
	w := newWorld(t)
	w.proxy.Arm(faultproxy.Fault{
		Match:  faultproxy.Match{Verbs: []string{"write"}, Resource: "configmaps", Namespace: "a", Name: "web"},
		Status: http.StatusTooManyRequests, Nth: 2,
	})
	for _, step := range []struct {
		method, path, body string
		code               int
	}{
		{"PATCH", configMaps + "/web?dryRun=All", "", http.StatusAccepted},
		{"GET", configMaps + "/web", "", http.StatusAccepted},
		{"POST", configMaps, `{"metadata":{"name":"other"}}`, http.StatusAccepted},
		{"PATCH", "/api/v1/namespaces/b/configmaps/web", "", http.StatusAccepted},
		{"POST", configMaps, `{"metadata":{"name":"web"}}`, http.StatusAccepted},
		{"PATCH", configMaps + "/web", "", http.StatusTooManyRequests},
		{"PATCH", configMaps + "/web", "", http.StatusAccepted},
	} {
		if code, text := w.send(t, step.method, step.path, step.body); code != step.code {
			t.Errorf("%s %s: the answer is %d %q, want %d", step.method, step.path, code, text, step.code)
		}
	}
}

func TestCutOffBeforeAndAfterTheCommit(t *testing.T) {
	for at, served := range map[faultproxy.Moment]int64{faultproxy.Before: 0, faultproxy.Committed: 1} {
		w := newWorld(t)
		armed := w.proxy.Arm(faultproxy.Fault{Match: faultproxy.Match{About: "a"}, At: at})
		if code, text := w.send(t, "DELETE", "/apis/apps/v1/namespaces/a/deployments/web", ""); code != 0 {
			t.Errorf("%s: the answer is %d %q", at, code, text)
		}
		<-armed.Struck()
		if got := w.served.Load(); got != served {
			t.Errorf("%s: %d requests were served, want %d", at, got, served)
		}
	}
}

func TestSomethingIsDoneAfterTheAnswer(t *testing.T) {
	w := newWorld(t)
	done := make(chan struct{})
	w.proxy.Arm(faultproxy.Fault{At: faultproxy.After, Do: func() { close(done) }})
	if code, _ := w.send(t, "GET", "/api/v1/namespaces", ""); code != http.StatusAccepted {
		t.Errorf("the answer is %d", code)
	}
	<-done
}

func TestStruckMeansThatItIsDone(t *testing.T) {
	for _, at := range []faultproxy.Moment{faultproxy.Before, faultproxy.Committed, faultproxy.After} {
		w := newWorld(t)
		doing, goOn := make(chan struct{}), make(chan struct{})
		armed := w.proxy.Arm(faultproxy.Fault{At: at, Do: func() {
			close(doing)
			<-goOn
		}})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			w.send(t, "PATCH", configMaps+"/web", "")
		}()
		<-doing
		select {
		case <-armed.Struck():
			t.Errorf("%s: it is said to have struck while it is at it", at)
		default:
		}
		close(goOn)
		<-armed.Struck()
		<-answered
	}
}

func TestHeldRequestGoesOnWhenTheFaultIsRemoved(t *testing.T) {
	w := newWorld(t)
	armed := w.proxy.Arm(faultproxy.Fault{Match: faultproxy.Match{About: "app"}, Hold: true})
	answered := make(chan int)
	go func() {
		code, _ := w.send(t, "PATCH", "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/app", "")
		answered <- code
	}()
	<-armed.Struck()
	if got := w.served.Load(); got != 0 {
		t.Errorf("%d requests were served although they are held", got)
	}
	armed.Remove()
	if code := <-answered; code != http.StatusAccepted {
		t.Errorf("the answer is %d", code)
	}
}

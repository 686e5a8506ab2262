package helmrepo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/tool"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/helmrepo"
)

// TestWhoGetsCredentials: the repository, wherever it is asked, and nobody else, unless they
// are passed on to the host of its charts.
func TestWhoGetsCredentials(t *testing.T) {
	const basic, bearer = "Basic bWU6cmlnaHQ=", "Bearer token"
	for name, test := range map[string]struct {
		set      func(repo *upstream.Repository)
		redirect bool // the repository sends on to the other server
		pass     bool
		want     string // of the repository
		other    string // of the other server, where the archive is
	}{
		"basic":  {set: func(r *upstream.Repository) { r.Username, r.Password = "me", "right" }, want: basic},
		"bearer": {set: func(r *upstream.Repository) { r.BearerToken = "token" }, want: bearer},
		"passed on": {set: func(r *upstream.Repository) {
			r.Username, r.Password, r.PassTo = "me", "right", []string{"localhost", "127.0.0.1"}
		}, pass: true, want: basic, other: basic},
		"passed on by the source alone": {set: func(r *upstream.Repository) { r.Username, r.Password = "me", "right" }, pass: true, want: basic},
		"passed on to another host": {set: func(r *upstream.Repository) {
			r.Username, r.Password, r.PassTo = "me", "right", []string{"charts.example"}
		}, pass: true, want: basic},
		"allowed and not passed on": {set: func(r *upstream.Repository) {
			r.Username, r.Password, r.PassTo = "me", "right", []string{"127.0.0.1"}
		}, want: basic},
		"passed on by who wrote them": {set: func(r *upstream.Repository) {
			r.Address = upstream.AddressOf(strings.Replace(r.Address.URL(), "http://", "http://me:right@", 1))
		}, pass: true, want: basic, other: basic},
		"redirected":          {set: func(r *upstream.Repository) { r.Username, r.Password = "me", "right" }, redirect: true, want: basic},
		"redirected, a token": {set: func(r *upstream.Repository) { r.BearerToken = "token" }, redirect: true, want: bearer},
		"none":                {set: func(*upstream.Repository) {}, pass: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, other, store := newRepository(t), newRepository(t), newStore(t, helmrepo.Options{})
			other.put("/web.tgz", packed(t, "web", "1.0.0", nil))
			at := other.URL + "/web.tgz"
			if test.redirect {
				at = "/web.tgz"
				r.answer(func(w http.ResponseWriter, request *http.Request) bool {
					if request.URL.Path != "/web.tgz" {
						return false
					}
					http.Redirect(w, request, other.URL+"/web.tgz", http.StatusFound)
					return true
				})
			}
			r.add("web", "1.0.0", "urls: ", "- "+at)
			repo := r.upstream()
			test.set(&repo)
			charts, err := store.Charts(t.Context(), repo)
			if err != nil {
				t.Fatal(err)
			}
			from := syncline.Source{Chart: "web", Helm: &tool.Helm{PassCredentials: test.pass}}
			if err := store.Fetch(t.Context(), repo, from, charts["web"][0].Revision()); err != nil {
				t.Fatal(err)
			}
			if got := r.header("/charts/index.yaml", "Authorization"); got != test.want {
				t.Errorf("the repository got %q, want %q", got, test.want)
			}
			if test.redirect && r.header("/web.tgz", "Authorization") != test.want {
				t.Error("the repository did not get them for the archive")
			}
			if got := other.header("/web.tgz", "Authorization"); got != test.other {
				t.Errorf("the other server got %q, want %q", got, test.other)
			}
			if got := other.header("/web.tgz", "Referer"); got != "" {
				t.Errorf("the other server was told of %q", got)
			}
		})
	}
}

// pair is a certificate of a client that signs itself, in PEM.
func pair(t *testing.T) (cert, key []byte, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "agent"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := pair(t)
	index := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "apiVersion: v1\nentries: {}\n")
	})
	plain := httptest.NewTLSServer(index)
	t.Cleanup(plain.Close)
	demanding := httptest.NewUnstartedServer(index)
	demanding.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	demanding.StartTLS()
	t.Cleanup(demanding.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: plain.Certificate().Raw})
	for name, test := range map[string]struct {
		url  string
		set  func(repo *upstream.Repository)
		kind syncline.Kind
		says string
	}{
		"not trusted":             {plain.URL, func(*upstream.Repository) {}, syncline.Transient, "certificate is not trusted"},
		"trusted by its CA":       {plain.URL, func(r *upstream.Repository) { r.CA = ca }, "", ""},
		"whatever it is":          {plain.URL, func(r *upstream.Repository) { r.InsecureSkipVerify = true }, "", ""},
		"a certificate":           {demanding.URL, func(r *upstream.Repository) { r.CA, r.ClientCert, r.ClientKey = ca, cert, sealed.Text(key) }, "", ""},
		"no certificate":          {demanding.URL, func(r *upstream.Repository) { r.CA = ca }, syncline.Denied, "refused to talk"},
		"a certificate without a": {demanding.URL, func(r *upstream.Repository) { r.ClientCert = cert }, syncline.Invalid, "are no pair in PEM"},
		"no CA":                   {plain.URL, func(r *upstream.Repository) { r.CA = []byte("text") }, syncline.Invalid, "its CA has no certificate in PEM"},
		"no TLS":                  {"https" + httptestPlain(t)[len("http"):], func(*upstream.Repository) {}, syncline.Transient, "does not speak TLS"},
		"a proxy that is none":    {plain.URL, func(r *upstream.Repository) { r.Proxy = "ftp://user:s3cr3t@proxy" }, syncline.Invalid, "is not an http, https or socks5 URL"},
		"a token with a newline":  {plain.URL, func(r *upstream.Repository) { r.BearerToken = "a\nb" }, syncline.Invalid, "its bearer token contains a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := upstream.Repository{Address: upstream.AddressOf(test.url), Declared: true}
			test.set(&repo)
			_, err := newStore(t, helmrepo.Options{}).Charts(t.Context(), repo)
			if test.kind == "" && err != nil {
				t.Error(err)
			} else if test.kind != "" {
				fails(t, "Charts", err, test.kind, test.says, test.url)
			}
		})
	}
}

// TestACertificateIsForTheRepository: who it redirects to is shown none.
func TestACertificateIsForTheRepository(t *testing.T) {
	cert, key, pool := pair(t)
	var shown atomic.Int32
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(int32(len(r.TLS.PeerCertificates)))
		_, _ = io.WriteString(w, "apiVersion: v1\nentries: {}\n")
	}))
	other.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	other.StartTLS()
	t.Cleanup(other.Close)
	own := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	own.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	own.StartTLS()
	t.Cleanup(own.Close)
	repo := upstream.Repository{Address: upstream.AddressOf(own.URL), Declared: true, InsecureSkipVerify: true, ClientCert: cert, ClientKey: sealed.Text(key)}
	if _, err := newStore(t, helmrepo.Options{}).Charts(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	if n := shown.Load(); n != 0 {
		t.Errorf("the other server was shown %d certificates", n)
	}
}

func TestARedirectOutOfTLS(t *testing.T) {
	plain := httptestPlain(t)
	own := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain, http.StatusFound) }))
	t.Cleanup(own.Close)
	repo := upstream.Repository{Address: upstream.AddressOf(own.URL), Declared: true, InsecureSkipVerify: true}
	_, err := newStore(t, helmrepo.Options{}).Charts(t.Context(), repo)
	fails(t, "Charts", err, syncline.Invalid, "redirects from https to an address without it")
}

// httptestPlain is a server without TLS.
func httptestPlain(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "apiVersion: v1\nentries: {}\n")
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestAProxy is asked for what is not listed, and looks up hosts itself; what is never asked
// is not asked through it either.
func TestAProxy(t *testing.T) {
	var through atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		if at, err := url.Parse(r.RequestURI); err != nil || at.Host != "charts.invalid" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, "apiVersion: v1\nentries: {}\n")
	}))
	t.Cleanup(proxy.Close)
	store := newStore(t, helmrepo.Options{})
	repo := upstream.Repository{Address: upstream.AddressOf("http://charts.invalid/all"), Declared: true, Proxy: proxy.URL}
	if _, err := store.Charts(t.Context(), repo); err != nil || through.Load() != 1 {
		t.Errorf("%d went through the proxy: %v", through.Load(), err)
	}
	repo.NoProxy = "charts.invalid"
	_, err := store.Charts(t.Context(), repo)
	fails(t, "without it", err, syncline.Transient, "could not resolve host charts.invalid")
	forbidden := upstream.Repository{Address: upstream.AddressOf("http://169.254.169.254/all"), Declared: true, Proxy: proxy.URL}
	_, err = store.Charts(t.Context(), forbidden)
	fails(t, "what is never asked", err, syncline.Invalid, "address that is not asked")
	if through.Load() != 1 {
		t.Errorf("%d went through the proxy", through.Load())
	}
}

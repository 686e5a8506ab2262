package helmrepo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/http/httpproxy"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/base/visible"
)

// remote is a repository as it is asked.
type remote struct {
	repo   upstream.Repository
	access upstream.Access
	name   string
	// base is the folder of the repository, and index its index.
	base, index *url.URL
	// hides is Options.HideReasons, and hidden that no Secret names the repository then.
	hides, hidden bool
	// header is what is sent to the origins of the repository, "" when nothing is.
	header      string
	origins     []string
	certificate *tls.Certificate
	roots       *x509.CertPool
	proxy       func(*url.URL) (*url.URL, error)
}

// remote checks a repository's address and settings.
func (s *Store) remote(repo upstream.Repository) (*remote, error) {
	address := repo.Address
	if err := address.Err(); err != nil {
		return nil, err
	}
	if scheme := address.Scheme(); scheme != "http" && scheme != "https" {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "repository address %q: a Helm repository has an http or https address", address),
			"write it as https://host/path")
	}
	base, err := url.Parse(strings.TrimSuffix(address.URL(), "/") + "/")
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "repository address %q is no URL", address)
	}
	r := &remote{
		repo: repo, access: repo.Access(), name: address.String(), base: base, index: base.JoinPath("index.yaml"),
		hides: s.options.HideReasons, hidden: s.options.HideReasons && !repo.Declared, origins: []string{originOf(base)},
	}
	if base.Scheme == "http" && base.Port() == "" { // it may send us on to itself, with TLS
		r.origins = append(r.origins, "https://"+base.Host)
	}
	if err := r.authorize(); err != nil {
		return nil, err
	}
	return r, r.secure()
}

// authorize decides what is sent to the repository.
func (r *remote) authorize() error {
	username, password := r.repo.Username, r.repo.Password.Reveal()
	if username == "" && password == "" {
		username, password = r.repo.Address.User(), r.repo.Address.Password().Reveal()
	}
	switch token := strings.TrimSpace(r.repo.BearerToken.Reveal()); {
	case strings.ContainsFunc(token, isControl):
		return syncline.Errorf(syncline.Invalid, "repository %s: its bearer token contains a control character", r.name)
	case token != "":
		r.header = "Bearer " + token
	case username != "" || password != "":
		r.header = "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// secure reads what concerns TLS and proxies.
func (r *remote) secure() error {
	if len(r.repo.CA) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(r.repo.CA) {
			return syncline.Errorf(syncline.Invalid, "repository %s: its CA has no certificate in PEM", r.name)
		}
		r.roots = roots
	}
	if len(r.repo.ClientCert) > 0 || r.repo.ClientKey != "" {
		pair, err := tls.X509KeyPair(r.repo.ClientCert, []byte(r.repo.ClientKey.Reveal()))
		if err != nil {
			return syncline.Errorf(syncline.Invalid, "repository %s: its client certificate and key are no pair in PEM", r.name)
		}
		r.certificate = &pair
	}
	r.proxy = httpproxy.FromEnvironment().ProxyFunc()
	if r.repo.Proxy == "" {
		return nil
	}
	proxy, err := url.Parse(r.repo.Proxy)
	if err != nil || proxy.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, proxy.Scheme) {
		return syncline.Errorf(syncline.Invalid, "repository %s: proxy %q is not an http, https or socks5 URL", r.name, upstream.Redact(r.repo.Proxy))
	}
	config := httpproxy.Config{HTTPProxy: r.repo.Proxy, HTTPSProxy: r.repo.Proxy, NoProxy: r.repo.NoProxy}
	r.proxy = config.ProxyFunc()
	return nil
}

// chartURL returns where an archive is that the index names, as Helm does: what is relative
// is so to the repository.
func (r *remote) chartURL(written string) (*url.URL, error) {
	at, err := url.Parse(written)
	if written == "" || err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "the index names no URL of its archive")
	}
	at = r.base.ResolveReference(at)
	switch {
	case at.Scheme == "oci":
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "its archive is in the registry oci://%s, and not in the repository", visible.Line(at.Host+at.Path)),
			"name the registry as the source's repository")
	case at.Scheme != "http" && at.Scheme != "https" || at.Host == "":
		return nil, syncline.Errorf(syncline.Invalid, "the URL of its archive has the scheme %.20q, and only http and https are asked", at.Scheme)
	}
	return at, nil
}

// originOf returns scheme, host and port of a URL, in one form.
func originOf(u *url.URL) string {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}

// transport carries requests: to the origins that may know who asks with what tells them,
// and to all others without.
type transport struct {
	gate          dial.Gate
	header        string
	origins       []string
	known, others http.RoundTripper
}

// RoundTrip performs one request, each of a redirected one by itself.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if !t.gate.AsksHost(request.URL.Hostname()) { // also behind a proxy
		return nil, dial.ErrNotAsked
	}
	if !slices.Contains(t.origins, originOf(request.URL)) {
		return t.others.RoundTrip(request)
	}
	if t.header != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", t.header)
	}
	return t.known.RoundTrip(request)
}

// client returns what asks a repository, for one request and those that it is redirected to.
func (s *Store) client(asking request) *http.Client {
	r := asking.remote
	t := &transport{gate: s.options.Addresses, header: r.header, origins: r.origins, others: s.connections(r, nil)}
	t.known = t.others
	if r.certificate != nil {
		t.known = s.connections(r, r.certificate)
	}
	if asking.pass && r.passesTo(asking.to) {
		t.origins = append(slices.Clone(t.origins), originOf(asking.to))
	}
	return &http.Client{Transport: t, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		next.Header.Del("Referer")
		const most = 10
		switch {
		case len(before) >= most:
			return syncline.Errorf(syncline.Transient, "it redirects more than %d times", most)
		case before[0].URL.Scheme == "https" && next.URL.Scheme != "https":
			return syncline.Errorf(syncline.Invalid, "it redirects from https to an address without it")
		}
		return nil
	}}
}

// passesTo reports whether credentials may go to the server of a chart that is not the
// repository's own: an index names whatever it likes, and who asks for it is not whose
// credentials they are. So their Secret has to say so, but for those that stand in the
// address, which are of who asks.
func (r *remote) passesTo(to *url.URL) bool {
	if to.Scheme != "https" && r.base.Scheme == "https" {
		return false
	}
	own := r.repo.Username == "" && r.repo.Password == "" && r.repo.BearerToken == "" && r.certificate == nil
	return own || r.repo.PassesTo(to.Hostname())
}

// connections connects to servers, perhaps with a certificate of our own.
func (s *Store) connections(r *remote, certificate *tls.Certificate) http.RoundTripper {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.roots, InsecureSkipVerify: r.repo.InsecureSkipVerify}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	guarded, proxies := s.options.Addresses.Dialer(s.options.StallTimeout), sync.Map{}
	return &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSHandshakeTimeout: s.options.StallTimeout, ResponseHeaderTimeout: s.options.StallTimeout, MaxResponseHeaderBytes: 64 << 10,
		Proxy: func(request *http.Request) (*url.URL, error) {
			proxy, err := r.proxy(request.URL)
			if proxy != nil {
				proxies.Store(hostPort(proxy), true)
			}
			return proxy, err
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if _, is := proxies.Load(address); is { // which the operator chose, and which looks up others itself
				return (&net.Dialer{Timeout: s.options.StallTimeout}).DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
	}
}

// hostPort is what is connected to for a proxy.
func hostPort(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	if port == "" {
		port = "1080"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

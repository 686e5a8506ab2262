// Package transport makes connections by HTTP to the servers of repositories, as a
// [upstream.Repository] says. It sends what it is given, follows no redirect and adds
// no credentials but the client certificate, which no other server than the
// repository's own sees.
package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// Options are the choices of a Transport. The zero value works.
type Options struct {
	// Gate says which addresses of servers may be asked. Default: none at which services
	// of the machine or the cloud are.
	Gate dial.Gate
	// StallTimeout is how long a connection, a handshake and the head of an answer may
	// take, each. Default: 30 s.
	StallTimeout time.Duration
	// PerHost is how many connections to one server there are at once. Default: 8.
	PerHost int
}

// Transport is an [http.RoundTripper] for one repository's server, and for those that
// it sends us to.
type Transport struct {
	host       string
	own, other *http.Transport
}

// New returns the Transport of a repository whose server is at a host and port. It is
// an Invalid error where its settings cannot be used.
func New(repo upstream.Repository, host string, options Options) (*Transport, error) {
	if options.StallTimeout == 0 {
		options.StallTimeout = 30 * time.Second
	}
	if options.PerHost == 0 {
		options.PerHost = 8
	}
	trusted, err := trust(repo)
	if err != nil {
		return nil, err
	}
	proxy, proxies, err := proxyOf(repo)
	if err != nil {
		return nil, err
	}
	other := &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer{options, proxies}.dial,
		TLSClientConfig:        trusted,
		TLSHandshakeTimeout:    options.StallTimeout,
		ResponseHeaderTimeout:  options.StallTimeout,
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        options.PerHost,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
	own := other.Clone()
	own.TLSClientConfig.InsecureSkipVerify = repo.InsecureSkipVerify
	if len(repo.ClientCert) > 0 || repo.ClientKey != "" {
		pair, err := tls.X509KeyPair(repo.ClientCert, []byte(repo.ClientKey.Reveal()))
		if err != nil {
			return nil, syncline.Errorf(syncline.Invalid, "repository %s: its client certificate and key are no pair in PEM", repo.Address)
		}
		own.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return &Transport{host: host, own: own, other: other}, nil
}

// RoundTrip sends a request. Its errors name no address but that of a connection; they
// are [dial.ErrNotAsked] where that is why.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if HostOf(request.URL) == t.host {
		return t.own.RoundTrip(request)
	}
	return t.other.RoundTrip(request)
}

// CloseIdleConnections ends the connections that nothing is sent by.
func (t *Transport) CloseIdleConnections() {
	t.own.CloseIdleConnections()
	t.other.CloseIdleConnections()
}

// HostOf returns host and port of a URL.
func HostOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// trust returns whom a repository's settings trust: besides those whom the system does.
func trust(repo upstream.Repository) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(repo.CA) == 0 {
		return config, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system may have none
	}
	if !roots.AppendCertsFromPEM(repo.CA) {
		return nil, syncline.Errorf(syncline.Invalid, "repository %s: its CA certificates are no certificates in PEM", repo.Address)
	}
	config.RootCAs = roots
	return config, nil
}

var proxySchemes = regexp.MustCompile(`^(https?|socks5h?)$`)

// proxyOf returns which proxy is asked for a request, that of the settings before that
// of the environment, and at what hosts and ports proxies are.
func proxyOf(repo upstream.Repository) (of func(*http.Request) (*url.URL, error), hosts []string, err error) {
	settings := httpproxy.FromEnvironment()
	if repo.Proxy != "" {
		proxy, err := url.Parse(repo.Proxy)
		if err != nil || proxy.Host == "" || !proxySchemes.MatchString(proxy.Scheme) {
			return nil, nil, syncline.Errorf(syncline.Invalid, "repository %s: proxy %q is not an http, https or socks5 URL",
				repo.Address, upstream.Redact(repo.Proxy))
		}
		settings = &httpproxy.Config{HTTPProxy: repo.Proxy, HTTPSProxy: repo.Proxy, NoProxy: repo.NoProxy}
	}
	for _, text := range []string{settings.HTTPProxy, settings.HTTPSProxy} {
		proxy, err := url.Parse(text)
		if err == nil && proxy.Host != "" {
			hosts = append(hosts, proxyHost(proxy))
		}
	}
	choose := settings.ProxyFunc()
	return func(request *http.Request) (*url.URL, error) { return choose(request.URL) }, hosts, nil
}

// proxyHost returns where a proxy is connected to.
func proxyHost(proxy *url.URL) string {
	if proxy.Port() == "" && (proxy.Scheme == "socks5" || proxy.Scheme == "socks5h") {
		return net.JoinHostPort(proxy.Hostname(), "1080")
	}
	return HostOf(proxy)
}

// dialer connects to servers.
type dialer struct {
	options Options
	proxies []string
}

// dial connects to an address that may be asked. Behind a proxy it is the proxy that
// judges what is connected to.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if slices.Contains(d.proxies, address) {
		own := net.Dialer{Timeout: d.options.StallTimeout}
		return own.DialContext(ctx, network, address)
	}
	return d.options.Gate.Dialer(d.options.StallTimeout).DialContext(ctx, network, address)
}

// Package kms decrypts data keys by key services: Vault's transit engine, AWS KMS,
// Google Cloud KMS and Azure Key Vault, each by its HTTP API. What a file says of its
// key is input: credentials are sent to no address but those that belong to their
// service, or that stand beside the credentials.
package kms

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/dial"
	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// Options are those of a Client. The zero value works.
type Options struct {
	// AllowAddresses are addresses of servers that may be asked though services of the
	// machine or the cloud are usually there: link-local ones, say. Default: none.
	AllowAddresses []netip.Prefix
	// RootCAs are trusted. Default: those of the system.
	RootCAs *x509.CertPool
	// Dial connects to servers, of which it judges the addresses. Default: that of
	// [net.Dialer], to whatever AllowAddresses permits.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Getenv tells the variables by which a cluster gives this Pod an identity. Default:
	// [os.Getenv].
	Getenv func(name string) string
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
}

// Client talks with key services. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	transport *http.Transport // of http
	// metadata asks the server of the cloud that tells who this Pod is, and nobody else.
	metadata exchange.Client
	getenv   func(string) string
	now      func() time.Time
}

const (
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 1 << 20
	// timeout is how long one request may take.
	timeout = 15 * time.Second
	// maxConnections is how many connections there are with one server.
	maxConnections = 16
)

// New returns a Client.
func New(o Options) *Client {
	toMetadata := o.Dial
	if o.Dial == nil {
		o.Dial = dial.Gate{Allow: o.AllowAddresses}.Dialer(timeout).DialContext
		toMetadata = dial.Gate{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}}.Dialer(timeout).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	transport := &http.Transport{
		DialContext: o.Dial, ForceAttemptHTTP2: true, MaxConnsPerHost: maxConnections,
		TLSHandshakeTimeout: timeout, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}
	if o.RootCAs != nil {
		transport.TLSClientConfig = tlsConfig(o.RootCAs)
	}
	metadata := exchange.Client{Transport: &http.Transport{DialContext: toMetadata, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true}, Now: o.Now}
	return &Client{now: o.Now, getenv: o.Getenv, metadata: metadata, transport: transport, http: &http.Client{
		Transport: transport, Timeout: timeout,
		// Credentials go nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Trusting returns a Client that trusts the authorities in a PEM file, too, and reports
// whether there are any in it.
func (c *Client) Trusting(authorities []byte) (*Client, bool) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, false
	}
	transport, own := c.transport.Clone(), *c.http
	transport.TLSClientConfig = tlsConfig(pool)
	own.Transport = transport
	return &Client{now: c.now, getenv: c.getenv, metadata: c.metadata, http: &own, transport: transport}, true
}

// tokens asks for what lets in at a service.
func (c *Client) tokens() exchange.Client { return exchange.Client{Transport: c.transport, Now: c.now} }

// post sends a request and reads the JSON of its answer. No error shows more of the
// answer than its code.
func (c *Client) post(request *http.Request, answer any) error {
	response, err := c.http.Do(request)
	if err != nil {
		return unreachable(request, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return unreachable(request, err)
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return refused(response.StatusCode, text)
	case len(text) > maxAnswer:
		return syncline.Errorf(syncline.Invalid, "the service answered more than %d bytes", maxAnswer)
	}
	if json.Unmarshal(text, answer) != nil {
		return syncline.Errorf(syncline.Invalid, "the service answered what is no JSON")
	}
	return nil
}

// unreachable says why there is no answer, without the address, in which a query may be.
func unreachable(request *http.Request, err error) error {
	switch {
	case errors.Is(err, dial.ErrNotAsked):
		return syncline.Errorf(syncline.Invalid, "%w", dial.ErrNotAsked)
	case request.Context().Err() != nil:
		return syncline.Errorf(syncline.Transient, "%s was not reached: %w", request.URL.Host, request.Context().Err())
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return syncline.Errorf(syncline.Transient, "%s was not reached: %w", request.URL.Host, err)
}

// refused says what an answer other than success means.
func refused(status int, text []byte) error {
	kind := syncline.Invalid
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		kind = syncline.Denied
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		kind = syncline.Transient
	}
	return syncline.Errorf(kind, "the service answered %d%s", status, codeOf(text))
}

// codeOf returns the code of an error, which AWS, Google and Azure have each elsewhere.
func codeOf(text []byte) string {
	var answer struct {
		Type  string          `json:"__type"`
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return ""
	}
	var detail struct {
		Code   any    `json:"code"`
		Status string `json:"status"`
	}
	code := answer.Type
	if json.Unmarshal(answer.Error, &detail) == nil {
		code = detail.Status
		if named, ok := detail.Code.(string); ok {
			code = named
		}
	} else if code == "" {
		_ = json.Unmarshal(answer.Error, &code) // of OAuth
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.#]{1,100}$`).MatchString(code) {
		return ""
	}
	return " (" + code + ")"
}

// jsonRequest returns a request with a body of JSON.
func jsonRequest(ctx context.Context, address string, body any) (*http.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "its key cannot be asked for")
	}
	return newRequest(ctx, address, "application/json", text)
}

// formRequest returns a request with a body of a form.
func formRequest(ctx context.Context, address string, form url.Values) (*http.Request, error) {
	return newRequest(ctx, address, "application/x-www-form-urlencoded", []byte(form.Encode()))
}

func newRequest(ctx context.Context, address, contentType string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "its service has an address that cannot be read")
	}
	request.Header.Set("Content-Type", contentType)
	return request, nil
}

// notEmpty refuses an answer without a key.
func notEmpty(data []byte, err error) ([]byte, error) {
	if err != nil || len(data) == 0 {
		return nil, syncline.Errorf(syncline.Invalid, "the service answered no key")
	}
	return data, nil
}

// wrong refuses what a file says of its key.
func wrong(what, text string) error {
	return syncline.Errorf(syncline.Invalid, "%s is no %s", fmt.Sprintf("%.200q", text), what)
}

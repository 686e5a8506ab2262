// Package faultproxy stands between a client and an API server and lets requests fail when and how a test says: answered
// with a status, cut off, held, or with something done just before or after they were served. It knows no credentials;
// what the client sends goes on as it is.
package faultproxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// Moment is when a Fault strikes a request.
type Moment string

// The moments: before the API server gets the request, when it has served it and before the client learns that, and
// when the client has the answer.
const (
	Before    Moment = "before"
	Committed Moment = "committed"
	After     Moment = "after"
)

// Fault is what befalls requests. Its first job is done by one of Status, Do and Hold, or else the connection is cut.
type Fault struct {
	Match
	// Nth is the first of the matching requests that is struck, counted from 1. Default 1.
	Nth int
	// Times is how many are struck from then on; negative means all. Default 1.
	Times int
	// At is when. Default Before.
	At Moment
	// Status is answered, with RetryAfter in seconds where it is set.
	Status     int
	RetryAfter int
	// Do is done, and then the connection is cut, except After.
	Do func()
	// Hold stops the request until the client gives up or the fault is removed; then it goes on.
	Hold bool
}

// Armed is a Fault that is in force.
type Armed struct {
	proxy *Proxy
	fault Fault
	// Guarded by proxy.mu.
	seen      int
	once      sync.Once
	hit       chan struct{} // closed when it has struck first
	removed   chan struct{}
	abandoned chan struct{}
}

// Struck is closed when the fault has struck for the first time, and done what it does.
func (a *Armed) Struck() <-chan struct{} { return a.hit }

// Remove ends the fault. Requests that it holds go on.
func (a *Armed) Remove() { a.end(a.removed) }

// Abandon ends the fault. Requests that it holds do not go on: whoever sent them is gone.
func (a *Armed) Abandon() { a.end(a.abandoned) }

func (a *Armed) end(how chan struct{}) {
	a.proxy.mu.Lock()
	defer a.proxy.mu.Unlock()
	if i := slices.Index(a.proxy.armed, a); i >= 0 {
		a.proxy.armed = slices.Delete(a.proxy.armed, i, i+1)
		close(how)
	}
}

// Proxy is a running proxy.
type Proxy struct {
	server   *httptest.Server
	upstream *url.URL
	client   *http.Transport
	forward  *httputil.ReverseProxy

	mu    sync.Mutex
	armed []*Armed
}

// Start starts a proxy before the API server at address, which trusted verifies. It listens on 127.0.0.1 with a
// certificate of its own.
func Start(address string, trusted *tls.Config) (*Proxy, error) {
	upstream, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	p := &Proxy{upstream: upstream, client: &http.Transport{TLSClientConfig: trusted, ForceAttemptHTTP2: true}}
	p.forward = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport:     p.client,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.EnableHTTP2 = true
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.StartTLS()
	return p, nil
}

// URL is the address of the proxy.
func (p *Proxy) URL() string { return p.server.URL }

// CA returns the certificate to trust, as PEM.
func (p *Proxy) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
}

// Close ends the proxy and every request that goes on.
func (p *Proxy) Close() {
	p.Abandon()
	p.server.CloseClientConnections()
	p.server.Close()
	p.client.CloseIdleConnections()
}

// Abandon abandons all faults.
func (p *Proxy) Abandon() {
	p.mu.Lock()
	armed := slices.Clone(p.armed)
	p.mu.Unlock()
	for _, a := range armed {
		a.Abandon()
	}
}

// Arm puts a fault in force.
func (p *Proxy) Arm(fault Fault) *Armed {
	fault.Nth = max(fault.Nth, 1)
	if fault.Times == 0 {
		fault.Times = 1
	}
	if fault.At == "" {
		fault.At = Before
	}
	a := &Armed{proxy: p, fault: fault, hit: make(chan struct{}), removed: make(chan struct{}), abandoned: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = append(p.armed, a)
	return a
}

// ServeHTTP serves a request, with the fault that strikes it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	what := read(r, body)
	a := p.striking(what)
	if a != nil && a.fault.At == Before && !a.strike(w, r) {
		return
	}
	sent := r
	if what.Writes() { // or the death of the client would make it uncertain whether it is done
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context())) // the forwarder minds one that cannot end
		defer cancel()
		sent = r.WithContext(ctx)
	}
	if a == nil || a.fault.At == Before {
		p.forward.ServeHTTP(w, sent)
		return
	}
	answer := httptest.NewRecorder()
	p.forward.ServeHTTP(answer, sent)
	if a.fault.At == Committed && !a.strike(w, r) {
		return
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may be gone
	if a.fault.At == After {
		_ = http.NewResponseController(w).Flush()
		a.strike(w, r)
	}
}

// striking counts the request for each fault that it matches, and returns the first that strikes it.
func (p *Proxy) striking(r Request) *Armed {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found *Armed
	for _, a := range p.armed {
		if !a.fault.matches(r) {
			continue
		}
		a.seen++
		last := a.fault.Nth + a.fault.Times - 1
		if found == nil && a.seen >= a.fault.Nth && (a.fault.Times < 0 || a.seen <= last) {
			found = a
		}
	}
	return found
}

// strike does what the fault does, and reports whether the request goes on.
func (a *Armed) strike(w http.ResponseWriter, r *http.Request) (goesOn bool) {
	if a.fault.Do != nil {
		a.fault.Do()
	}
	a.once.Do(func() { close(a.hit) })
	switch {
	case a.fault.Status != 0:
		refuse(w, a.fault)
		return false
	case a.fault.Hold:
		select {
		case <-a.removed:
			return true
		case <-a.abandoned:
		case <-r.Context().Done():
		}
	case a.fault.Do != nil && a.fault.At == After:
		return true
	}
	panic(http.ErrAbortHandler)
}

// refuse answers as the API server does.
func refuse(w http.ResponseWriter, f Fault) {
	reasons := map[int]string{
		http.StatusForbidden: "Forbidden", http.StatusConflict: "Conflict", http.StatusTooManyRequests: "TooManyRequests",
		http.StatusInternalServerError: "InternalError", http.StatusServiceUnavailable: "ServiceUnavailable",
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": f.Status, "reason": reasons[f.Status],
		"message": fmt.Sprintf("injected fault: %d %s", f.Status, http.StatusText(f.Status)),
		"details": map[string]any{"retryAfterSeconds": f.RetryAfter},
	})
}

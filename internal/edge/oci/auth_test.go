package oci_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/oci"
)

// tokens is a server of tokens, and what has a registry want them.
type tokens struct {
	*httptest.Server
	// life is what it says of how long a token is good, in seconds.
	life int
	// status is what it answers instead, if not 0.
	status int

	mu sync.Mutex
	// given are the scopes of the tokens that are good; asked are the requests.
	given map[string]string
	asked []string
}

// newTokens starts one, for a user with the password hunter2.
func newTokens(t testing.TB) *tokens {
	t.Helper()
	g := &tokens{life: 300, given: map[string]string{}}
	g.Server = httptest.NewTLSServer(http.HandlerFunc(g.give))
	t.Cleanup(g.Close)
	return g
}

func (g *tokens) give(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = r.ParseForm()
	g.asked = append(g.asked, r.Method+" "+r.Form.Get("scope"))
	user, password, _ := r.BasicAuth()
	allowed := user == "user" && password == "hunter2" || r.Method == http.MethodPost && r.Form.Get("refresh_token") == "hunter2"
	switch {
	case g.status != 0:
		w.WriteHeader(g.status)
	case !allowed || r.Form.Get("service") != "the registry":
		w.WriteHeader(http.StatusUnauthorized)
	default:
		text := "token-" + strconv.Itoa(len(g.given))
		g.given[text] = r.Form.Get("scope")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": text, "expires_in": g.life})
	}
}

// revoke ends all tokens.
func (g *tokens) revoke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for text := range g.given {
		g.given[text] = ""
	}
}

// count is how many tokens were asked for.
func (g *tokens) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}

// front wants a token that pulls from the repository that is asked for.
func (g *tokens) front(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
		scope := fmt.Sprintf("repository:%s:pull", strings.Join(path[:len(path)-2], "/"))
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		g.mu.Lock()
		good := g.given[text] == scope
		g.mu.Unlock()
		if !good {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="the registry",scope="%s"`, g.URL, scope))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		registry.ServeHTTP(w, r)
	})
}

// withUser is a repository with a user and a password.
func withUser(repo upstream.Repository, username, password string) upstream.Repository {
	repo.Username, repo.Password, repo.Declared = username, sealed.Text(password), true
	return repo
}

// TestTokensAreKept until they end, each for one repository; and a password is sent to
// the server of tokens alone.
func TestTokensAreKept(t *testing.T) {
	gives := newTokens(t)
	s, store := newServer(t, gives.front), newStore(t, oci.Options{})
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	s.push("team/other", "1.0.0", files(t, map[string]string{"a": "2"}))
	repo := withUser(s.repo("team/app"), "user", "hunter2")
	for range 3 {
		if got, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil || got != digest {
			t.Fatalf("Digest = %s, %v", got, err)
		}
	}
	if err := store.Fetch(t.Context(), repo, digest); err != nil {
		t.Fatal(err)
	}
	if gives.count() != 1 {
		t.Errorf("%d tokens were asked for: %q", gives.count(), gives.asked)
	}
	if n := s.count("HEAD"); n != 4 {
		t.Errorf("%d requests for three digests, of which one is for how to ask", n)
	}
	other := withUser(s.repo("team/other"), "user", "hunter2")
	if _, err := store.Digest(t.Context(), other, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if n := s.count("HEAD"); gives.count() != 2 || n != 2 { // it is asked for how to ask, too
		t.Errorf("of another repository: %d tokens, %d requests", gives.count(), n)
	}
	gives.revoke()
	if _, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil || gives.count() != 3 {
		t.Errorf("after its token ended: %v, %d tokens", err, gives.count())
	}
	if slices.ContainsFunc(s.sent(), func(sent string) bool { return strings.HasPrefix(sent, "Basic") }) {
		t.Errorf("the registry got the password: %q", s.sent())
	}
}

// TestTokensThatEnd are not used again.
func TestTokensThatEnd(t *testing.T) {
	gives := newTokens(t)
	gives.life = 1
	s, store := newServer(t, gives.front), newStore(t, oci.Options{})
	s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	repo := withUser(s.repo("team/app"), "user", "hunter2")
	began := time.Now()
	for gives.count() < 2 && time.Since(began) < 10*time.Second {
		if _, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil {
			t.Fatal(err)
		}
	}
	if time.Since(began) < 800*time.Millisecond || gives.count() != 2 {
		t.Errorf("%d tokens in %s", gives.count(), time.Since(began))
	}
}

// TestManyWhoWantAToken at once get one.
func TestManyWhoWantAToken(t *testing.T) {
	gives := newTokens(t)
	s, store := newServer(t, gives.front), newStore(t, oci.Options{})
	repo := withUser(s.repo("team/app"), "user", "hunter2")
	for _, tag := range []string{"first", "a", "b", "c", "d"} {
		s.push("team/app", tag, files(t, map[string]string{"a": tag}))
	}
	if _, err := store.Digest(t.Context(), repo, "first"); err != nil {
		t.Fatal(err)
	}
	gives.revoke()
	var group sync.WaitGroup
	for _, tag := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			if _, err := store.Digest(t.Context(), repo, tag); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := gives.count(); n > 5 {
		t.Errorf("%d tokens", n)
	}
}

// TestRefreshTokens are what docker login leaves as a password.
func TestRefreshTokens(t *testing.T) {
	gives := newTokens(t)
	s, store := newServer(t, gives.front), newStore(t, oci.Options{})
	s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	if _, err := store.Digest(t.Context(), withUser(s.repo("team/app"), "<token>", "hunter2"), "1.0.0"); err != nil {
		t.Error(err)
	}
	if !slices.Equal(gives.asked, []string{"POST repository:team/app:pull"}) {
		t.Errorf("asked %q", gives.asked)
	}
}

// TestRefusedCredentials says so, and what to do.
func TestRefusedCredentials(t *testing.T) {
	gives := newTokens(t)
	s, store := newServer(t, gives.front), newStore(t, oci.Options{})
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	address := s.repo("team/app").Address.String()
	_, err := store.Digest(t.Context(), withUser(s.repo("team/app"), "user", "hunter2-wrong"), "1.0.0")
	wants(t, "a wrong password", err, syncline.Denied, address, "credentials were refused", "repository Secret")
	_, err = store.Digest(t.Context(), s.repo("team/app"), "1.0.0")
	wants(t, "no password", err, syncline.Denied, address, "credentials are required", "repository Secret")
	other := s.repo("team/app")
	other.Where, other.Exchange.Azure.Workload = "Secret argocd/app", true
	_, err = store.Digest(t.Context(), other, "1.0.0")
	wants(t, "an exchange", err, syncline.Denied, address, "credentials are required", "Secret argocd/app has credentials of the kind Azure workload identity, which is not supported for registries")
	bearer := s.repo("team/app")
	bearer.BearerToken = "hunter2"
	_, err = store.Digest(t.Context(), bearer, "1.0.0")
	wants(t, "a wrong bearer token", err, syncline.Denied, address)
	bearer.BearerToken = "hunter2\nX: y"
	_, err = store.Digest(t.Context(), bearer, "1.0.0")
	wants(t, "a bearer token of two lines", err, syncline.Invalid, address, "bearer token")
	good := withUser(s.repo("team/app"), "user", "hunter2")
	if err := store.Fetch(t.Context(), good, digest); err != nil {
		t.Fatal(err)
	}
	wants(t, "what others may see", store.Fetch(t.Context(), s.repo("team/app"), digest), syncline.Denied, address)
	gives.revoke()
	for status, kind := range map[int]syncline.Kind{403: syncline.Denied, 404: syncline.Transient, 500: syncline.Transient} {
		gives.status = status
		_, err := store.Digest(t.Context(), good, "1.0.0")
		wants(t, fmt.Sprintf("a server of tokens that answers %d", status), err, kind, address, strconv.Itoa(status))
	}
}

// TestBasicAuthentication sends user and password when the registry wants them, or at
// once where that is declared.
func TestBasicAuthentication(t *testing.T) {
	s := newServer(t, func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "user" || password != "hunter2" {
				w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			registry.ServeHTTP(w, r)
		})
	})
	s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	for _, test := range []struct {
		force    bool
		requests int
	}{{false, 3}, {true, 2}} {
		store := newStore(t, oci.Options{})
		repo := withUser(s.repo("team/app"), "user", "hunter2")
		repo.ForceBasicAuth = test.force
		s.count("")
		for range 2 {
			if _, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.count(""); n != test.requests {
			t.Errorf("at once %t: %d requests, want %d", test.force, n, test.requests)
		}
	}
	_, err := newStore(t, oci.Options{}).Digest(t.Context(), withUser(s.repo("team/app"), "user", "hunter2-wrong"), "1.0.0")
	wants(t, "a wrong password", err, syncline.Denied, "credentials were refused")
}

// TestServersOfTokensThatAreNotAsked would get a password without TLS, or are none.
func TestServersOfTokensThatAreNotAsked(t *testing.T) {
	for _, realm := range []string{"http://127.0.0.1:1/token", "", "/token", "https://me@127.0.0.1:1/token", "ftp://x/y", "https://[::"} {
		s := newServer(t)
		s.answer(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s",service="x"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		_, err := newStore(t, oci.Options{}).Digest(t.Context(), withUser(s.repo("a"), "user", "hunter2"), "1")
		wants(t, realm, err, syncline.Transient, "server of tokens")
		if n := s.count(""); n != 1 {
			t.Errorf("%q: %d requests", realm, n)
		}
	}
}

// TestTLS is with a CA, a client certificate, none at all, or without trust.
func TestTLS(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	trusting := s.repo("team/app")
	trusting.CA, trusting.InsecureSkipVerify = nil, true
	unknown := s.repo("team/app")
	unknown.CA, unknown.CAIn = nil, "the place of authorities"
	damaged := s.repo("team/app")
	damaged.CA = []byte("hunter2")
	unpaired := s.repo("team/app")
	unpaired.ClientCert, unpaired.ClientKey = s.ca(), "hunter2"
	store := newStore(t, oci.Options{})
	for what, repo := range map[string]upstream.Repository{"a CA": s.repo("team/app"), "no verification": trusting} {
		if got, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil || got != digest {
			t.Errorf("%s: %s, %v", what, got, err)
		}
	}
	_, err := store.Digest(t.Context(), unknown, "1.0.0")
	wants(t, "no CA", err, syncline.Transient, "certificate", "the place of authorities")
	_, err = store.Digest(t.Context(), damaged, "1.0.0")
	wants(t, "a CA that is none", err, syncline.Invalid, "PEM")
	_, err = store.Digest(t.Context(), unpaired, "1.0.0")
	wants(t, "no pair", err, syncline.Invalid, "no pair")
}

// TestPlainHTTP is declared, and never chosen.
func TestPlainHTTP(t *testing.T) {
	s := newServer(t)
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	plain := httptest.NewServer(s.Config.Handler)
	t.Cleanup(plain.Close)
	repo := upstream.Repository{Address: upstream.AddressOf("oci://" + strings.TrimPrefix(plain.URL, "http://") + "/team/app"), PlainHTTP: true}
	store := newStore(t, oci.Options{})
	if got, err := store.Digest(t.Context(), repo, "1.0.0"); err != nil || got != digest {
		t.Errorf("%s, %v", got, err)
	}
	repo.PlainHTTP = false
	_, err := store.Digest(t.Context(), repo, "1.0.0")
	wants(t, "it was not declared", err, syncline.Transient)
}

// TestClientCertificates go to the registry alone, and not to where a layer is.
func TestClientCertificates(t *testing.T) {
	s := newServer(t)
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	digest := s.push("team/app", "1.0.0", files(t, map[string]string{"a": "1"}))
	shown := make(chan int, 10)
	start := func(before func(http.ResponseWriter, *http.Request) bool) *httptest.Server {
		other := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shown <- len(r.TLS.PeerCertificates)
			if !before(w, r) {
				s.content.ServeHTTP(w, r)
			}
		}))
		other.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} //nolint:gosec // of a test
		other.StartTLS()
		t.Cleanup(other.Close)
		return other
	}
	storage := start(func(http.ResponseWriter, *http.Request) bool { return false })
	registry := start(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, storage.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	repo := s.repo("team/app")
	repo.Address = upstream.AddressOf("oci://" + strings.TrimPrefix(registry.URL, "https://") + "/team/app")
	repo.ClientCert, repo.ClientKey = s.ca(), sealed.Text(pemOf("PRIVATE KEY", key))
	if err := newStore(t, oci.Options{}).Fetch(t.Context(), repo, digest); err != nil {
		t.Fatal(err)
	}
	if manifest, blob, stored := <-shown, <-shown, <-shown; manifest != 1 || blob != 1 || stored != 0 {
		t.Errorf("certificates shown: %d and %d to the registry, %d to the storage", manifest, blob, stored)
	}
}

// TestWithoutTLS says what to do about a registry that is asked by TLS and does not speak it.
func TestWithoutTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	repo := upstream.Repository{Address: upstream.AddressOf("oci://" + strings.TrimPrefix(plain.URL, "http://") + "/team/app"), Declared: true}
	_, err := newStore(t, oci.Options{}).Digest(t.Context(), repo, "1.0.0")
	wants(t, "a registry without TLS", err, syncline.Transient, "it does not speak TLS", `insecureOCIForceHttp: "true"`)
}

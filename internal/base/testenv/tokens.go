package testenv

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// TokenServer exchanges credentials for tokens, in the ways of GitHub's API, of Azure's
// authority and of Google's token service, and knows which tokens let in.
type TokenServer struct {
	// URL is its address. The API of GitHub is at its /api/v3.
	URL string
	// Key is the private key of the App 1234, in PEM, and Google that of a service account,
	// in JSON.
	Key, Google string
	// Secret is that of the service principal "client" of the tenant "tenant", and
	// Assertion what stands for a workload of that name.
	Secret, Assertion string

	key    *rsa.PrivateKey
	prefix string
	loopback

	mu       sync.Mutex
	ahead    time.Duration
	lifetime time.Duration
	status   int
	count    int
	valid    map[string]bool
}

// The names that a TokenServer knows.
const (
	TokenApp          = "1234"
	TokenInstallation = "42"
	TokenAccount      = "robot@project.iam.example.com"
)

// StartTokens starts a TokenServer, whose tokens, keys and secrets begin with a text. It
// stops when Close is called or ctx ends.
func StartTokens(ctx context.Context, prefix string) (*TokenServer, error) {
	s := &TokenServer{
		prefix: prefix, Secret: prefix + "-secret", Assertion: prefix + "-assertion",
		lifetime: time.Hour, valid: map[string]bool{},
	}
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("starting a token server: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a token server: %w", err)
	}
	s.URL = "http://" + listener.Addr().String()
	s.Key = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)}))
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("starting a token server: %w", err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": TokenAccount, "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": s.URL + "/google/token",
	})
	if err != nil {
		return nil, fmt.Errorf("starting a token server: %w", err)
	}
	s.Google = string(account)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/repos/{owner}/{name}/installation", s.find)
	mux.HandleFunc("POST /api/v3/app/installations/"+TokenInstallation+"/access_tokens", s.install)
	mux.HandleFunc("POST /tenant/oauth2/v2.0/token", s.principal)
	mux.HandleFunc("POST /google/token", s.account)
	s.loopback = serve(ctx, listener, s.faulty(mux))
	return s, nil
}

// Lasting sets how long tokens last that are given from now on. Default: an hour.
func (s *TokenServer) Lasting(lifetime time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lifetime = lifetime
}

// Pass sets the server's clock ahead.
func (s *TokenServer) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

func (s *TokenServer) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

// Revoke ends all tokens that were given.
func (s *TokenServer) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.valid)
}

// Refuse answers every request with a status from now on; 0 ends that.
func (s *TokenServer) Refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Given returns how many tokens were given.
func (s *TokenServer) Given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Admits reports whether a request carries a token that is valid: one of GitHub or
// Google as a password, with the name that belongs to it, one of Azure as a bearer token.
func (s *TokenServer) Admits(r *http.Request) bool {
	text, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		username, password, _ := r.BasicAuth()
		text = username + " " + password
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.valid[text]
}

func (s *TokenServer) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		status := s.status
		s.mu.Unlock()
		if status != 0 {
			w.Header().Set("Location", s.URL+"/elsewhere")
			http.Error(w, `{"message":"`+s.prefix+`","error":"`+s.prefix+`"}`, status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// give makes a token, which lets in behind what stands before it.
func (s *TokenServer) give(before string) (text string, lasts time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	text = fmt.Sprintf("%s-token-%d", s.prefix, s.count)
	s.valid[before+text] = true
	return text, s.lifetime
}

// claims returns what a signed JSON Web Token says; nil of one that is not, or has ended.
func (s *TokenServer) claims(token string) map[string]any {
	signed, signature, _ := cutLast(token, ".")
	_, body, _ := strings.Cut(signed, ".")
	sum := sha256.Sum256([]byte(signed))
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || rsa.VerifyPKCS1v15(&s.key.PublicKey, crypto.SHA256, sum[:], raw) != nil {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	var claims map[string]any
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return nil
	}
	now := float64(s.now().Unix())
	issued, _ := claims["iat"].(float64)
	ends, _ := claims["exp"].(float64)
	if issued > now || ends < now || ends-issued > 3600 {
		return nil
	}
	return claims
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// isApp reports whether a request is that of the App, as GitHub wants it.
func (s *TokenServer) isApp(w http.ResponseWriter, r *http.Request) bool {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims := s.claims(token)
	issued, _ := claims["iat"].(float64)
	ends, _ := claims["exp"].(float64)
	if claims["iss"] != TokenApp || ends-issued > 660 || r.Header.Get("Accept") != "application/vnd.github+json" {
		answerJSON(w, http.StatusUnauthorized, map[string]any{"message": "A JSON web token could not be decoded"})
		return false
	}
	return true
}

func (s *TokenServer) find(w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.isApp(w, r):
	case r.PathValue("owner") == "strangers":
		answerJSON(w, http.StatusNotFound, map[string]any{"message": "Not Found"})
	default:
		answerJSON(w, http.StatusOK, map[string]any{"id": 42, "app_id": 1234})
	}
}

func (s *TokenServer) install(w http.ResponseWriter, r *http.Request) {
	if !s.isApp(w, r) {
		return
	}
	text, lasts := s.give("x-access-token ")
	answerJSON(w, http.StatusCreated, map[string]any{"token": text, "expires_at": s.now().Add(lasts).UTC().Format(time.RFC3339)})
}

func (s *TokenServer) principal(w http.ResponseWriter, r *http.Request) {
	isSecret := r.PostFormValue("client_secret") == s.Secret
	isAssertion := r.PostFormValue("client_assertion") == s.Assertion &&
		r.PostFormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	switch {
	case r.PostFormValue("grant_type") != "client_credentials", r.PostFormValue("scope") != "499b84ac-1321-427f-aa17-267ca6975798/.default":
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
	case r.PostFormValue("client_id") != "client" || isSecret == isAssertion:
		answerJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": s.prefix})
	default:
		text, lasts := s.give("")
		answerJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": text, "expires_in": int(lasts.Seconds())})
	}
}

func (s *TokenServer) account(w http.ResponseWriter, r *http.Request) {
	claims := s.claims(r.PostFormValue("assertion"))
	switch {
	case r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
	case claims["iss"] != TokenAccount || claims["aud"] != s.URL+"/google/token" || claims["scope"] != "https://www.googleapis.com/auth/cloud-platform":
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": s.prefix})
	default:
		text, lasts := s.give(TokenAccount + " ")
		answerJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "access_token": text, "expires_in": int(lasts.Seconds())})
	}
}

func answerJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}

package token_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/token"
)

const canary = "canary-4711"

// scene is a server of tokens, and a Keeper whose clock can be set.
type scene struct {
	server *testenv.TokenServer
	keeper *token.Keeper
	env    map[string]string

	mu  sync.Mutex
	now time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{now: time.Now(), env: map[string]string{}}
	var err error
	if s.server, err = testenv.StartTokens(t.Context(), canary); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	s.keeper = token.New(token.Options{
		Getenv: func(name string) string { return s.env[name] },
		Now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.now
		},
	})
	return s
}

func (s *scene) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	s.server.Pass(d)
}

func (s *scene) app() upstream.GitHubApp {
	return upstream.GitHubApp{ID: testenv.TokenApp, Installation: testenv.TokenInstallation, Key: sealed.Text(s.server.Key), API: s.server.URL + "/api/v3/"}
}

func (s *scene) principal() upstream.AzureIdentity {
	return upstream.AzureIdentity{Client: "client", Tenant: "tenant", Secret: sealed.Text(s.server.Secret), Authority: s.server.URL}
}

func repository(path string, exchange upstream.Exchange) upstream.Repository {
	return upstream.Repository{Address: upstream.AddressOf("https://git.example/" + path), Where: "the test", Exchange: exchange}
}

// admits holds that what was had for a repository lets in.
func (s *scene) admits(t *testing.T, repo upstream.Repository) upstream.Repository {
	t.Helper()
	signed, err := s.keeper.Credentials(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	if signed.BearerToken != "" {
		request.Header.Set("Authorization", "Bearer "+signed.BearerToken.Reveal())
	} else {
		request.SetBasicAuth(signed.Username, signed.Password.Reveal())
	}
	if !s.server.Admits(request) || signed.Exchange != (upstream.Exchange{}) {
		t.Errorf("%s: %s is not let in", repo.Exchange, signed.Username)
	}
	return signed
}

func TestExchanges(t *testing.T) {
	s := newScene(t)
	discovered := s.app()
	discovered.Installation = ""
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(s.server.Assertion+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = map[string]string{
		"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant", "AZURE_AUTHORITY_HOST": s.server.URL + "/", "AZURE_FEDERATED_TOKEN_FILE": file,
	}
	for _, exchange := range []upstream.Exchange{
		{GitHub: s.app()}, {GitHub: discovered}, {Azure: s.principal()}, {Azure: upstream.AzureIdentity{Workload: true}}, {Google: sealed.Text(s.server.Google)},
	} {
		before := s.server.Given()
		first := s.admits(t, repository("team/app.git", exchange))
		if again := s.admits(t, repository("team/other", exchange)); again.Password != first.Password || again.BearerToken != first.BearerToken {
			t.Errorf("%s: another repository of the account has another token", exchange)
		}
		if given := s.server.Given() - before; given != 1 {
			t.Errorf("%s: %d tokens were given", exchange, given)
		}
	}
	before := s.server.Given()
	s.admits(t, repository("others/app", upstream.Exchange{GitHub: discovered}))
	if s.server.Given() != before+1 {
		t.Error("an installation of another account has the same token")
	}
}

// A token is taken anew before it ends, and not much sooner.
func TestTokenEnds(t *testing.T) {
	s := newScene(t)
	for _, exchange := range []upstream.Exchange{{GitHub: s.app()}, {Azure: s.principal()}, {Google: sealed.Text(s.server.Google)}} {
		repo := repository("team/app", exchange)
		before := s.server.Given()
		s.admits(t, repo)
		s.pass(50 * time.Minute)
		s.admits(t, repo)
		if given := s.server.Given() - before; given != 1 {
			t.Errorf("%s: %d tokens within 50 minutes", exchange, given)
		}
		s.pass(6 * time.Minute)
		s.admits(t, repo)
		if given := s.server.Given() - before; given != 2 {
			t.Errorf("%s: %d tokens within 56 minutes", exchange, given)
		}
	}
}

// What was refused is not handed out again; what came after it is.
func TestRefused(t *testing.T) {
	s := newScene(t)
	repo := repository("team/app", upstream.Exchange{GitHub: s.app()})
	first := s.admits(t, repo)
	s.server.Revoke()
	s.keeper.Refused(repo, first)
	second := s.admits(t, repo)
	s.keeper.Refused(repo, first) // by somebody who was slow
	if third := s.admits(t, repo); third.Password != second.Password || s.server.Given() != 2 {
		t.Errorf("%d tokens were given", s.server.Given())
	}
}

// Who wants a token at the same time shares one request.
func TestShared(t *testing.T) {
	s := newScene(t)
	repo := repository("team/app", upstream.Exchange{Azure: s.principal()})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.keeper.Credentials(t.Context(), repo); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.server.Given() != 1 {
		t.Errorf("%d tokens were given", s.server.Given())
	}
}

// Whatever goes wrong, an error says what to do and shows nothing.
func TestFailures(t *testing.T) {
	s := newScene(t)
	with := func(change func(*upstream.GitHubApp)) upstream.Exchange {
		app := s.app()
		change(&app)
		return upstream.Exchange{GitHub: app}
	}
	azure := func(change func(*upstream.AzureIdentity)) upstream.Exchange {
		principal := s.principal()
		change(&principal)
		return upstream.Exchange{Azure: principal}
	}
	strangers := with(func(app *upstream.GitHubApp) { app.Installation = "" })
	for _, c := range []struct {
		path     string
		exchange upstream.Exchange
		kind     syncline.Kind
		says     string
	}{
		{"a/b", with(func(app *upstream.GitHubApp) { app.Key = canary }), syncline.Invalid, "no RSA key in PEM"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.ID = "1" }), syncline.Denied, "answered 401"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.Installation = "7" }), syncline.Denied, "answered 404"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.Installation = "../7" }), syncline.Invalid, "is no number"},
		{"strangers/b", strangers, syncline.Denied, "answered 404"},
		{"a/b/c", strangers, syncline.Invalid, "not of an owner and a name"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.API = "ftp://" + canary }), syncline.Invalid, "no http or https address"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.API = "http://joe:" + canary + "@127.0.0.1" }), syncline.Invalid, "no http or https address"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.API = "http://169.254.169.254" }), syncline.Invalid, "not asked"},
		{"a/b", with(func(app *upstream.GitHubApp) { app.API = "http://127.0.0.1:1" }), syncline.Transient, "was not reached"},
		{"a/b", azure(func(a *upstream.AzureIdentity) { a.Secret = "wrong-" + canary }), syncline.Denied, "answered 401 (invalid_client)"},
		{"a/b", azure(func(a *upstream.AzureIdentity) { a.Tenant = "../" + canary }), syncline.Invalid, "no tenant"},
		{"a/b", azure(func(a *upstream.AzureIdentity) { a.Authority = "http://[fe80::1]" }), syncline.Invalid, "not asked"},
		{"a/b", upstream.Exchange{Azure: upstream.AzureIdentity{Workload: true}}, syncline.Invalid, "gave this Pod no identity"},
		{"a/b", upstream.Exchange{Google: canary}, syncline.Invalid, "no JSON"},
		{"a/b", upstream.Exchange{Google: sealed.Text(strings.Replace(s.server.Google, s.server.URL, "http://100.100.100.200", 1))}, syncline.Invalid, "not asked"},
		{"a/b", upstream.Exchange{Google: sealed.Text(strings.Replace(s.server.Google, "robot", "nobody", 1))}, syncline.Denied, "answered 400 (invalid_grant)"},
	} {
		_, err := s.keeper.Credentials(t.Context(), repository(c.path, c.exchange))
		if syncline.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "https://git.example/"+c.path) {
			t.Errorf("want %s %q, got %s: %v", c.kind, c.says, syncline.KindOf(err), err)
		}
		silent(t, err)
	}
	if s.server.Given() != 0 {
		t.Errorf("%d tokens were given", s.server.Given())
	}
}

// No redirect is followed, and no answer is shown.
func TestAnswers(t *testing.T) {
	s := newScene(t)
	for status, kind := range map[int]syncline.Kind{
		http.StatusFound: syncline.Invalid, http.StatusTemporaryRedirect: syncline.Invalid, http.StatusForbidden: syncline.Denied,
		http.StatusTooManyRequests: syncline.Transient, http.StatusBadGateway: syncline.Transient, http.StatusNoContent: syncline.Invalid,
	} {
		s.server.Refuse(status)
		for _, exchange := range []upstream.Exchange{{GitHub: s.app()}, {Azure: s.principal()}, {Google: sealed.Text(s.server.Google)}} {
			_, err := s.keeper.Credentials(t.Context(), repository("a/b", exchange))
			if syncline.KindOf(err) != kind {
				t.Errorf("%d: got %s: %v", status, syncline.KindOf(err), err)
			}
			silent(t, err)
		}
	}
}

func silent(t *testing.T, err error) {
	t.Helper()
	if text := fmt.Sprintf("%v %+v %s", err, err, syncline.HintOf(err)); strings.Contains(text, canary) || strings.Contains(text, "PRIVATE") {
		t.Errorf("it shows a secret: %s", text)
	}
}

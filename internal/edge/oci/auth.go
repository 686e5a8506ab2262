package oci

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// auth is how a registry is told who asks for one repository.
type auth struct {
	username         string
	password, bearer sealed.Text

	mu sync.Mutex
	// basic says that the registry takes user name and password themselves, realm and
	// service where it has tokens given out, if it does.
	basic          bool
	realm, service string
	// token is the last that was given out.
	token token
}

// token is good for a while.
type token struct {
	text  sealed.Text
	until time.Time
}

// tokenFor names the request for a token.
type tokenFor struct{ repository *memory }

func newAuth(repo upstream.Repository) auth {
	return auth{
		username: repo.Username, password: repo.Password, bearer: sealed.Text(strings.TrimSpace(repo.BearerToken.Reveal())),
		basic: repo.ForceBasicAuth,
	}
}

// has reports whether there are credentials.
func (a *auth) has() bool { return a.bearer != "" || a.username != "" || a.password != "" }

func (a *auth) userAndPassword() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.username+":"+a.password.Reveal()))
}

// authorization returns what to send with a request for something of the repository, "" for
// nothing: a token is asked for where it is known by whom it is given. Where none is, the
// registry is asked again by whom: it may have named another by mistake.
func (p *place) authorization(ctx context.Context) (string, error) {
	a := &p.auth
	for range 2 {
		a.mu.Lock()
		basic, realm, known := a.basic, a.realm, a.token
		a.mu.Unlock()
		switch {
		case a.bearer != "":
			if !tokenForm.MatchString(a.bearer.Reveal()) {
				return "", syncline.Errorf(syncline.Invalid, "its bearer token has a character that is in none")
			}
			return "Bearer " + a.bearer.Reveal(), nil
		case basic && a.has():
			return a.userAndPassword(), nil
		case realm == "":
			return "", nil
		case time.Now().Before(known.until):
			return "Bearer " + known.text.Reveal(), nil
		}
		if err := p.flights.Share(ctx, tokenFor{p.memory}, p.fetchToken); err != nil {
			a.mu.Lock()
			a.realm = ""
			a.mu.Unlock()
			return "", err
		}
	}
	return "", failf(syncline.Transient, "it gives out tokens that have ended already")
}

// challenged takes note of how the registry wants to be told who asks, and reports
// whether to ask again. Refused is what was sent.
func (p *place) challenged(challenges []string, refused string) (bool, error) {
	a := &p.auth
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, text := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		switch strings.ToLower(scheme) {
		case "bearer":
			realm, service := parameter(rest, "realm"), parameter(rest, "service")
			if a.bearer != "" {
				return false, nil
			}
			if err := p.mayGiveTokens(realm); err != nil {
				return false, err
			}
			a.basic, a.realm, a.service = false, realm, service
			if refused == "Bearer "+a.token.text.Reveal() { // else there is a newer one already
				a.token = token{}
			}
			return true, nil
		case "basic":
			a.basic, a.realm = true, ""
			return a.has() && a.bearer == "" && refused != a.userAndPassword(), nil
		}
	}
	return false, nil
}

// parameter returns a parameter of a challenge, which may be quoted.
func parameter(challenge, name string) string {
	found := regexp.MustCompile(`(?i)(?:^|[\s,])` + name + `=(?:"([^"]*)"|([^\s,"]*))`).FindStringSubmatch(challenge)
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

// maxToken is the size of the largest answer with a token, and tokenForm what may be
// sent in a header.
const maxToken = 64 << 10

var tokenForm = regexp.MustCompile(`^[\x21-\x7e]+$`)

// The lives of tokens: where none is said, what the specification says.
const (
	usualLife   = time.Minute
	longestLife = time.Hour
)

// fetchToken has a token given out that pulls from the repository.
func (p *place) fetchToken(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.options.RequestTimeout)
	defer cancel()
	request, err := p.tokenRequest(ctx)
	if err != nil {
		return err
	}
	asked := time.Now()
	answer, err := p.send(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return p.refusal(answer)
	default:
		return failf(syncline.Transient, "its server of tokens answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	body, err := readAll(answer, maxToken)
	if err != nil {
		return err
	}
	var given struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return failf(syncline.Transient, "its server of tokens gave an answer that cannot be read")
	}
	if given.Token == "" {
		given.Token = given.AccessToken
	}
	if !tokenForm.MatchString(given.Token) {
		return failf(syncline.Transient, "its server of tokens gave none")
	}
	life := usualLife
	if given.ExpiresIn > 0 {
		life = min(time.Duration(min(given.ExpiresIn, 1<<30))*time.Second, longestLife)
	}
	p.auth.mu.Lock()
	defer p.auth.mu.Unlock()
	p.auth.token = token{sealed.Text(given.Token), asked.Add(life * 9 / 10)}
	return nil
}

// tokenUser is the user name with which a password is a refresh token, as docker login
// writes it down.
const tokenUser = "<token>"

// tokenRequest asks for a token as the specifications of tokens say: with user name and
// password, or by a refresh token.
func (p *place) tokenRequest(ctx context.Context) (*http.Request, error) {
	a := &p.auth
	a.mu.Lock()
	realm, values := a.realm, url.Values{"scope": {"repository:" + p.path + ":pull"}}
	if a.service != "" {
		values.Set("service", a.service)
	}
	a.mu.Unlock()
	at, err := url.Parse(realm)
	if err != nil {
		return nil, failf(syncline.Transient, "it names no server of tokens")
	}
	if a.username == tokenUser {
		values.Set("grant_type", "refresh_token")
		values.Set("refresh_token", a.password.Reveal())
		values.Set("client_id", "syncline")
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(values.Encode()))
		if err != nil {
			return nil, failf(syncline.Transient, "it names no server of tokens")
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return request, nil
	}
	for name, value := range at.Query() {
		if !values.Has(name) {
			values[name] = value
		}
	}
	at.RawQuery = values.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, failf(syncline.Transient, "it names no server of tokens")
	}
	if a.has() {
		request.Header.Set("Authorization", a.userAndPassword())
	}
	return request, nil
}

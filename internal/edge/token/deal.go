package token

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
)

// deal is an exchange with one kind of server.
type deal interface {
	// account is what a token is for, besides the credentials that it is of.
	account() string
	// strike asks for a token, by one request or two.
	strike(ctx context.Context, k *Keeper, c *client) (token, error)
	// put has the token sent to the repository.
	put(text sealed.Text, repo *upstream.Repository)
}

// dealOf returns how a token is had for a repository.
func (k *Keeper) dealOf(repo upstream.Repository) (deal, error) {
	switch exchange := repo.Exchange; {
	case exchange.GitHub != upstream.GitHubApp{}:
		return newGitHub(exchange.GitHub, repo.Address)
	case exchange.Azure != upstream.AzureIdentity{}:
		return k.newAzure(exchange.Azure)
	case exchange.Google != "":
		return newGoogle(exchange.Google)
	}
	return nil, syncline.Errorf(syncline.Invalid, "it has no credentials that could be exchanged")
}

// ask strikes a deal on the ways by which the repository is reached.
func (k *Keeper) ask(ctx context.Context, repo upstream.Repository, with deal) (token, error) {
	c, err := newClient(repo, k.gate)
	if err != nil {
		return token{}, err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return with.strike(ctx, k, c)
}

// gitHub is the exchange of a GitHub App: see
// https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app.
type gitHub struct {
	app         upstream.GitHubApp
	key         *rsa.PrivateKey
	api         string
	owner, name string
}

const publicAPI = "https://api.github.com"

func newGitHub(app upstream.GitHubApp, address upstream.Address) (deal, error) {
	g := &gitHub{app: app, api: publicAPI}
	var err error
	if g.key, err = jwt.ParseRSAPrivateKeyFromPEM([]byte(app.Key.Reveal())); err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "the App's private key is no RSA key in PEM")
	}
	if app.API != "" {
		if g.api, err = base("the API of GitHub", app.API); err != nil {
			return nil, err
		}
	}
	if app.Installation != "" {
		if !regexp.MustCompile(`^\d{1,20}$`).MatchString(app.Installation) {
			return nil, syncline.Errorf(syncline.Invalid, "the ID of the App's installation is no number")
		}
		return g, nil
	}
	parts := strings.Split(strings.TrimSuffix(strings.Trim(address.Path(), "/"), ".git"), "/")
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the App's installation cannot be looked for: the path of the repository is not of an owner and a name"),
			"write the ID of the installation beside that of the App")
	}
	g.owner, g.name = parts[0], parts[1]
	return g, nil
}

// account is the owner of the repository: an App is installed there once.
func (g *gitHub) account() string { return strings.ToLower(g.owner) }

func (g *gitHub) strike(ctx context.Context, k *Keeper, c *client) (token, error) {
	now := k.options.Now()
	signed, err := sign(g.key, nil, jwt.MapClaims{ // at most 10 minutes; clocks differ
		"iss": g.app.ID, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix(),
	})
	if err != nil {
		return token{}, err
	}
	c.header = http.Header{
		"Authorization": {"Bearer " + signed}, "Accept": {"application/vnd.github+json"}, "X-Github-Api-Version": {"2022-11-28"},
	}
	installation := g.app.Installation
	if installation == "" {
		var found struct {
			ID int64 `json:"id"`
		}
		path := "/repos/" + url.PathEscape(g.owner) + "/" + url.PathEscape(g.name) + "/installation"
		if err := c.send(ctx, http.MethodGet, g.api+path, nil, &found); err != nil {
			return token{}, err
		}
		installation = strconv.FormatInt(found.ID, 10)
	}
	var answer struct {
		Token string    `json:"token"`
		Ends  time.Time `json:"expires_at"`
	}
	if err := c.send(ctx, http.MethodPost, g.api+"/app/installations/"+installation+"/access_tokens", nil, &answer); err != nil {
		return token{}, err
	}
	return k.lasting(answer.Token, answer.Ends.Sub(now))
}

// put sends the token in the place of a password, with the name that GitHub wants.
func (*gitHub) put(text sealed.Text, repo *upstream.Repository) {
	repo.Username, repo.Password = "x-access-token", text
}

// azure is the exchange of an identity in Azure: see
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
type azure struct {
	identity upstream.AzureIdentity
	// assertion is the file that holds what stands for the workload.
	assertion string
}

const (
	publicAuthority = "https://login.microsoftonline.com"
	// azureDevOps is the application that has the repositories.
	azureDevOps = "499b84ac-1321-427f-aa17-267ca6975798/.default"
)

func (k *Keeper) newAzure(identity upstream.AzureIdentity) (deal, error) {
	a := &azure{identity: identity}
	if identity.Workload {
		a.identity = upstream.AzureIdentity{
			Client: k.options.Getenv("AZURE_CLIENT_ID"), Tenant: k.options.Getenv("AZURE_TENANT_ID"), Authority: k.options.Getenv("AZURE_AUTHORITY_HOST"),
		}
		if a.assertion = k.options.Getenv("AZURE_FEDERATED_TOKEN_FILE"); a.assertion == "" {
			return nil, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the cluster gave this Pod no identity: AZURE_FEDERATED_TOKEN_FILE is not set"),
				"label the Pod for Azure's workload identity, and its ServiceAccount with the client")
		}
	}
	if !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(a.identity.Tenant) || a.identity.Client == "" {
		return nil, syncline.Errorf(syncline.Invalid, "it has no client, or no tenant")
	}
	if a.identity.Authority == "" {
		a.identity.Authority = publicAuthority
	}
	var err error
	a.identity.Authority, err = base("Azure's authority", a.identity.Authority)
	return a, err
}

func (*azure) account() string { return "" }

func (a *azure) strike(ctx context.Context, k *Keeper, c *client) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.identity.Client}, "scope": {azureDevOps}}
	if a.assertion == "" {
		form.Set("client_secret", a.identity.Secret.Reveal())
	} else {
		text, err := os.ReadFile(a.assertion) // anew: the cluster renews it
		if err != nil {
			return token{}, syncline.Errorf(syncline.Invalid, "reading what stands for the workload: %w", err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", strings.TrimSpace(string(text)))
	}
	return k.grant(ctx, c, a.identity.Authority+"/"+a.identity.Tenant+"/oauth2/v2.0/token", form)
}

func (*azure) put(text sealed.Text, repo *upstream.Repository) { repo.BearerToken = text }

// google is the exchange of a service account's key: see
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
type google struct {
	email, id, address string
	key                *rsa.PrivateKey
}

const (
	googleToken = "https://oauth2.googleapis.com/token"
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
)

func newGoogle(account sealed.Text) (deal, error) {
	var read struct {
		Email   string `json:"client_email"`
		KeyID   string `json:"private_key_id"`
		Key     string `json:"private_key"`
		Address string `json:"token_uri"`
	}
	if json.Unmarshal([]byte(account.Reveal()), &read) != nil || read.Email == "" {
		return nil, syncline.Errorf(syncline.Invalid, "it is no JSON of a service account's key")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(read.Key))
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "the service account's private key is no RSA key in PEM")
	}
	if read.Address == "" {
		read.Address = googleToken
	}
	address, err := base("Google's token service", read.Address)
	return &google{email: read.Email, id: read.KeyID, key: key, address: address}, err
}

func (*google) account() string { return "" }

func (g *google) strike(ctx context.Context, k *Keeper, c *client) (token, error) {
	now := k.options.Now()
	assertion, err := sign(g.key, map[string]any{"kid": g.id}, jwt.MapClaims{
		"iss": g.email, "scope": googleScope, "aud": g.address, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return token{}, err
	}
	return k.grant(ctx, c, g.address, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
}

// put sends the token in the place of the account's password.
func (g *google) put(text sealed.Text, repo *upstream.Repository) {
	repo.Username, repo.Password = g.email, text
}

// sign returns a JSON Web Token.
func sign(key *rsa.PrivateKey, header map[string]any, claims jwt.MapClaims) (string, error) {
	made := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	maps.Copy(made.Header, header)
	signed, err := made.SignedString(key)
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "its private key cannot sign")
	}
	return signed, nil
}

// grant asks for a token as OAuth 2.0 has it: https://www.rfc-editor.org/rfc/rfc6749#section-5.1.
func (k *Keeper) grant(ctx context.Context, c *client, address string, form url.Values) (token, error) {
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	if err := c.send(ctx, http.MethodPost, address, form, &answer); err != nil {
		return token{}, err
	}
	return k.lasting(answer.Token, time.Duration(min(max(answer.Seconds, 0), int64(longest/time.Second)))*time.Second)
}

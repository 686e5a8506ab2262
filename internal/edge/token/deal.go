package token

import (
	"context"
	"crypto/rsa"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/base/upstream"
	"github.com/syncline-io/syncline/internal/edge/exchange"
	"github.com/syncline-io/syncline/internal/edge/transport"
)

// deal is an exchange with one kind of server.
type deal interface {
	// account is what a token is for, besides the credentials that it is of.
	account() string
	// strike asks for a token, by one request or two.
	strike(ctx context.Context, c exchange.Client) (exchange.Token, error)
	// put has the token sent to the repository.
	put(text sealed.Text, repo *upstream.Repository)
}

// dealOf returns how a token is had for a repository.
func (k *Keeper) dealOf(repo upstream.Repository) (deal, error) {
	switch given := repo.Exchange; {
	case given.GitHub != upstream.GitHubApp{}:
		return newGitHub(given.GitHub, repo.Address)
	case given.Azure != upstream.AzureIdentity{}:
		return k.newAzure(given.Azure)
	case given.Google != "":
		account, err := exchange.ReadGoogle(given.Google)
		return google{account}, err
	}
	return nil, syncline.Errorf(syncline.Invalid, "it has no credentials that could be exchanged")
}

// ask strikes a deal on the ways by which the repository is reached.
func (k *Keeper) ask(ctx context.Context, repo upstream.Repository, with deal) (exchange.Token, error) {
	own := net.JoinHostPort(repo.Address.Host(), repo.Address.Port())
	reached, err := transport.New(repo, own, transport.Options{Gate: k.gate, StallTimeout: exchange.Patience})
	if err != nil {
		return exchange.Token{}, err
	}
	defer reached.CloseIdleConnections()
	return with.strike(ctx, exchange.Client{Transport: reached, Now: k.options.Now})
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
	if g.key, err = exchange.ReadRSA("the App's private key", app.Key); err != nil {
		return nil, err
	}
	if app.API != "" {
		if g.api, err = exchange.Base("the API of GitHub", app.API); err != nil {
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

func (g *gitHub) strike(ctx context.Context, c exchange.Client) (exchange.Token, error) {
	now := c.Now()
	signed, err := exchange.Sign(g.key, nil, map[string]any{ // at most 10 minutes; clocks differ
		"iss": g.app.ID, "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix(),
	})
	if err != nil {
		return exchange.Token{}, err
	}
	header := http.Header{
		"Authorization": {"Bearer " + signed}, "Accept": {"application/vnd.github+json"}, "X-Github-Api-Version": {"2022-11-28"},
	}
	installation := g.app.Installation
	if installation == "" {
		var found struct {
			ID int64 `json:"id"`
		}
		path := "/repos/" + url.PathEscape(g.owner) + "/" + url.PathEscape(g.name) + "/installation"
		if err := c.Get(ctx, g.api+path, header, &found); err != nil {
			return exchange.Token{}, uninstalled(err)
		}
		installation = strconv.FormatInt(found.ID, 10)
	}
	var answer struct {
		Token string    `json:"token"`
		Ends  time.Time `json:"expires_at"`
	}
	if err := c.Post(ctx, g.api+"/app/installations/"+installation+"/access_tokens", header, nil, &answer); err != nil {
		return exchange.Token{}, uninstalled(err)
	}
	return exchange.Token{Text: sealed.Text(answer.Token), Lasts: answer.Ends.Sub(now)}, nil
}

// uninstalled says what to do where GitHub refuses an App.
func uninstalled(err error) error {
	if syncline.KindOf(err) != syncline.Denied {
		return err
	}
	return syncline.WithHint(err, "check that the App is installed where the repository is, and may see it, and that the key is the App's")
}

// put sends the token in the place of a password, with the name that GitHub wants.
func (*gitHub) put(text sealed.Text, repo *upstream.Repository) {
	repo.Username, repo.Password = "x-access-token", text
}

// azure is the exchange of an identity in Azure.
type azure struct{ identity exchange.Azure }

// azureDevOps is the application that has the repositories.
const azureDevOps = "499b84ac-1321-427f-aa17-267ca6975798/.default"

func (k *Keeper) newAzure(given upstream.AzureIdentity) (deal, error) {
	identity := exchange.Azure{Client: given.Client, Tenant: given.Tenant, Secret: given.Secret, Authority: given.Authority}
	var err error
	if given.Workload {
		if identity, err = exchange.AzureWorkload(k.options.Getenv); err != nil {
			return nil, err
		}
	}
	identity, err = identity.Checked()
	return azure{identity}, err
}

func (azure) account() string { return "" }

func (a azure) strike(ctx context.Context, c exchange.Client) (exchange.Token, error) {
	return a.identity.Token(ctx, c, azureDevOps)
}

func (azure) put(text sealed.Text, repo *upstream.Repository) { repo.BearerToken = text }

// google is the exchange of a service account's key.
type google struct{ of *exchange.GoogleAccount }

func (google) account() string { return "" }

func (g google) strike(ctx context.Context, c exchange.Client) (exchange.Token, error) {
	return g.of.Token(ctx, c, "https://www.googleapis.com/auth/cloud-platform")
}

// put sends the token in the place of the account's password.
func (g google) put(text sealed.Text, repo *upstream.Repository) {
	repo.Username, repo.Password = g.of.Email, text
}

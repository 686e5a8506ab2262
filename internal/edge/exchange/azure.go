package exchange

import (
	"cmp"
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Azure is the identity of a service principal, or of a workload: see
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
type Azure struct {
	Tenant, Client string
	// Secret, Assertion or the file AssertionFile is what proves it.
	Secret, Assertion sealed.Text
	AssertionFile     string
	// Authority is the address at which tokens are asked for. Default: that of Azure's
	// public cloud.
	Authority string
}

// AzureWorkload returns the identity that the cluster gave to this Pod, by the variables of
// Azure's workload identity.
func AzureWorkload(getenv func(string) string) (Azure, error) {
	a := Azure{
		Client: getenv("AZURE_CLIENT_ID"), Tenant: getenv("AZURE_TENANT_ID"), Authority: getenv("AZURE_AUTHORITY_HOST"),
		AssertionFile: getenv("AZURE_FEDERATED_TOKEN_FILE"),
	}
	if a.AssertionFile == "" {
		return a, syncline.WithHint(syncline.Errorf(syncline.Invalid, "the cluster gave this Pod no identity: AZURE_FEDERATED_TOKEN_FILE is not set"),
			"label the Pod for Azure's workload identity, and its ServiceAccount with the client")
	}
	return a, nil
}

// Checked returns the identity with its defaults, or what is wrong with it.
func (a Azure) Checked() (Azure, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(a.Tenant) || a.Client == "" {
		return a, syncline.Errorf(syncline.Invalid, "it has no client, or no tenant")
	}
	var err error
	a.Authority, err = Base("Azure's authority", cmp.Or(a.Authority, "https://login.microsoftonline.com"))
	return a, err
}

// Token asks for a token for a scope.
func (a Azure) Token(ctx context.Context, c Client, scope string) (Token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {a.Client}, "scope": {scope}}
	assertion := a.Assertion
	if a.AssertionFile != "" {
		var err error
		if assertion, err = readProof(a.AssertionFile); err != nil {
			return Token{}, err
		}
	}
	if assertion == "" {
		form.Set("client_secret", a.Secret.Reveal())
	} else {
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", strings.TrimSpace(assertion.Reveal()))
	}
	return c.grant(ctx, a.Authority+"/"+a.Tenant+"/oauth2/v2.0/token", form)
}

package kms

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"github.com/syncline-io/syncline/internal/base/sealed"
)

// AzureCredentials are those of a service principal: a secret, or an assertion of
// another identity provider.
type AzureCredentials struct {
	TenantID     string      `json:"tenantId"`
	ClientID     string      `json:"clientId"`
	ClientSecret sealed.Text `json:"clientSecret"`
	// Assertion is what workload identity has in place of a secret.
	Assertion sealed.Text `json:"clientAssertion"`
}

// Azure decrypts by Azure Key Vault. See
// https://learn.microsoft.com/rest/api/keyvault/keys/decrypt/decrypt.
type Azure struct {
	client *Client
	token  *token
}

// NewAzure decrypts by a service principal's rights.
func NewAzure(c *Client, credentials AzureCredentials) (*Azure, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9.-]+$`).MatchString(credentials.TenantID) || credentials.ClientID == "" {
		return nil, errors.New("has no tenantId or no clientId")
	}
	if (credentials.ClientSecret == "") == (credentials.Assertion == "") {
		return nil, errors.New("has to have one of clientSecret and clientAssertion")
	}
	// See https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
	ask := func(ctx context.Context) (*http.Request, error) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {credentials.ClientID}, "scope": {"https://vault.azure.net/.default"}}
		if credentials.Assertion != "" {
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", credentials.Assertion.Reveal())
		} else {
			form.Set("client_secret", credentials.ClientSecret.Reveal())
		}
		return formRequest(ctx, "https://login.microsoftonline.com/"+credentials.TenantID+"/oauth2/v2.0/token", form)
	}
	return &Azure{client: c, token: &token{client: c, ask: ask}}, nil
}

// vaultAddress is that of a vault in Azure: no other gets the token.
func vaultAddress() *regexp.Regexp {
	return regexp.MustCompile(`^https://[A-Za-z0-9-]{1,127}\.vault\.azure\.net/?$`)
}

// Decrypt unwraps a key that a file says is in a vault, under a name. Version may be
// empty, for the latest.
func (a *Azure) Decrypt(ctx context.Context, vault, name, version, wrapped string) ([]byte, error) {
	if !vaultAddress().MatchString(vault) {
		return nil, wrong("address of an Azure Key Vault", vault)
	}
	path := "/keys/" + name
	if version != "" {
		path += "/" + version
	}
	if !isPlainPath(path) {
		return nil, wrong("path of a key in Azure Key Vault", path)
	}
	request, err := jsonRequest(ctx, trimmed(vault)+path+"/decrypt?api-version=7.4", map[string]string{"alg": "RSA-OAEP-256", "value": wrapped})
	if err != nil {
		return nil, err
	}
	if err := a.token.authorize(request); err != nil {
		return nil, err
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := a.client.post(request, &answer); err != nil {
		return nil, err
	}
	return notEmpty(base64.RawURLEncoding.DecodeString(answer.Value))
}

package kms

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"regexp"

	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// Azure decrypts by Azure Key Vault. See
// https://learn.microsoft.com/rest/api/keyvault/keys/decrypt/decrypt.
type Azure struct {
	client *Client
	token  *bearer
}

// NewAzure decrypts by the rights of a service principal, which has a secret, or an
// assertion of another identity provider.
func NewAzure(c *Client, identity exchange.Azure) (*Azure, error) {
	if (identity.Secret == "") == (identity.Assertion == "") {
		return nil, errors.New("has to have one of clientSecret and clientAssertion")
	}
	return newAzure(c, identity)
}

// NewAzureWorkload decrypts by the rights of the identity that the cluster gave to this
// Pod, or to another client or tenant that is not "".
func NewAzureWorkload(c *Client, client, tenant string) (*Azure, error) {
	identity, err := exchange.AzureWorkload(c.getenv)
	if err != nil {
		return nil, err
	}
	identity.Client, identity.Tenant = cmp.Or(client, identity.Client), cmp.Or(tenant, identity.Tenant)
	return newAzure(c, identity)
}

func newAzure(c *Client, identity exchange.Azure) (*Azure, error) {
	identity, err := identity.Checked()
	if err != nil {
		return nil, errors.New("has no tenantId or no clientId")
	}
	return &Azure{client: c, token: c.bearer(func(ctx context.Context) (exchange.Token, error) {
		return identity.Token(ctx, c.tokens(), "https://vault.azure.net/.default")
	})}, nil
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

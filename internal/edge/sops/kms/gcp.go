package kms

import (
	"context"
	"encoding/base64"
	"regexp"

	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/exchange"
)

// GCP decrypts by Google Cloud KMS. See
// https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt.
type GCP struct {
	client *Client
	token  *bearer
}

const googleScope = "https://www.googleapis.com/auth/cloudkms"

// NewGCP reads the JSON of a service account's key.
func NewGCP(c *Client, account sealed.Text) (*GCP, error) {
	read, err := exchange.ReadGoogle(account)
	if err != nil {
		return nil, err
	}
	return &GCP{client: c, token: c.bearer(func(ctx context.Context) (exchange.Token, error) {
		return read.Token(ctx, c.tokens(), googleScope)
	})}, nil
}

// NewGCPWorkload decrypts by the rights of the identity that the cluster gave to this Pod.
func NewGCPWorkload(c *Client) (*GCP, error) {
	identity, err := exchange.NewGoogleWorkload(c.getenv)
	if err != nil {
		return nil, err
	}
	return &GCP{client: c, token: c.bearer(func(ctx context.Context) (exchange.Token, error) {
		return identity.Token(ctx, c.tokens(), c.metadata, googleScope)
	})}, nil
}

func resourceName() *regexp.Regexp {
	return regexp.MustCompile(`^projects/[A-Za-z0-9:._-]+/locations/[A-Za-z0-9-]+/keyRings/[A-Za-z0-9_-]+/cryptoKeys/[A-Za-z0-9_-]+$`)
}

// Decrypt unwraps a key that a file names.
func (g *GCP) Decrypt(ctx context.Context, name, wrapped string) ([]byte, error) {
	if !resourceName().MatchString(name) {
		return nil, wrong("name of a key in Google Cloud KMS", name)
	}
	request, err := jsonRequest(ctx, "https://cloudkms.googleapis.com/v1/"+name+":decrypt", map[string]string{"ciphertext": wrapped})
	if err != nil {
		return nil, err
	}
	if err := g.token.authorize(request); err != nil {
		return nil, err
	}
	var answer struct {
		Plaintext string `json:"plaintext"`
	}
	if err := g.client.post(request, &answer); err != nil {
		return nil, err
	}
	return notEmpty(base64.StdEncoding.DecodeString(answer.Plaintext))
}

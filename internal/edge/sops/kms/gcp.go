package kms

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
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// GCP decrypts by Google Cloud KMS. See
// https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt.
type GCP struct {
	client *Client
	token  *token
}

// googleToken is where tokens of service accounts are asked for.
const googleToken = "https://oauth2.googleapis.com/token"

// NewGCP reads the JSON of a service account's key.
func NewGCP(c *Client, account sealed.Text) (*GCP, error) {
	var read struct {
		Email string `json:"client_email"`
		KeyID string `json:"private_key_id"`
		Key   string `json:"private_key"`
	}
	if json.Unmarshal([]byte(account.Reveal()), &read) != nil || read.Email == "" {
		return nil, errors.New("is no JSON of a service account's key")
	}
	block, _ := pem.Decode([]byte(read.Key))
	if block == nil {
		return nil, errors.New("has no private key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return nil, errors.New("has a private key that cannot be read")
	}
	// See https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
	ask := func(ctx context.Context) (*http.Request, error) {
		now := c.now().Unix()
		assertion, err := signJWT(key, map[string]any{"alg": "RS256", "typ": "JWT", "kid": read.KeyID}, map[string]any{
			"iss": read.Email, "scope": "https://www.googleapis.com/auth/cloudkms", "aud": googleToken, "iat": now, "exp": now + 3600,
		})
		if err != nil {
			return nil, err
		}
		return formRequest(ctx, googleToken, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
	}
	return &GCP{client: c, token: &token{client: c, ask: ask}}, nil
}

// signJWT returns a JSON Web Token. See https://www.rfc-editor.org/rfc/rfc7519.
func signJWT(key *rsa.PrivateKey, header, claims map[string]any) (string, error) {
	head, headErr := json.Marshal(header)
	body, bodyErr := json.Marshal(claims)
	if err := errors.Join(headErr, bodyErr); err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(head) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "the service account's key cannot sign")
	}
	return text + "." + encode(signature), nil
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

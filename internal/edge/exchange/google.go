package exchange

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// GoogleAccount is the key of a service account: see
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
type GoogleAccount struct {
	Email       string
	id, address string
	key         *rsa.PrivateKey
}

// ReadGoogle reads the JSON in which Google hands out a service account's key.
func ReadGoogle(account sealed.Text) (*GoogleAccount, error) {
	var read struct {
		Email   string `json:"client_email"`
		KeyID   string `json:"private_key_id"`
		Key     string `json:"private_key"`
		Address string `json:"token_uri"`
	}
	if json.Unmarshal([]byte(account.Reveal()), &read) != nil || read.Email == "" {
		return nil, syncline.Errorf(syncline.Invalid, "it is no JSON of a service account's key")
	}
	key, err := ReadRSA("the service account's private key", sealed.Text(read.Key))
	if err != nil {
		return nil, err
	}
	address, err := Base("Google's token service", cmp.Or(read.Address, "https://oauth2.googleapis.com/token"))
	return &GoogleAccount{Email: read.Email, id: read.KeyID, key: key, address: address}, err
}

// Token asks for a token for a scope.
func (g *GoogleAccount) Token(ctx context.Context, c Client, scope string) (Token, error) {
	now := c.Now()
	assertion, err := Sign(g.key, map[string]any{"kid": g.id}, map[string]any{
		"iss": g.Email, "scope": scope, "aud": g.address, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return Token{}, err
	}
	return c.grant(ctx, g.address, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
}

// ReadRSA reads a private key in PEM, of which an error says what it is.
func ReadRSA(what string, text sealed.Text) (*rsa.PrivateKey, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(text.Reveal()))
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "%s is no RSA key in PEM", what)
	}
	return key, nil
}

// Sign returns a JSON Web Token.
func Sign(key *rsa.PrivateKey, header, claims map[string]any) (string, error) {
	made := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	maps.Copy(made.Header, header)
	signed, err := made.SignedString(key)
	if err != nil {
		return "", syncline.Errorf(syncline.Invalid, "its private key cannot sign")
	}
	return signed, nil
}

// GoogleWorkload is the identity that a cluster gave to this Pod.
type GoogleWorkload struct {
	// metadata is the server that tells a token, where federation is nil.
	metadata   string
	federation *federation
}

// federation is a configuration by which Google takes the word of another identity
// provider: see https://google.aip.dev/auth/4117.
type federation struct {
	Type             string `json:"type"`
	Audience         string `json:"audience"`
	SubjectTokenType string `json:"subject_token_type"`
	TokenURL         string `json:"token_url"`
	Impersonation    string `json:"service_account_impersonation_url"`
	Source           struct {
		File   string `json:"file"`
		Format struct {
			Type  string `json:"type"`
			Field string `json:"subject_token_field_name"`
		} `json:"format"`
	} `json:"credential_source"`
}

// NewGoogleWorkload returns the identity of this Pod: that of the external account in the
// file that GOOGLE_APPLICATION_CREDENTIALS names, or else that of the metadata server,
// which GCE_METADATA_HOST may name.
func NewGoogleWorkload(getenv func(string) string) (GoogleWorkload, error) {
	file := getenv("GOOGLE_APPLICATION_CREDENTIALS")
	if file == "" {
		return GoogleWorkload{metadata: cmp.Or(getenv("GCE_METADATA_HOST"), "169.254.169.254")}, nil
	}
	text, err := readProof(file)
	if err != nil {
		return GoogleWorkload{}, err
	}
	f := &federation{}
	if json.Unmarshal([]byte(text.Reveal()), f) != nil || f.Type != "external_account" || f.Source.File == "" {
		return GoogleWorkload{}, syncline.WithHint(
			syncline.Errorf(syncline.Invalid, "the file that GOOGLE_APPLICATION_CREDENTIALS names has no external account whose token is in a file"),
			"put the key of a service account into the Secret itself")
	}
	for what, address := range map[string]string{"the token service": f.TokenURL, "the impersonation": cmp.Or(f.Impersonation, f.TokenURL)} {
		if _, err := Base(what, address); err != nil {
			return GoogleWorkload{}, err
		}
	}
	return GoogleWorkload{federation: f}, nil
}

// Token asks for a token for a scope. Where that is for the metadata server to tell, it is
// asked by the client that may reach it.
func (g GoogleWorkload) Token(ctx context.Context, c, metadata Client, scope string) (Token, error) {
	if g.federation != nil {
		return g.federation.token(ctx, c, scope)
	}
	var answer oauth
	err := metadata.Get(ctx, "http://"+g.metadata+"/computeMetadata/v1/instance/service-accounts/default/token?scopes="+url.QueryEscape(scope),
		http.Header{"Metadata-Flavor": {"Google"}}, &answer)
	return answer.token(), err
}

// token has the word of the other provider taken, and then a service account's place, if
// the configuration says so.
func (f *federation) token(ctx context.Context, c Client, scope string) (Token, error) {
	proof, err := f.proof()
	if err != nil {
		return Token{}, err
	}
	own := scope
	if f.Impersonation != "" {
		own = "https://www.googleapis.com/auth/cloud-platform"
	}
	token, err := c.grant(ctx, f.TokenURL, url.Values{ // https://www.rfc-editor.org/rfc/rfc8693#section-2.1
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {f.Audience}, "scope": {own},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {f.SubjectTokenType}, "subject_token": {proof.Reveal()},
	})
	if err != nil || f.Impersonation == "" {
		return token, err
	}
	return f.impersonate(ctx, c, token, scope)
}

// impersonate takes the place of a service account: see
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken.
func (f *federation) impersonate(ctx context.Context, c Client, own Token, scope string) (Token, error) {
	body, err := json.Marshal(map[string]any{"scope": []string{scope}})
	if err != nil {
		return Token{}, err
	}
	var answer struct {
		Token string    `json:"accessToken"`
		Ends  time.Time `json:"expireTime"`
	}
	err = c.read(ctx, call{http.MethodPost, f.Impersonation, http.Header{
		"Authorization": {"Bearer " + own.Text.Reveal()}, "Content-Type": {"application/json"},
	}, string(body)}, &answer)
	return Token{sealed.Text(answer.Token), answer.Ends.Sub(c.Now())}, err
}

// proof reads what stands for the workload.
func (f *federation) proof() (sealed.Text, error) {
	text, err := readProof(f.Source.File)
	if err != nil || f.Source.Format.Type != "json" {
		return sealed.Text(bytes.TrimSpace([]byte(text.Reveal()))), err
	}
	var fields map[string]any
	if json.Unmarshal([]byte(text.Reveal()), &fields) == nil {
		if field, is := fields[f.Source.Format.Field].(string); is {
			return sealed.Text(field), nil
		}
	}
	return "", syncline.Errorf(syncline.Invalid, "the file of what stands for the workload has no field %q", f.Source.Format.Field)
}

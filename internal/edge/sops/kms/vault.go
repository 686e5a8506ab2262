package kms

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
)

// Vault decrypts by the transit engines of one Vault, or OpenBao. See
// https://developer.hashicorp.com/vault/api-docs/secret/transit#decrypt-data.
type Vault struct {
	Client *Client
	// Address is the one server that gets the token, as in https://vault.example.com:8200.
	Address string
	Token   sealed.Text
	// Namespace is that of the engine, "" for the root's.
	Namespace string
}

// Decrypt unwraps a key that a file says is at an address, in an engine, under a name.
func (v *Vault) Decrypt(ctx context.Context, address, engine, name, wrapped string) ([]byte, error) {
	if trimmed(address) != trimmed(v.Address) {
		return nil, syncline.Errorf(syncline.Denied, "the token is for %s, and is not sent elsewhere", v.Address)
	}
	path := "/v1/" + strings.Trim(engine, "/") + "/decrypt/" + name
	if !isPlainPath(path) {
		return nil, wrong("path of a key in Vault", path)
	}
	request, err := jsonRequest(ctx, trimmed(v.Address)+path, map[string]string{"ciphertext": wrapped})
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Vault-Token", v.Token.Reveal())
	request.Header.Set("X-Vault-Request", "true")
	if v.Namespace != "" {
		request.Header.Set("X-Vault-Namespace", v.Namespace)
	}
	var answer struct {
		Data struct {
			Plaintext string `json:"plaintext"`
		} `json:"data"`
	}
	if err := v.Client.post(request, &answer); err != nil {
		return nil, err
	}
	return notEmpty(base64.StdEncoding.DecodeString(answer.Data.Plaintext))
}

func trimmed(address string) string { return strings.TrimRight(address, "/") }

// isPlainPath reports whether a path means what it says: it leads nowhere else, and
// nothing follows it.
func isPlainPath(path string) bool {
	for part := range strings.SplitSeq(path[1:], "/") {
		if part == "" || part == "." || part == ".." || url.PathEscape(part) != part {
			return false
		}
	}
	return true
}

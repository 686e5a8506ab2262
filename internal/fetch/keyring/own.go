package keyring

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/syncline-io/syncline"
	"github.com/syncline-io/syncline/internal/base/sealed"
	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/kms"
)

// Own are the keys of whoever runs a command.
type Own struct {
	decrypter *sops.Decrypter
	keys      sops.Keys
}

// NewOwn finds the keys where the sops program does: age identities in SOPS_AGE_KEY, in
// the file that SOPS_AGE_KEY_FILE names or in sops/age/keys.txt below the user's
// configuration, an SSH key in the file that SOPS_AGE_SSH_PRIVATE_KEY_FILE names, and what
// VAULT_ADDR with VAULT_TOKEN and VAULT_CACERT, AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS and
// AZURE_CLIENT_ID say. GnuPG is not asked. What cannot be read is told with the first
// file that it might open.
func NewOwn(getenv func(string) string) Own {
	client := kms.New(kms.Options{})
	found := finder{getenv}
	var all []sops.Keys
	for _, find := range []func() (map[string]sealed.Text, error){
		found.age, found.ageFile, found.ssh, found.vault, found.aws, found.gcp, found.azure,
	} {
		data, err := find()
		if err == nil && data == nil {
			continue
		}
		var keys sops.Keys
		if err == nil {
			keys, err = sops.ReadKeys(client, "", data)
		}
		if err != nil {
			keys = sops.Unreadable(err, nil)
		}
		all = append(all, keys)
	}
	return Own{sops.New(sops.Options{}), sops.Join("", all...)}
}

// Open returns files with those that are encrypted in plaintext.
func (o Own) Open(ctx context.Context, _ string, files syncline.Tree) syncline.Tree {
	return o.decrypter.Tree(ctx, files, o.keys)
}

// finder finds keys in an environment, in the form in which Secrets hold them: nil where
// there are none.
type finder struct{ getenv func(string) string }

func (f finder) age() (map[string]sealed.Text, error) {
	if text := f.getenv("SOPS_AGE_KEY"); text != "" {
		return map[string]sealed.Text{"env.agekey": sealed.Text(text)}, nil
	}
	return nil, nil
}

func (f finder) ageFile() (map[string]sealed.Text, error) {
	if path := f.getenv("SOPS_AGE_KEY_FILE"); path != "" {
		return readEntry("file.agekey", path)
	}
	configuration, _ := os.UserConfigDir() // there may be none
	configuration = cmp.Or(f.getenv("XDG_CONFIG_HOME"), configuration)
	path := filepath.Join(configuration, "sops", "age", "keys.txt")
	if _, err := os.Stat(path); configuration == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return readEntry("file.agekey", path)
}

func (f finder) ssh() (map[string]sealed.Text, error) {
	if path := f.getenv("SOPS_AGE_SSH_PRIVATE_KEY_FILE"); path != "" {
		return readEntry("ssh.agekey", path)
	}
	return nil, nil
}

func (f finder) vault() (map[string]sealed.Text, error) {
	address, token := f.getenv("VAULT_ADDR"), f.getenv("VAULT_TOKEN")
	if address == "" || token == "" {
		return nil, nil
	}
	data := map[string]sealed.Text{}
	if path := f.getenv("VAULT_CACERT"); path != "" {
		var err error
		if data, err = readEntry("sops.vault-ca", path); err != nil {
			return nil, err
		}
	}
	data["sops.vault-address"], data["sops.vault-token"] = sealed.Text(address), sealed.Text(token)
	data["sops.vault-namespace"] = sealed.Text(f.getenv("VAULT_NAMESPACE"))
	return data, nil
}

func (f finder) aws() (map[string]sealed.Text, error) {
	return f.fields("sops.aws-kms", map[string]string{
		"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "aws_session_token": "AWS_SESSION_TOKEN",
	}, "AWS_ACCESS_KEY_ID")
}

func (f finder) gcp() (map[string]sealed.Text, error) {
	if path := f.getenv("GOOGLE_APPLICATION_CREDENTIALS"); path != "" {
		return readEntry("sops.gcp-kms", path)
	}
	return nil, nil
}

func (f finder) azure() (map[string]sealed.Text, error) {
	return f.fields("sops.azure-kv", map[string]string{
		"tenantId": "AZURE_TENANT_ID", "clientId": "AZURE_CLIENT_ID", "clientSecret": "AZURE_CLIENT_SECRET",
	}, "AZURE_CLIENT_ID")
}

// fields returns an entry with fields that variables say, if there is the one that
// matters.
func (f finder) fields(entry string, variables map[string]string, matters string) (map[string]sealed.Text, error) {
	if f.getenv(matters) == "" {
		return nil, nil
	}
	fields := map[string]string{}
	for field, variable := range variables {
		fields[field] = f.getenv(variable)
	}
	text, err := json.Marshal(fields)
	return map[string]sealed.Text{entry: sealed.Text(text)}, err
}

// readEntry returns an entry with the text of a file.
func readEntry(entry, path string) (map[string]sealed.Text, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, syncline.Errorf(syncline.Invalid, "keys cannot be read: %w", err)
	}
	return map[string]sealed.Text{entry: sealed.Text(text)}, nil
}

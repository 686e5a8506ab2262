package sops_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/syncline-io/syncline/internal/edge/sops"
	"github.com/syncline-io/syncline/internal/edge/sops/document"
)

// sealer encrypts as sops does, every text of a file, for tests.
type sealer struct {
	t       testing.TB
	dataKey []byte
	// wrapped is the field of the metadata in which the data key is.
	wrapped document.Item
}

// modified is when all that a sealer encrypts was changed last.
const modified = "2026-01-02T03:04:05Z"

// newSealer encrypts for some age recipients.
func newSealer(t testing.TB, names ...string) *sealer {
	t.Helper()
	dataKey := make([]byte, 32)
	_, _ = rand.Read(dataKey)
	list := document.List{}
	for _, name := range names {
		public := recipients(t)[name]
		recipient, err := age.ParseX25519Recipient(public)
		fatal(t, err)
		var out bytes.Buffer
		armored := armor.NewWriter(&out)
		w, err := age.Encrypt(armored, recipient)
		fatal(t, err)
		_, err = w.Write(dataKey)
		fatal(t, err)
		fatal(t, w.Close())
		fatal(t, armored.Close())
		list = append(list, document.Branch{{Key: "recipient", Value: public}, {Key: "enc", Value: out.String()}})
	}
	return &sealer{t: t, dataKey: dataKey, wrapped: document.Item{Key: "age", Value: list}}
}

// newVaultSealer wraps the data key for a key of that name in a Vault.
func newVaultSealer(t testing.TB, address, name string) *sealer {
	t.Helper()
	dataKey := make([]byte, 32)
	_, _ = rand.Read(dataKey)
	key := document.Branch{
		{Key: "vault_address", Value: address}, {Key: "engine_path", Value: "transit"}, {Key: "key_name", Value: name},
		{Key: "created_at", Value: modified}, {Key: "enc", Value: "vault:v1:" + base64.StdEncoding.EncodeToString(dataKey)},
	}
	return &sealer{t: t, dataKey: dataKey, wrapped: document.Item{Key: "hc_vault", Value: document.List{key}}}
}

func (s *sealer) value(text, place, kind string) string {
	block, err := aes.NewCipher(s.dataKey)
	fatal(s.t, err)
	gcm, err := cipher.NewGCMWithNonceSize(block, 32)
	fatal(s.t, err)
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	sealed := gcm.Seal(nil, nonce, []byte(text), []byte(place))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("ENC[AES256_GCM,data:%s,iv:%s,tag:%s,type:%s]", encode(sealed[:len(sealed)-16]), encode(nonce), encode(sealed[len(sealed)-16:]), kind)
}

// file returns an encrypted file of a plaintext whose values are all texts.
func (s *sealer) file(format document.Format, plain string) string {
	s.t.Helper()
	documents, err := document.Parse(format, []byte(plain))
	fatal(s.t, err)
	var all strings.Builder
	for _, branch := range documents {
		s.branch(branch, "", &all)
	}
	sum := sha512.Sum512([]byte(all.String()))
	metadata := document.Item{Key: "sops", Value: document.Branch{
		s.wrapped,
		{Key: "lastmodified", Value: modified},
		{Key: "mac", Value: s.value(strings.ToUpper(hex.EncodeToString(sum[:])), modified, "str")},
		{Key: "unencrypted_suffix", Value: "_unencrypted"},
		{Key: "version", Value: "3.13.3"},
	}}
	for i := range documents {
		documents[i] = append(documents[i], metadata)
	}
	text, err := document.Render(format, documents)
	fatal(s.t, err)
	return string(text)
}

func (s *sealer) branch(branch document.Branch, place string, all *strings.Builder) {
	for i, item := range branch {
		switch value := item.Value.(type) {
		case document.Branch:
			s.branch(value, place+item.Key+":", all)
		case string:
			all.WriteString(value)
			branch[i].Value = s.value(value, place+item.Key+":", "str")
		default:
			s.t.Fatalf("%q is a %T", item.Key, value)
		}
	}
}

// TestTheProgramDecryptsWhatTheTestsEncrypt holds the sealer against sops, which is run
// where it is given.
func TestTheProgramDecryptsWhatTheTestsEncrypt(t *testing.T) {
	for name, plain := range map[string]string{"a.yaml": "a: b\nc:\n    d: e\n", "a.json": "{\n\t\"a\": \"b\"\n}\n"} {
		encrypted := newSealer(t, "AGE", "SECOND").file(document.FormatOf(name), plain)
		got, err := sops.New(sops.Options{}).Decrypt(t.Context(), keys(t, "shop", "age-second.agekey"), name, []byte(encrypted))
		if err != nil || string(got) != plain {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if *program == "" {
			continue
		}
		if got := newProgram(t).decrypt(t, golden{name: name}, []byte(encrypted)); string(got) != plain {
			t.Errorf("%s: sops decrypts it to %q", name, got)
		}
	}
}

// service is a [sops.Service] of a test.
type service func(ctx context.Context, key sops.Key) ([]byte, error)

func (s service) Unwrap(ctx context.Context, key sops.Key) ([]byte, error) { return s(ctx, key) }

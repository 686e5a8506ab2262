package cosign_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign"
)

var (
	digest = "sha256:" + strings.Repeat("a", 64)
	other  = "sha256:" + strings.Repeat("b", 64)
)

// key signs as cosign does.
type key struct {
	t testing.TB
	crypto.Signer
}

func (k key) sign(over []byte) []byte {
	k.t.Helper()
	sum, options := sha256.Sum256(over), crypto.SignerOpts(crypto.SHA256)
	data := sum[:]
	if _, ok := k.Signer.(ed25519.PrivateKey); ok {
		data, options = over, crypto.Hash(0)
	}
	signature, err := k.Sign(rand.Reader, data, options)
	if err != nil {
		k.t.Fatal(err)
	}
	return signature
}

func (k key) public() string {
	k.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		k.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// simple signs the document of older versions.
func (k key) simple(document string) signing.Beside {
	k.t.Helper()
	return signing.Beside{Payload: []byte(document), Signature: base64.StdEncoding.EncodeToString(k.sign([]byte(document)))}
}

func document(kind, digest string) string {
	return fmt.Sprintf(`{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":%q},"optional":null}`, digest, kind)
}

// bundle signs a statement as version 3 does, in an envelope that change may spoil.
func (k key) bundle(statement string, change func(envelope map[string]any)) signing.Beside {
	k.t.Helper()
	const kind = "application/vnd.in-toto+json"
	over := fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(statement), statement)
	envelope := map[string]any{
		"payload": []byte(statement), "payloadType": kind, "signatures": []any{map[string]any{"sig": k.sign([]byte(over)), "keyid": ""}},
	}
	if change != nil {
		change(envelope)
	}
	text, err := json.Marshal(map[string]any{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope})
	if err != nil {
		k.t.Fatal(err)
	}
	return signing.Beside{Bundle: text}
}

func statement(kind, predicate string, digests ...string) string {
	var subjects []string
	for _, digest := range digests {
		subjects = append(subjects, fmt.Sprintf(`{"digest":{"sha256":%q}}`, strings.TrimPrefix(digest, "sha256:")))
	}
	return fmt.Sprintf(`{"_type":%q,"subject":[%s],"predicateType":%q,"predicate":{}}`, kind, strings.Join(subjects, ","), predicate)
}

func newKey(t testing.TB) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{t, private}
}

// TestVerify is a table of signatures, and of what somebody might pass off as one
// (CVE-2022-35929, CVE-2022-36056, GHSA-wfqx-gjrf-g28r).
func TestVerify(t *testing.T) {
	k, stranger := newKey(t), newKey(t)
	const (
		image  = "cosign container image signature"
		first  = "https://in-toto.io/Statement/v1"
		signed = "https://sigstore.dev/cosign/sign/v1"
	)
	good := k.simple(document(image, digest))
	goodBundle := k.bundle(statement(first, signed, digest), nil)
	all := func(signatures ...signing.Beside) []signing.Beside { return signatures }
	for name, test := range map[string]struct {
		signatures []signing.Beside
		fails      string
	}{
		"a document":                      {all(good), ""},
		"a bundle":                        {all(goodBundle), ""},
		"a good one among others":         {all(stranger.simple(document(image, digest)), signing.Beside{Bundle: []byte("{")}, good), ""},
		"none":                            {nil, "unsigned"},
		"a stranger's":                    {all(stranger.simple(document(image, digest))), "not by a key that is trusted"},
		"a stranger's bundle":             {all(stranger.bundle(statement(first, signed, digest), nil)), "not by a key that is trusted"},
		"of another artifact":             {all(k.simple(document(image, other))), "another artifact"},
		"a bundle of another artifact":    {all(k.bundle(statement(first, signed, other), nil)), "another artifact"},
		"a bundle of several":             {all(k.bundle(statement(first, signed, other, digest), nil)), "another artifact"},
		"a bundle of none":                {all(k.bundle(statement(first, signed), nil)), "another artifact"},
		"a document of another type":      {all(k.simple(document("atomic container signature", digest))), "no statement of cosign"},
		"an attestation, not a signature": {all(k.bundle(statement(first, "https://slsa.dev/provenance/v1", digest), nil)), "not that an artifact is signed"},
		"a statement of another version":  {all(k.bundle(statement("https://in-toto.io/Statement/v0.1", signed, digest), nil)), "not that an artifact is signed"},
		"a document that is none":         {all(k.simple("{")), "no statement of cosign"},
		"another document":                {all(signing.Beside{Payload: []byte(document(image, digest) + " "), Signature: good.Signature}), "not by a key"},
		"no base64":                       {all(signing.Beside{Payload: good.Payload, Signature: "%"}), "base64"},
		"no signature":                    {all(signing.Beside{Payload: good.Payload}), "not by a key"},
		"an envelope without signatures":  {all(k.bundle(statement(first, signed, digest), func(e map[string]any) { e["signatures"] = []any{} })), "one signature"},
		"an envelope of another type":     {all(k.bundle(statement(first, signed, digest), func(e map[string]any) { e["payloadType"] = "text" })), "one signature"},
		"another payload":                 {all(k.bundle(statement(first, signed, other), func(e map[string]any) { e["payload"] = []byte(statement(first, signed, digest)) })), "not by a key"},
		"a bundle without an envelope":    {all(signing.Beside{Bundle: []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`)}), "one signature"},
		"a bundle of no type":             {all(signing.Beside{Bundle: []byte(strings.Replace(string(goodBundle.Bundle), "sigstore", "x", 1))}), "cannot be read"},
	} {
		trust, err := cosign.Read(signing.Artifact{Keys: map[string]string{"cosign.pub": k.public()}})
		if err != nil {
			t.Fatal(err)
		}
		err = trust.Verify(digest, test.signatures)
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %v, want %q", name, err, test.fails)
		}
		if (&cosign.Trust{}).Verify(digest, test.signatures) == nil {
			t.Errorf("%s: verified without a key", name)
		}
	}
}

func TestReadKeys(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []key{newKey(t), {t, edwards}, {t, long}} {
		keys, err := cosign.Read(signing.Artifact{Keys: map[string]string{"a": k.public(), "b": newKey(t).public()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Verify(digest, []signing.Beside{k.simple(document("cosign container image signature", digest))}); err != nil {
			t.Errorf("%T: %v", k.Signer, err)
		}
	}
	for name, file := range map[string]string{
		"nothing": "", "text": "x", "two": newKey(t).public() + newKey(t).public(),
		"another block": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})),
		"no key":        string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})),
	} {
		_, err := cosign.Read(signing.Artifact{Keys: map[string]string{"good": newKey(t).public(), "cosign.pub": file}})
		if err == nil || !strings.Contains(err.Error(), "cosign.pub") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBundle(f *testing.F) {
	k := newKey(f)
	f.Add(k.bundle(statement("https://in-toto.io/Statement/v1", "https://sigstore.dev/cosign/sign/v1", digest), nil).Bundle, []byte(document("x", digest)), "aaaa")
	keys, err := cosign.Read(signing.Artifact{Keys: map[string]string{"cosign.pub": newKey(f).public()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, bundle, payload []byte, signature string) {
		bound.Limits{}.Run(t, func() {
			if keys.Verify(digest, []signing.Beside{{Bundle: bundle}, {Payload: payload, Signature: signature}}) == nil {
				t.Error("verified")
			}
		})
	})
}

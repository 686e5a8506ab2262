package sigstoretest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/syncline-io/syncline/internal/base/signing"
)

// How says how something is signed. The zero value is by Jane, long ago, with a promise
// and a proof of the log.
type How struct {
	// Subject and Issuer are who signs. Default: jane@example.com by
	// https://accounts.example.com.
	Subject, Issuer string
	// At is when the certificate is issued, for ten minutes, and Logged when the log
	// takes the signature. Default: a day after [Since], a minute later.
	At, Logged time.Time
	// Unpublished leaves the certificate out of the log of certificates.
	Unpublished bool
	// Change changes the certificate before it is issued.
	Change func(certificate *x509.Certificate)
	// Log takes the signature. Default: that of the Sigstore.
	Log *Log
	// Second is for version 2 of Rekor, which signs no time.
	Second bool
	// Stamped is when the timestamp authority sees the signature. Default: never.
	Stamped time.Time
}

// Signature is a signature with everything that comes with it, for tests to spoil.
type Signature struct {
	s                  *Sigstore
	key                *ecdsa.PrivateKey
	over               []byte
	Bytes, Certificate []byte
	Payload            []byte
	// Entry may be nil, and Stamps none.
	Entry  Entry
	Stamps [][]byte
}

const statementMedia = "application/vnd.in-toto+json"

// Simple signs a digest as versions of cosign up to 2 do.
func (s *Sigstore) Simple(digest string, how How) *Signature {
	s.t.Helper()
	document := fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
	return s.sign(document, document, how)
}

// Bundle signs a digest as version 3 does.
func (s *Sigstore) Bundle(digest string, how How) *Signature {
	s.t.Helper()
	statement := fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}`,
		strings.TrimPrefix(digest, "sha256:"))
	return s.sign(statement, fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(statementMedia), statementMedia, len(statement), statement), how)
}

func (s *Sigstore) sign(payload, over []byte, how How) *Signature {
	s.t.Helper()
	how.Subject = cmp.Or(how.Subject, "jane@example.com")
	how.Issuer = cmp.Or(how.Issuer, "https://accounts.example.com")
	if how.At.IsZero() {
		how.At = Since().AddDate(0, 0, 1)
	}
	if how.Logged.IsZero() {
		how.Logged = how.At.Add(time.Minute)
	}
	key := newKey(s.t)
	made := &Signature{s: s, key: key, over: over, Payload: payload, Bytes: sign(s.t, key, over), Certificate: s.leaf(how, key.Public())}
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate})
	sum, ofPayload := sha256.Sum256(over), sha256.Sum256(payload)
	log, kind, version, spec := s.log, "hashedrekord", "0.0.1", map[string]any{
		"data":      map[string]any{"hash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}},
		"signature": map[string]any{"content": made.Bytes, "publicKey": map[string]any{"content": inPEM}},
	}
	switch {
	case how.Second:
		log, version, spec = s.log2, "0.0.2", map[string]any{"hashedRekordV002": map[string]any{
			"data": map[string]any{"algorithm": "SHA2_256", "digest": sum[:]},
			"signature": map[string]any{"content": made.Bytes, "verifier": map[string]any{
				"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": map[string]any{"rawBytes": made.Certificate},
			}},
		}}
	case len(over) != len(payload):
		kind, spec = "dsse", map[string]any{
			"envelopeHash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])},
			"payloadHash":  map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(ofPayload[:])},
			"signatures":   []any{map[string]any{"signature": made.Bytes, "verifier": inPEM}},
		}
	}
	if how.Log != nil {
		log = how.Log
	}
	body, err := json.Marshal(map[string]any{"apiVersion": version, "kind": kind, "spec": spec})
	must(s.t, err)
	made.Entry = log.take(kind, version, body, how.Logged)
	if !how.Stamped.IsZero() {
		made.Stamps = append(made.Stamps, s.Stamp(made.Bytes, how.Stamped))
	}
	return made
}

// Again signs the same once more by the same key, which no log has.
func (m *Signature) Again() {
	m.s.t.Helper()
	m.Bytes = sign(m.s.t, m.key, m.over)
}

// Log is the log of signatures.
func (s *Sigstore) Log() *Log { return s.log }

// Stamp has the timestamp authority say that it saw a signature.
func (s *Sigstore) Stamp(signature []byte, at time.Time) []byte {
	s.t.Helper()
	sum := sha256.Sum256(signature)
	stamp := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at, Policy: []int{1, 2, 3}, AddTSACertificate: true,
	}
	answer, err := stamp.CreateResponseWithOpts(s.stamper.cert, s.stamper.key, crypto.SHA256)
	must(s.t, err)
	return answer
}

// AsBundle is the signature as version 3 of cosign keeps it.
func (m *Signature) AsBundle() signing.Beside {
	m.s.t.Helper()
	material := map[string]any{"certificate": map[string]any{"rawBytes": m.Certificate}}
	if m.Entry != nil {
		material["tlogEntries"] = []any{m.Entry}
	}
	var stamps []any
	for _, stamp := range m.Stamps {
		stamps = append(stamps, map[string]any{"signedTimestamp": stamp})
	}
	material["timestampVerificationData"] = map[string]any{"rfc3161Timestamps": stamps}
	text, err := json.Marshal(map[string]any{
		"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material,
		"dsseEnvelope": map[string]any{"payload": m.Payload, "payloadType": statementMedia, "signatures": []any{map[string]any{"sig": m.Bytes}}},
	})
	must(m.s.t, err)
	return signing.Beside{Bundle: text}
}

// AsLayer is the signature as versions up to 2 keep it.
func (m *Signature) AsLayer() signing.Beside {
	m.s.t.Helper()
	beside := signing.Beside{
		Payload: m.Payload, Signature: base64.StdEncoding.EncodeToString(m.Bytes),
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate})),
	}
	if promise, ok := m.Entry["inclusionPromise"].(map[string]any); ok {
		id, _ := m.Entry["logId"].(map[string]any)["keyId"].([]byte)
		text, err := json.Marshal(map[string]any{"SignedEntryTimestamp": promise["signedEntryTimestamp"], "Payload": map[string]any{
			"body": m.Entry["canonicalizedBody"], "logID": hex.EncodeToString(id), "logIndex": 5, "integratedTime": json.RawMessage(fmt.Sprint(m.Entry["integratedTime"])),
		}})
		must(m.s.t, err)
		beside.Entry = string(text)
	}
	if len(m.Stamps) > 0 {
		text, err := json.Marshal(map[string]any{"SignedRFC3161Timestamp": m.Stamps[0]})
		must(m.s.t, err)
		beside.Stamp = string(text)
	}
	return beside
}

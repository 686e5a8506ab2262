// Package sigstoretest has a Sigstore of its own for tests: a certificate authority, a log,
// a log of certificates and a timestamp authority, whose keys are made anew each time. It
// writes what the real ones would, without the code that is tested.
package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
	ctx509 "github.com/google/certificate-transparency-go/x509"
)

// Sigstore is a Sigstore of its own.
type Sigstore struct {
	t              testing.TB
	root, between  certified
	stamper        certified
	log, log2      *Log
	certificateLog *ecdsa.PrivateKey
}

// certified is a key with a certificate.
type certified struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// Since is when everything of a Sigstore was trusted first.
func Since() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

// New makes one.
func New(t testing.TB) *Sigstore {
	t.Helper()
	s := &Sigstore{t: t, certificateLog: newKey(t)}
	authority := func(name string, by *certified, change func(*x509.Certificate)) certified {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{name}},
			NotBefore: Since(), NotAfter: Since().AddDate(20, 0, 0), KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		}
		change(template)
		one := certified{key: newKey(t), cert: template}
		if by == nil {
			by = &one
		}
		one.cert = s.certify(template, *by, &one.key.PublicKey)
		return one
	}
	s.root = authority("root", nil, func(*x509.Certificate) {})
	s.between = authority("between", &s.root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} })
	s.stamper = authority("stamper", &s.root, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		must(t, err)
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	})
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	s.log = &Log{t: t, name: "rekor.example.com", key: newKey(t)}
	s.log2 = &Log{t: t, name: "log2.example.com", key: edwards}
	return s
}

// TrustedRoot is the trusted_root.json of it, which a function may change.
func (s *Sigstore) TrustedRoot(change func(root map[string]any)) string {
	s.t.Helper()
	valid := map[string]any{"start": Since()}
	log := func(address string, key crypto.PublicKey, details string, id []byte) map[string]any {
		der, err := x509.MarshalPKIXPublicKey(key)
		must(s.t, err)
		if id == nil {
			sum := sha256.Sum256(der)
			id = sum[:]
		}
		return map[string]any{
			"baseUrl": address, "hashAlgorithm": "SHA2_256", "logId": map[string]any{"keyId": id},
			"publicKey": map[string]any{"rawBytes": der, "keyDetails": details, "validFor": valid},
		}
	}
	chain := func(certificates ...*x509.Certificate) map[string]any {
		var raw []any
		for _, certificate := range certificates {
			raw = append(raw, map[string]any{"rawBytes": certificate.Raw})
		}
		return map[string]any{"uri": "https://authority.example.com", "certChain": map[string]any{"certificates": raw}, "validFor": valid}
	}
	const ec = "PKIX_ECDSA_P256_SHA_256"
	root := map[string]any{
		"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs": []any{
			log("https://"+s.log.name, s.log.key.Public(), ec, s.log.id()),
			log("https://"+s.log2.name, s.log2.key.Public(), "PKIX_ED25519", s.log2.id()),
		},
		"ctlogs":                 []any{log("https://ctlog.example.com", s.certificateLog.Public(), ec, nil)},
		"certificateAuthorities": []any{chain(s.between.cert, s.root.cert)},
		"timestampAuthorities":   []any{chain(s.stamper.cert, s.root.cert)},
	}
	if change != nil {
		change(root)
	}
	text, err := json.Marshal(root)
	must(s.t, err)
	return string(text)
}

// certify issues a certificate.
func (s *Sigstore) certify(template *x509.Certificate, by certified, key crypto.PublicKey) *x509.Certificate {
	s.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key, by.key)
	must(s.t, err)
	read, err := x509.ParseCertificate(der)
	must(s.t, err)
	return read
}

// leaf issues the certificate of somebody for ten minutes, with a stamp of the log of
// certificates.
func (s *Sigstore) leaf(how How, key crypto.PublicKey) []byte {
	s.t.Helper()
	issuer, err := asn1.MarshalWithParams(how.Issuer, "utf8")
	must(s.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: how.At, NotAfter: how.At.Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(how.Issuer)},
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: issuer},
		},
	}
	if address, err := url.Parse(how.Subject); err == nil && strings.Contains(how.Subject, "://") {
		template.URIs = []*url.URL{address}
	} else {
		template.EmailAddresses = []string{how.Subject}
	}
	if how.Change != nil {
		how.Change(template)
	}
	if how.Unpublished {
		return s.certify(template, s.between, key).Raw
	}
	template.ExtraExtensions = append(template.ExtraExtensions, s.publish(s.certify(template, s.between, key), how.At))
	return s.certify(template, s.between, key).Raw
}

// publish returns the stamp of the log of certificates for one that is about to be issued.
func (s *Sigstore) publish(draft *x509.Certificate, at time.Time) pkix.Extension {
	s.t.Helper()
	stamp := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, Timestamp: uint64(at.UnixMilli())} //nolint:gosec // it is not before 1970
	der, err := x509.MarshalPKIXPublicKey(s.certificateLog.Public())
	must(s.t, err)
	stamp.LogID.KeyID = sha256.Sum256(der)
	entry := ct.LogEntry{Leaf: ct.MerkleTreeLeaf{Version: ct.V1, LeafType: ct.TimestampedEntryLeafType, TimestampedEntry: &ct.TimestampedEntry{
		EntryType: ct.PrecertLogEntryType, Timestamp: stamp.Timestamp,
		PrecertEntry: &ct.PreCert{IssuerKeyHash: sha256.Sum256(s.between.cert.RawSubjectPublicKeyInfo), TBSCertificate: draft.RawTBSCertificate},
	}}}
	over, err := ct.SerializeSCTSignatureInput(stamp, entry)
	must(s.t, err)
	stamp.Signature = ct.DigitallySigned{
		Algorithm: tls.SignatureAndHashAlgorithm{Hash: tls.SHA256, Signature: tls.ECDSA}, Signature: sign(s.t, s.certificateLog, over),
	}
	raw, err := tls.Marshal(stamp)
	must(s.t, err)
	list, err := tls.Marshal(ctx509.SignedCertificateTimestampList{SCTList: []ctx509.SerializedSCT{{Val: raw}}})
	must(s.t, err)
	value, err := asn1.Marshal(list)
	must(s.t, err)
	return pkix.Extension{Id: asn1.ObjectIdentifier(ctx509.OIDExtensionCTSCT), Value: value}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// sign signs as all of a Sigstore do: over a SHA-256, or with Ed25519 over everything.
func sign(t testing.TB, key crypto.Signer, over []byte) []byte {
	t.Helper()
	sum, options := sha256.Sum256(over), crypto.SignerOpts(crypto.SHA256)
	data := sum[:]
	if _, ok := key.(ed25519.PrivateKey); ok {
		data, options = over, crypto.Hash(0)
	}
	signature, err := key.Sign(rand.Reader, data, options)
	must(t, err)
	return signature
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

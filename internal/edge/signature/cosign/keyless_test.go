package cosign_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/signing"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign"
	"github.com/syncline-io/syncline/internal/edge/signature/cosign/sigstoretest"
)

// jane is who may sign in these tests.
func jane(root string) signing.Artifact {
	return signing.Artifact{
		Identities:  []signing.Identity{{Issuer: "^https://accounts\\.example\\.com$", Subject: "^jane@example\\.com$"}},
		TrustedRoot: root, Field: "spec.verify",
	}
}

// keyless is a signature without a key of one's own, or what somebody might pass off as one.
type keyless struct {
	how   sigstoretest.How
	spoil func(m *sigstoretest.Signature)
	// fails is why it does not count.
	fails string
	// only is the form that the case is about; "" are both.
	only string
	// stricter says why cosign accepts it all the same.
	stricter string
}

// identities are signatures in both forms. Some are in the real programs' advisories:
// entries of other signatures (CVE-2022-36056, CVE-2026-22703), parts that cannot be read
// (CVE-2022-35929), keys outside their time (CVE-2026-54787), authorities that expired
// (CVE-2026-24122), and more than a verifier should look at (CVE-2024-45395).
func identities(s, stranger *sigstoretest.Sigstore) map[string]keyless {
	day := sigstoretest.Since().AddDate(0, 0, 1)
	late := day.Add(time.Hour)
	inProof := func(m *sigstoretest.Signature) map[string]any { return m.Entry["inclusionProof"].(map[string]any) }
	return map[string]keyless{
		"logged in its time":        {},
		"with a time stamp besides": {how: sigstoretest.How{Stamped: day.Add(time.Minute)}},
		"a workflow":                {how: sigstoretest.How{Subject: "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main"}, fails: `by "https://github.com/team/app/.github/workflows/release.yml@refs/heads/main" of issuer "https://accounts.example.com", who may not sign`},
		"another subject":           {how: sigstoretest.How{Subject: "jane@example.community"}, fails: `by "jane@example.community"`},
		"another issuer":            {how: sigstoretest.How{Issuer: "https://accounts.example.com.evil.example"}, fails: "who may not sign"},
		"logged when it had expired": {
			how: sigstoretest.How{Logged: late}, fails: "its certificate was not valid when it was signed, at 2024-01-02T01:00:00Z",
		},
		"logged before it was valid":    {how: sigstoretest.How{Logged: day.Add(-time.Hour)}, fails: "not valid when it was signed"},
		"logged in time, stamped late":  {how: sigstoretest.How{Stamped: late}, fails: "not valid when it was signed"},
		"stamped in time, logged late":  {how: sigstoretest.How{Logged: late, Stamped: day.Add(time.Minute)}, fails: "not valid when it was signed"},
		"stamped for another signature": {spoil: func(m *sigstoretest.Signature) { m.Entry = nil; m.Stamps = [][]byte{s.Stamp([]byte("x"), day)} }, fails: "no log that the trusted root knows has it"},
		"without an entry":              {how: sigstoretest.How{Stamped: day.Add(time.Minute)}, spoil: func(m *sigstoretest.Signature) { m.Entry = nil }, fails: "no log that the trusted root knows has it"},
		"an entry of another log":       {how: sigstoretest.How{Log: stranger.Log()}, fails: "no log that the trusted root knows has it"},
		"an entry that passes for one of another log": {
			how: sigstoretest.How{Log: stranger.Log()},
			spoil: func(m *sigstoretest.Signature) {
				m.Entry["logId"] = s.Bundle(digest, sigstoretest.How{}).Entry["logId"]
				delete(m.Entry, "inclusionProof")
			}, fails: "is not signed by it",
		},
		"a promise of another time": {spoil: func(m *sigstoretest.Signature) { m.Entry["integratedTime"] = "1704153601" }, fails: "is not signed by it"},
		"a promise for another entry": {
			spoil: func(m *sigstoretest.Signature) {
				m.Entry["inclusionPromise"] = s.Bundle(digest, sigstoretest.How{}).Entry["inclusionPromise"]
			}, fails: "is not signed by it",
		},
		"the entry of another signature": {
			spoil: func(m *sigstoretest.Signature) {
				m.Entry = s.Bundle(digest, sigstoretest.How{}).Entry
				delete(m.Entry, "inclusionProof")
			}, fails: "an entry of the log is of another signature",
		},
		"another signature by the same key": {
			spoil: func(m *sigstoretest.Signature) { m.Again() }, fails: "an entry of the log is of another signature",
		},
		"a checkpoint that a witness signed besides": {
			how: sigstoretest.How{Second: true, Stamped: day.Add(time.Minute)},
			spoil: func(m *sigstoretest.Signature) {
				checkpoint := inProof(m)["checkpoint"].(map[string]any)
				checkpoint["envelope"] = checkpoint["envelope"].(string) + "\u2014 witness.example.com " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n"
			}, only: "bundle",
		},
		"an entry of another kind": {
			spoil: func(m *sigstoretest.Signature) {
				body := []byte(`{"kind":"rekord","apiVersion":"0.0.1","spec":{}}`)
				m.Entry["canonicalizedBody"] = body
				m.Entry["inclusionPromise"] = map[string]any{"signedEntryTimestamp": s.Log().Promise(body, day.Add(time.Minute))}
				delete(m.Entry, "inclusionProof")
			}, fails: "of a kind that is not read",
		},
		"an entry that cannot be read": {
			spoil: func(m *sigstoretest.Signature) {
				body := []byte(`{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":1}}`)
				m.Entry["canonicalizedBody"] = body
				m.Entry["inclusionPromise"] = map[string]any{"signedEntryTimestamp": s.Log().Promise(body, day.Add(time.Minute))}
				delete(m.Entry, "inclusionProof")
			}, fails: "an entry of the log cannot be read",
		},
		"a proof that was tampered with": {
			spoil: func(m *sigstoretest.Signature) { inProof(m)["hashes"].([][]byte)[0][0] ^= 1 },
			fails: "the proof that an entry is in the log does not hold", only: "bundle",
		},
		"a proof of another place": {
			spoil: func(m *sigstoretest.Signature) { inProof(m)["logIndex"] = "4" },
			fails: "does not hold", only: "bundle",
		},
		"a checkpoint that nobody signed": {
			spoil: func(m *sigstoretest.Signature) {
				checkpoint := inProof(m)["checkpoint"].(map[string]any)
				checkpoint["envelope"] = strings.Replace(checkpoint["envelope"].(string), "\n7\n", "\n6\n", 1)
			}, fails: "the checkpoint of a proof is not signed by the log", only: "bundle",
		},
		"a proof without a promise": {
			spoil: func(m *sigstoretest.Signature) { delete(m.Entry, "inclusionPromise") },
			fails: "nothing that the trusted root knows says when it was signed", only: "bundle",
		},
		"a proof without a promise, and a time stamp": {
			how:   sigstoretest.How{Stamped: day.Add(time.Minute)},
			spoil: func(m *sigstoretest.Signature) { delete(m.Entry, "inclusionPromise") }, only: "bundle",
		},
		"neither a proof nor a promise": {
			spoil: func(m *sigstoretest.Signature) {
				delete(m.Entry, "inclusionPromise")
				delete(m.Entry, "inclusionProof")
			}, fails: "neither a promise nor a proof", only: "bundle",
		},
		"a log of version 2":                      {how: sigstoretest.How{Second: true, Stamped: day.Add(time.Minute)}, only: "bundle"},
		"a log of version 2, without a stamp":     {how: sigstoretest.How{Second: true}, fails: "says when it was signed", only: "bundle"},
		"a log of version 2, and a late stamp":    {how: sigstoretest.How{Second: true, Stamped: late}, fails: "not valid when it was signed", only: "bundle"},
		"a log of version 2, and another's stamp": {how: sigstoretest.How{Second: true}, spoil: func(m *sigstoretest.Signature) { m.Stamps = [][]byte{stranger.Stamp(m.Bytes, day)} }, fails: "a time stamp is not good", only: "bundle"},
		"too many stamps": {
			spoil: func(m *sigstoretest.Signature) { m.Stamps = make([][]byte, 9) }, fails: "more than", only: "bundle",
			stricter: "it reads 32",
		},
		"from before the keys of the log counted": {
			how: sigstoretest.How{At: sigstoretest.Since().AddDate(0, 0, -1)}, fails: "the key of the log was not valid when it was signed",
		},
		"not in the log of certificates": {how: sigstoretest.How{Unpublished: true}, fails: "no log of certificates"},
		"by another authority": {
			spoil: func(m *sigstoretest.Signature) {
				other := stranger.Bundle(digest, sigstoretest.How{Log: s.Log()})
				*m = *other
			}, fails: "certificate was not valid", only: "bundle",
		},
		"a certificate for something else": {
			how:   sigstoretest.How{Change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
			fails: "incompatible key usage",
		},
		"a certificate of two": {
			how: sigstoretest.How{Change: func(c *x509.Certificate) {
				c.URIs = []*url.URL{{Scheme: "https", Host: "example.com"}}
			}}, fails: "names 2 subjects",
		},
		"a certificate of nobody": {
			how: sigstoretest.How{Change: func(c *x509.Certificate) { c.EmailAddresses = nil }}, fails: "names no subject and issuer",
		},
		"a certificate of a machine": {
			how: sigstoretest.How{Change: func(c *x509.Certificate) {
				c.EmailAddresses, c.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1)}
			}}, fails: "a subject of a kind that is not read",
		},
		"a certificate of a user": {
			how:   sigstoretest.How{Change: named(1, 3, 6, 1, 4, 1, 57264, 1, 7)},
			fails: `by "jane!example.com" of issuer "https://accounts.example.com"`,
		},
		"a certificate of another kind of user": {
			how: sigstoretest.How{Change: named(1, 3, 6, 1, 4, 1, 311, 20, 2, 3)}, fails: "a subject of a kind that is not read",
		},
		"a certificate without an issuer": {
			how: sigstoretest.How{Change: func(c *x509.Certificate) { c.ExtraExtensions = nil }}, fails: "names no subject and issuer",
		},
		"a certificate of the older kind": {
			how: sigstoretest.How{Change: func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[:1] }},
		},
		"another certificate": {
			spoil: func(m *sigstoretest.Signature) { m.Certificate = s.Bundle(digest, sigstoretest.How{}).Certificate },
			fails: "an entry of the log is of another signature",
		},
		"no certificate":                    {spoil: func(m *sigstoretest.Signature) { m.Certificate = nil }, fails: "certificate"},
		"a certificate that cannot be read": {spoil: func(m *sigstoretest.Signature) { m.Certificate = []byte("x") }, fails: "its certificate cannot be read"},
		"another payload": {
			spoil: func(m *sigstoretest.Signature) { m.Payload = bytes.ReplaceAll(m.Payload, []byte("a"), []byte("b")) },
			fails: "an entry of the log is of another signature",
		},
	}
}

// TestIdentities is the table of identities.
func TestIdentities(t *testing.T) {
	s, stranger := sigstoretest.New(t), sigstoretest.New(t)
	for name, test := range identities(s, stranger) {
		for form, beside := range map[string]func() signing.Beside{
			"bundle": func() signing.Beside { return spoiled(s.Bundle(digest, test.how), test.spoil).AsBundle() },
			"layer":  func() signing.Beside { return spoiled(s.Simple(digest, test.how), test.spoil).AsLayer() },
		} {
			if test.only != "" && test.only != form {
				continue
			}
			trust, err := cosign.Read(jane(s.TrustedRoot(nil)))
			if err != nil {
				t.Fatal(err)
			}
			err = trust.Verify(digest, []signing.Beside{beside()})
			if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s, as a %s: %v, want %q", name, form, err, test.fails)
			}
			if err := trust.Verify(other, []signing.Beside{beside()}); err == nil {
				t.Errorf("%s, as a %s: verified for another artifact", name, form)
			}
		}
	}
}

// named writes a user of a kind into a certificate, and nobody else.
func named(kind ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		type user struct {
			ID   asn1.ObjectIdentifier
			Name string `asn1:"explicit,tag:0,utf8"`
		}
		name, err := asn1.MarshalWithParams(user{kind, "jane!example.com"}, "tag:0")
		if err != nil {
			panic(err)
		}
		value, err := asn1.Marshal([]asn1.RawValue{{FullBytes: name}})
		if err != nil {
			panic(err)
		}
		c.EmailAddresses = nil
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: value})
	}
}

func spoiled(m *sigstoretest.Signature, spoil func(*sigstoretest.Signature)) *sigstoretest.Signature {
	if spoil != nil {
		spoil(m)
	}
	return m
}

// TestTrustedRoot: what a trusted root does not have is not asked for, but a time always is.
func TestTrustedRoot(t *testing.T) {
	s := sigstoretest.New(t)
	day := sigstoretest.Since().AddDate(0, 0, 1)
	without := func(fields ...string) func(map[string]any) {
		return func(root map[string]any) {
			for _, field := range fields {
				delete(root, field)
			}
		}
	}
	first := func(root map[string]any, field string) map[string]any { return root[field].([]any)[0].(map[string]any) }
	ended := map[string]any{"start": sigstoretest.Since(), "end": day.Add(-time.Second)}
	for name, test := range map[string]struct {
		root  func(map[string]any)
		how   sigstoretest.How
		fails string
	}{
		"no log of certificates":           {root: without("ctlogs"), how: sigstoretest.How{Unpublished: true}},
		"no log, and a time stamp":         {root: without("tlogs"), how: sigstoretest.How{Stamped: day.Add(time.Minute)}},
		"no log, and no time stamp":        {root: without("tlogs"), fails: "nothing that the trusted root knows says when"},
		"no stamper, and an entry":         {root: without("timestampAuthorities")},
		"a log that ended before":          {root: func(root map[string]any) { first(root, "tlogs")["publicKey"].(map[string]any)["validFor"] = ended }, fails: "the key of the log was not valid"},
		"a log of certificates that ended": {root: func(root map[string]any) { first(root, "ctlogs")["publicKey"].(map[string]any)["validFor"] = ended }, fails: "no log of certificates"},
		"an authority that ended":          {root: func(root map[string]any) { first(root, "certificateAuthorities")["validFor"] = ended }, fails: "no authority of the trusted root was trusted when it was signed"},
		"a stamper that ended": {
			root: func(root map[string]any) {
				delete(root, "tlogs")
				first(root, "timestampAuthorities")["validFor"] = ended
			},
			how: sigstoretest.How{Stamped: day.Add(time.Minute)}, fails: "from when its authority was not trusted",
		},
		"another Sigstore": {root: func(root map[string]any) {
			var another map[string]any
			if err := json.Unmarshal([]byte(sigstoretest.New(t).TrustedRoot(nil)), &another); err != nil {
				t.Fatal(err)
			}
			for field := range root {
				root[field] = another[field]
			}
		}, fails: "no log that the trusted root knows has it"},
		"no time at all":        {root: without("tlogs", "timestampAuthorities"), fails: "neither a log nor a timestamp authority"},
		"no authority":          {root: without("certificateAuthorities"), fails: "no certificate authority"},
		"another file":          {root: func(root map[string]any) { root["mediaType"] = "x" }, fails: "it is no trusted_root.json"},
		"a key that is none":    {root: func(root map[string]any) { first(root, "tlogs")["publicKey"] = map[string]any{} }, fails: "tlogs[0].publicKey is none"},
		"a log without a start": {root: func(root map[string]any) { delete(first(root, "tlogs")["publicKey"].(map[string]any), "validFor") }, fails: "validFor.start"},
		"a log twice":           {root: func(root map[string]any) { root["tlogs"] = []any{first(root, "tlogs"), first(root, "tlogs")} }, fails: "that of another log"},
		"too many logs":         {root: func(root map[string]any) { root["tlogs"] = make([]any, 101) }, fails: "more than 100"},
		"an empty chain":        {root: func(root map[string]any) { first(root, "certificateAuthorities")["certChain"] = map[string]any{} }, fails: "is empty"},
	} {
		trust, err := cosign.Read(jane(s.TrustedRoot(test.root)))
		if err == nil {
			err = trust.Verify(digest, []signing.Beside{s.Bundle(digest, test.how).AsBundle()})
		}
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %v, want %q", name, err, test.fails)
		}
	}
	if _, err := cosign.Read(jane("")); err != nil {
		t.Error("sigstore.dev:", err)
	}
}

// TestRules: what cannot be read of a rule is refused with what to write.
func TestRules(t *testing.T) {
	for name, test := range map[string]struct {
		rule signing.Artifact
		says string
	}{
		"nobody":                {signing.Artifact{}, "it names nobody who may sign"},
		"notation":              {signing.Artifact{Provider: signing.Notation, Keys: map[string]string{"a": "b"}}, "signatures of notation cannot be verified"},
		"another provider":      {signing.Artifact{Provider: "gpg", Keys: map[string]string{"a": "b"}}, `provider "gpg" is not known`},
		"no issuer":             {signing.Artifact{Identities: []signing.Identity{{Subject: "x"}}}, "the issuer of identity 1"},
		"no subject":            {signing.Artifact{Identities: []signing.Identity{{Issuer: "x"}}}, "the subject of identity 1"},
		"no regular expression": {signing.Artifact{Identities: []signing.Identity{{Issuer: "(", Subject: "x"}}}, `no regular expression: "("`},
		"too many":              {signing.Artifact{Identities: make([]signing.Identity, 101)}, "more than 100"},
	} {
		if _, err := cosign.Read(test.rule); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

// TestOfMany: of many that are not good the error names a few, and a good one is found.
func TestOfMany(t *testing.T) {
	s := sigstoretest.New(t)
	trust, err := cosign.Read(jane(s.TrustedRoot(nil)))
	if err != nil {
		t.Fatal(err)
	}
	var many []signing.Beside
	for i := range 50 {
		many = append(many, s.Simple(digest, sigstoretest.How{Subject: strings.Repeat("x", i+1) + "@example.com"}).AsLayer())
	}
	if err := trust.Verify(digest, many); err == nil || len(err.Error()) > 2000 || !strings.HasSuffix(err.Error(), "there are more") {
		t.Errorf("the error is %v", err)
	}
	if err := trust.Verify(digest, append(many, s.Bundle(digest, sigstoretest.How{}).AsBundle())); err != nil {
		t.Error(err)
	}
}

func FuzzIdentity(f *testing.F) {
	s := sigstoretest.New(f)
	day := sigstoretest.Since().AddDate(0, 0, 1)
	trust, err := cosign.Read(signing.Artifact{
		Identities: []signing.Identity{{Issuer: "^nobody$", Subject: "^nobody$"}}, TrustedRoot: s.TrustedRoot(func(root map[string]any) { delete(root, "tlogs") }),
	})
	if err != nil {
		f.Fatal(err)
	}
	bundle, layer := s.Bundle(digest, sigstoretest.How{Stamped: day}), s.Simple(digest, sigstoretest.How{Stamped: day}).AsLayer()
	f.Add(bundle.AsBundle().Bundle, layer.Certificate, layer.Entry, layer.Stamp, bundle.Stamps[0])
	f.Fuzz(func(t *testing.T, bundle []byte, certificate, entry, stamp string, stamped []byte) {
		bound.Limits{}.Run(t, func() {
			stampOf, err := json.Marshal(map[string]any{"SignedRFC3161Timestamp": stamped})
			if err != nil {
				t.Fatal(err)
			}
			if trust.Verify(digest, []signing.Beside{
				{Bundle: bundle},
				{Payload: layer.Payload, Signature: layer.Signature, Certificate: certificate, Entry: entry, Stamp: stamp},
				{Payload: layer.Payload, Signature: layer.Signature, Certificate: layer.Certificate, Stamp: string(stampOf)},
			}) == nil {
				t.Error("verified")
			}
		})
	})
}

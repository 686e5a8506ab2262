package openpgp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/signature/openpgp"
)

const payload = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nmessage\n"

// lab has GnuPG.
type lab struct {
	*testenv.Signing
	t *testing.T
}

func newLab(t *testing.T) lab {
	t.Helper()
	signing, err := testenv.NewSigning()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = signing.Close() })
	return lab{signing, t}
}

func (l lab) key(user, algorithm, life string) string {
	l.t.Helper()
	fingerprint, err := l.NewGPGKey(l.t.Context(), user, algorithm, life)
	if err != nil {
		l.t.Fatal(err)
	}
	return fingerprint
}

func (l lab) gpg(stdin string, args ...string) string {
	l.t.Helper()
	printed, err := l.GPG(l.t.Context(), []byte(stdin), args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(printed)
}

func (l lab) sign(key, text string, args ...string) string {
	l.t.Helper()
	return l.gpg(text, append(args, "--armor", "--detach-sign", "--local-user", key)...)
}

func (l lab) ring(keys ...string) *openpgp.Keyring {
	l.t.Helper()
	armored := map[string]string{}
	for _, key := range keys {
		armored[key[24:]] = l.gpg("", "--armor", "--export", key)
	}
	ring, err := openpgp.Read(armored)
	if err != nil {
		l.t.Fatal(err)
	}
	return ring
}

// TestVerify is a table of what GnuPG made, and how somebody might pass something else
// off as that.
func TestVerify(t *testing.T) {
	l := newLab(t)
	good, rsa, stranger := l.key("good", "ed25519", "never"), l.key("rsa", "rsa3072", "1y"), l.key("stranger", "ed25519", "never")
	weak := l.key("weak", "rsa1024", "never")
	ring := l.ring(good, rsa, weak)
	signature := l.sign(good, payload)
	two := strings.TrimSuffix(signature, "-----END PGP SIGNATURE-----\n") // and another below
	for name, test := range map[string]struct {
		payload, signature string
		allowed            []string
		want, fails        string
	}{
		"by its ID":                     {payload, signature, []string{good[24:]}, good[24:], ""},
		"by its ID in lower case":       {payload, signature, []string{strings.ToLower(good[24:])}, strings.ToLower(good[24:]), ""},
		"by its fingerprint":            {payload, signature, []string{"0000000000000000", good}, good, ""},
		"RSA":                           {payload, l.sign(rsa, payload), []string{rsa}, rsa, ""},
		"not among those allowed":       {payload, signature, []string{rsa}, "", ""},
		"a short ID allows nobody":      {payload, signature, []string{good[32:]}, "", ""},
		"another payload":               {payload + " ", signature, []string{good}, "", "bad signature"},
		"line ends of Windows":          {strings.ReplaceAll(payload, "\n", "\r\n"), signature, []string{good}, "", "bad signature"},
		"a key that is not known":       {payload, l.sign(stranger, payload), []string{stranger}, "", "not known"},
		"SHA-1":                         {payload, l.sign(good, payload, "--digest-algo", "SHA1", "--allow-weak-digest-algos"), []string{good}, "", "SHA-1"},
		"a weak key":                    {payload, l.sign(weak, payload), []string{weak}, "", "too weak"},
		"of the type for text":          {payload, l.sign(good, payload, "--textmode"), []string{good}, "", "another type"},
		"two, the good one last":        {payload, l.sign(stranger, payload) + signature, []string{good}, "", "one armored block"},
		"two, the good one first":       {payload, signature + l.sign(stranger, payload), []string{good}, "", "one armored block"},
		"two in one block":              {payload, l.gpg(payload, "--armor", "--detach-sign", "-u", stranger, "-u", good), []string{good}, "", "more than one"},
		"text before it":                {payload, "x\n" + signature, []string{good}, "", "one armored block"},
		"a message that has its own":    {payload, l.gpg(payload, "--armor", "--sign", "--local-user", good), []string{good}, "", "one armored block"},
		"clear-signed":                  {payload, l.gpg(payload, "--clear-sign", "--local-user", good), []string{good}, "", "one armored block"},
		"a signature that has expired":  {payload, l.sign(good, payload, "--default-sig-expire", "seconds=1", "--faked-system-time", "20250101T000000!", "--ignore-time-conflict"), []string{good}, "", ""},
		"made before there was the key": {payload, l.sign(good, payload, "--faked-system-time", "20200101T000000!", "--ignore-time-conflict", "--ignore-valid-from"), []string{good}, "", "before there was the key"},
		"cut off":                       {payload, signature[:len(signature)/2], []string{good}, "", "one armored block"},
		"nothing in it":                 {payload, "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----", []string{good}, "", "read"},
		"none":                          {payload, "", []string{good}, "", "one armored block"},
		"unfinished":                    {payload, two + "\n-----BEGIN PGP SIGNATURE-----\n", []string{good}, "", "one armored block"},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := ring.Verify([]byte(test.payload), []byte(test.signature), test.allowed, time.Now())
			if test.fails == "" && name != "a signature that has expired" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) || signer.Name != test.want {
				t.Errorf("%+v, %v", signer, err)
			}
			if name == "a signature that has expired" && err == nil {
				t.Error("it has expired")
			}
		})
	}
}

// TestKeysThatEnd: expiry and revocation count when somebody asks, and not when they sign.
func TestKeysThatEnd(t *testing.T) {
	l := newLab(t)
	year, sub := l.key("year", "ed25519", "1y"), l.key("sub", "ed25519", "never")
	l.gpg("", "--quick-add-key", sub, "ed25519", "sign", "1y")
	ring := l.ring(year, sub)
	check := func(ring *openpgp.Keyring, key, signature string, now time.Time, fails string) time.Time {
		t.Helper()
		signer, err := ring.Verify([]byte(payload), []byte(signature), []string{key}, now)
		if (fails == "") != (err == nil && signer.Name == key) || fails != "" && (err == nil || !strings.Contains(err.Error(), fails)) {
			t.Errorf("%+v, %v, want %q", signer, err, fails)
		}
		return signer.Until
	}
	ofYear, ofSub := l.sign(year, payload), l.sign(sub, payload)
	until := check(ring, year, ofYear, time.Now(), "")
	if left := time.Until(until); left < 360*24*time.Hour || left > 370*24*time.Hour {
		t.Errorf("valid for %s", left)
	}
	check(ring, year, ofYear, until.Add(time.Second), "expired")
	until = check(ring, sub, ofSub, time.Now(), "")
	check(ring, sub, ofSub, until.Add(time.Second), "expired")
	check(ring, year, ofYear, time.Now().Add(-time.Hour), "expired") // there was no key yet
	check(ring, year, ofYear, time.Now().Add(-time.Minute), "")

	revocation := func(key string) string {
		printed, err := l.Run(t.Context(), []byte("y\n0\n\ny\n"), "gpg", "--no-tty", "--quiet", "--command-fd", "0", "--pinentry-mode", "loopback", "--passphrase", "", "--gen-revoke", key)
		if err != nil {
			t.Fatal(err)
		}
		return string(printed)
	}
	l.gpg(revocation(year), "--import")
	check(l.ring(year), year, ofYear, time.Now(), "revoked")
}

func TestRead(t *testing.T) {
	l := newLab(t)
	one, two := l.key("one", "ed25519", "never"), l.key("two", "ed25519", "never")
	export := func(keys ...string) string { return l.gpg("", append([]string{"--armor", "--export"}, keys...)...) }
	for name, entries := range map[string]map[string]string{
		"of another ID":      {two[24:]: export(one)},
		"a short ID":         {one[32:]: export(one)},
		"two in one":         {one[24:]: export(one, two)},
		"nothing":            {one[24:]: ""},
		"no key":             {one[24:]: l.sign(one, "x")},
		"a private key":      {one[24:]: l.gpg("", "--armor", "--export-secret-keys", one)},
		"the good one stays": {one: export(one), two: "x"},
	} {
		ring, err := openpgp.Read(entries)
		if err == nil {
			t.Errorf("%s: it was read", name)
		}
		signer, err := ring.Verify([]byte(payload), []byte(l.sign(one, payload)), []string{one}, time.Now())
		if stays := name == "the good one stays"; stays != (err == nil && signer.Name == one) {
			t.Errorf("%s: %+v, %v", name, signer, err)
		}
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte("-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0WIQ\n=abcd\n-----END PGP SIGNATURE-----\n"), "")
	f.Add([]byte(""), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n")
	f.Fuzz(func(t *testing.T, signature []byte, key string) {
		if len(signature) > 64<<10 || len(key) > 64<<10 {
			return
		}
		bound.Limits{}.Run(t, func() {
			ring, _ := openpgp.Read(map[string]string{"0123456789ABCDEF": key})
			if signer, err := ring.Verify([]byte(payload), signature, []string{"0123456789ABCDEF"}, time.Now()); err == nil {
				t.Errorf("signed by %+v", signer)
			}
		})
	})
}

package sshsig_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/syncline-io/syncline/internal/base/bound"
	"github.com/syncline-io/syncline/internal/base/testenv"
	"github.com/syncline-io/syncline/internal/edge/signature/sshsig"
)

const payload = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nmessage\n"

// lab has ssh-keygen.
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

func (l lab) key(name, kind string) (file, public string) {
	l.t.Helper()
	file, public, err := l.NewSSHKey(l.t.Context(), name, kind)
	if err != nil {
		l.t.Fatal(err)
	}
	return file, public
}

func (l lab) sign(file, namespace, text string, options ...string) string {
	l.t.Helper()
	signature, err := l.SignSSH(l.t.Context(), file, namespace, []byte(text), options...)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(signature)
}

func fingerprint(t *testing.T, public string) string {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// TestVerify is a table of signatures and allowed signers, and asks ssh-keygen as well.
func TestVerify(t *testing.T) {
	l := newLab(t)
	jane, janes := l.key("jane", "ed25519")
	bob, bobs := l.key("bob", "ecdsa")
	old, olds := l.key("old", "rsa")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	signature := l.sign(jane, "git", payload)
	for name, test := range map[string]struct {
		allowed, revoked, signature, payload string
		signer                               string // "" is jane@example.com
		fails                                string
		denied                               bool
	}{
		"allowed":                   {allowed: "jane@example.com " + janes},
		"one of several principals": {allowed: "bob@example.com,jane@example.com " + janes},
		"a pattern":                 {allowed: `"*@example.com" ` + janes},
		"a pattern that denies":     {allowed: "*@example.com,!jane@example.com " + janes, denied: true},
		"another principal":         {allowed: "bob@example.com " + janes, denied: true},
		"any of the lines":          {allowed: "bob@example.com " + janes + "\n# comment\n\njane@example.com " + janes},
		"by its fingerprint":        {allowed: "bob@example.com " + janes, signer: fingerprint(t, janes)},
		"another fingerprint":       {allowed: "bob@example.com " + janes, signer: fingerprint(t, bobs), denied: true},
		"ECDSA":                     {allowed: "jane@example.com " + bobs, signature: l.sign(bob, "git", payload)},
		"RSA by SHA-256":            {allowed: "jane@example.com " + olds, signature: l.sign(old, "git", payload, "-O", "hashalg=sha256")},
		"a key that is not known":   {allowed: "jane@example.com " + bobs, fails: "not known"},
		"no signers":                {fails: "not known"},
		"for git":                   {allowed: `jane@example.com namespaces="file,git" ` + janes},
		"for files":                 {allowed: `jane@example.com namespaces="file" ` + janes, fails: "may not sign"},
		"signed as a file":          {allowed: "jane@example.com " + janes, signature: l.sign(jane, "file", payload), fails: "namespace"},
		"valid":                     {allowed: `jane@example.com valid-after="20260301",valid-before="202603011201" ` + janes},
		"not yet valid":             {allowed: `jane@example.com valid-after="20260302" ` + janes, fails: "not valid yet"},
		"not valid any more":        {allowed: `jane@example.com valid-before="20260301115959Z" ` + janes, fails: "not valid any more"},
		"valid by another line":     {allowed: `jane@example.com valid-before="20250101" ` + janes + "\n" + `jane@example.com valid-after="20260101" ` + janes},
		"revoked":                   {allowed: "jane@example.com " + janes, revoked: janes, fails: "revoked"},
		"another is revoked":        {allowed: "jane@example.com " + janes, revoked: "# lost\n" + bobs},
		"an authority is no key":    {allowed: "jane@example.com cert-authority " + janes, fails: "not known"},
		"another payload":           {allowed: "jane@example.com " + janes, payload: payload + "x", fails: "bad signature"},
		"two signatures":            {allowed: "jane@example.com " + janes, signature: signature + signature, fails: "one armored block"},
		"text before":               {allowed: "jane@example.com " + janes, signature: "x\n" + signature, fails: "armored block"},
		"headers in the armor":      {allowed: "jane@example.com " + janes, signature: strings.Replace(signature, "-----\n", "-----\nA: b\n\n", 1), fails: "one armored block"},
		"cut off":                   {allowed: "jane@example.com " + janes, signature: signature[:len(signature)/2], fails: "armored block"},
		"nothing in it":             {allowed: "jane@example.com " + janes, signature: "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", fails: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			signers, err := sshsig.Read(test.allowed, test.revoked)
			if err != nil {
				t.Fatal(err)
			}
			with, text, want := test.signature, payload, test.signer
			if with == "" {
				with = signature
			}
			if test.payload != "" {
				text = test.payload
			}
			if want == "" {
				want = "ssh:jane@example.com"
			}
			signer, err := signers.Verify([]byte(text), []byte(with), []string{want}, at)
			good := err == nil && signer.Name == want
			if good == (test.denied || test.fails != "") || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("%+v, %v", signer, err)
			}
			if principal, is := strings.CutPrefix(want, "ssh:"); is && strings.Count(with, "BEGIN") == 1 && strings.HasPrefix(with, "-----") {
				if theirs := l.agrees(test.allowed, test.revoked, principal, with, text, at); theirs != good {
					t.Errorf("ssh-keygen says %t, and we %t", theirs, good)
				}
			}
		})
	}
}

// agrees asks ssh-keygen.
func (l lab) agrees(allowed, revoked, principal, signature, text string, at time.Time) bool {
	l.t.Helper()
	var files []string
	for i, content := range []string{allowed + "\n", signature, revoked + "\n"} {
		path, err := l.Write(fmt.Sprintf("file%d", i), content)
		if err != nil {
			l.t.Fatal(err)
		}
		files = append(files, path)
	}
	args := []string{"-q", "-Y", "verify", "-f", files[0], "-s", files[1], "-I", principal, "-n", "git", "-O", "verify-time=" + at.Format("20060102150405")}
	if revoked != "" {
		args = append(args, "-r", files[2])
	}
	_, err := l.Run(l.t.Context(), []byte(text), "ssh-keygen", args...)
	return err == nil
}

// TestCertificates: who has a certificate is who the authority says, then and by its name.
func TestCertificates(t *testing.T) {
	l := newLab(t)
	authority, authorities := l.key("authority", "ed25519")
	key, _ := l.key("key", "ed25519")
	sign := func(options ...string) string {
		if _, err := l.Run(t.Context(), nil, "ssh-keygen", append(append([]string{"-q", "-s", authority, "-I", "id"}, options...), key+".pub")...); err != nil {
			t.Fatal(err)
		}
		return l.sign(key+"-cert.pub", "git", payload)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		options []string
		allowed string
		good    bool
	}{
		"of jane":      {[]string{"-n", "jane@example.com", "-V", "20260101:20270101"}, "*@example.com cert-authority ", true},
		"of bob":       {[]string{"-n", "bob@example.com"}, "*@example.com cert-authority ", false},
		"of nobody":    {nil, "*@example.com cert-authority ", false},
		"of a host":    {[]string{"-h", "-n", "jane@example.com"}, "*@example.com cert-authority ", false},
		"expired":      {[]string{"-n", "jane@example.com", "-V", "20250101:20260101"}, "*@example.com cert-authority ", false},
		"other domain": {[]string{"-n", "jane@example.com"}, "*@example.org cert-authority ", false},
		"no authority": {[]string{"-n", "jane@example.com"}, "*@example.com ", false},
		"critical":     {[]string{"-n", "jane@example.com", "-O", "critical:x@y=z"}, "*@example.com cert-authority ", false},
	} {
		signature := sign(test.options...)
		signers, err := sshsig.Read(test.allowed+authorities, "")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := signers.Verify([]byte(payload), []byte(signature), []string{"ssh:jane@example.com", signer(t, signature)}, at)
		if good := err == nil && signer.Name == "ssh:jane@example.com"; good != test.good {
			t.Errorf("%s: %+v, %v", name, signer, err)
		}
		if revoked, err := sshsig.Read(test.allowed+authorities, authorities); err != nil {
			t.Fatal(err)
		} else if _, err := revoked.Verify([]byte(payload), []byte(signature), []string{"ssh:jane@example.com"}, at); err == nil {
			t.Errorf("%s: the authority was revoked", name)
		}
	}
}

// signer returns the fingerprint of the key that a signature says it is by.
func signer(t *testing.T, signature string) string {
	t.Helper()
	signers, _ := sshsig.Read("", "")
	signer, _ := signers.Verify([]byte(payload), []byte(signature), nil, time.Now())
	return signer.Key
}

func TestReadRefuses(t *testing.T) {
	l := newLab(t)
	_, key := l.key("key", "ed25519")
	for name, line := range map[string]string{
		"no key":                      "jane@example.com",
		"no principals":               key,
		"an option that is not known": `jane@example.com verify-required ` + key,
		"an option twice":             `jane@example.com namespaces="git",namespaces="file" ` + key,
		"no namespace":                `jane@example.com namespaces="" ` + key,
		"no time":                     `jane@example.com valid-after="tomorrow" ` + key,
		"times the wrong way round":   `jane@example.com valid-after="20260102",valid-before="20260101" ` + key,
		"authority with a value":      `jane@example.com cert-authority="x" ` + key,
		"an open quote":               `"jane@example.com ` + key,
	} {
		signers, err := sshsig.Read(line, "")
		if err == nil {
			t.Errorf("%s: it was read", name)
		}
		if signers == nil {
			t.Errorf("%s: no signers", name)
		}
	}
	file, public := l.key("jane", "ed25519")
	signers, err := sshsig.Read("jane "+public, "no key")
	if _, fails := signers.Verify([]byte(payload), []byte(l.sign(file, "git", payload)), []string{"ssh:jane"}, time.Now()); err == nil || fails == nil {
		t.Errorf("it is not known what is revoked: %v, %v", err, fails)
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n"), `a namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf`, "")
	f.Add([]byte(""), `"*,!b*" valid-after="20260101",cert-authority ssh-ed25519 AAAA`, "x")
	f.Fuzz(func(t *testing.T, signature []byte, allowed, revoked string) {
		if len(signature)+len(allowed)+len(revoked) > 128<<10 {
			return
		}
		bound.Limits{}.Run(t, func() {
			signers, _ := sshsig.Read(allowed, revoked)
			if signer, err := signers.Verify([]byte(payload), signature, []string{"ssh:a"}, time.Now()); err == nil {
				t.Errorf("signed by %+v", signer)
			}
		})
	})
}
